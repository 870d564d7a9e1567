"""Worker threads: call slots shared by all runs of one `Checker`.

Threads are daemons of our own. `ThreadPoolExecutor` joins its threads when the
interpreter ends, so one hanging call would keep a program from exiting.

Each worker fetches its next call itself, in the same hold of the lock in which it
settles the last, so nothing is handed from thread to thread while there is enough
to do. At most one idle worker, the timekeeper, waits with a timeout: until the
pacer allows the next call or one falls due for being asked again. It then hands the
call to another idle worker and goes on keeping the time; if there is none it takes
the call itself and starts another thread. So the number of threads follows rate x
latency.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from layercheck.dispatch.rate.concurrency import ConcurrencyLimit
from layercheck.dispatch.schedule.scheduler import Call

_numbers = itertools.count(1)

TICK_S = 0.002
"""The timekeeper sleeps no shorter. At 1,000 calls a second it then lets two calls go each time, instead
of waking twice; the pacer's burst is ten times that, so no call is lost for it."""


class CallAbandonedExit(SystemExit):
    """Raised inside a thread that was given up; `threading` lets SystemExit end a thread silently."""


class RateLimiter(Protocol):
    """What the workers need of a pacer."""

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""


class WorkSource(Protocol):
    """What a worker needs of a run. All but `ask` are called with the workers' lock held."""

    def due(self, now: float) -> float | None:
        """When the next call may be taken; None for not before something changes."""

    def take(self, now: float) -> Call:
        """The next call."""

    def ask(self, call: Call) -> Callable[[float], None]:
        """Put the call to the service, without the lock; returns what to do with it under the lock."""

    def crashed(self, call: Call, error: BaseException, now: float) -> None:
        """What `ask` returned has failed, which only a lack of memory or a mistake of ours can cause."""


class _Worker(threading.Thread):
    """A thread, and the gate it waits at: a bare lock, because a `Condition` makes one for each wait."""

    def __init__(self, serve: Callable[[_Worker], None]) -> None:
        super().__init__(target=serve, args=(self,), name=f"layercheck-{next(_numbers)}", daemon=True)
        self.gate = threading.Lock()
        self.gate.acquire()
        self.handed: tuple[WorkSource, Call] | None = None

    def wake(self) -> None:
        self.gate.release()


class WorkerPool:
    """At most `slots` calls at once, for any number of runs, taken from them in turn.

    Args:
        slots: Calls at once.
        pacer: Says when a call may start.
        idle_s: How long a thread without work stays.
    """

    def __init__(self, slots: int, pacer: RateLimiter, *, idle_s: float) -> None:
        self.lock = threading.Lock()
        self.concurrency = ConcurrencyLimit(slots)
        self._slots = slots
        self._pacer = pacer
        self._idle_s = idle_s
        self._sources: deque[WorkSource] = deque()
        self._timekeeper: _Worker | None = None
        self._alarm_set = False  # the timekeeper knows when to look next
        # The last to become idle is the first to work again, so those that are not needed can go.
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._in_flight = 0
        self._closed = False
        self._pending: deque[Callable[[], object]] = deque()

    @property
    def threads(self) -> int:
        """Worker threads alive, without those given up."""
        return len(self._workers)

    def add(self, work: WorkSource) -> None:
        """Let a run take part. With the lock held."""
        self._sources.append(work)
        self.notify()

    def remove(self, work: WorkSource) -> None:
        """The run asks nothing more. With the lock held."""
        if work in self._sources:
            self._sources.remove(work)

    def call_soon(self, act: Callable[[], object]) -> None:
        """Have something done with the lock held, and never wait for the lock.

        For finalizers: the collector runs them in whatever thread it strikes, and that thread may hold the
        lock already. It is done at once if nobody has the lock; else by whoever next looks for a call, or
        by a run's own thread within a tick.
        """
        self._pending.append(act)
        if self.lock.acquire(blocking=False):
            try:
                self.run_pending()
            finally:
                self.lock.release()

    def run_pending(self) -> None:
        """Do what was put off. With the lock held."""
        while self._pending:
            self._pending.popleft()()

    def close(self) -> Sequence[threading.Thread]:
        """Send the threads home; calls under way are finished first. With the lock held.

        Returns:
            The threads that will end, to be joined without the lock.
        """
        self._closed = True
        for worker in (self._timekeeper, *self._idle):
            if worker is not None:
                worker.wake()
        self._timekeeper = None
        self._idle.clear()
        return list(self._workers)

    def answered(self, call: Call, now: float) -> None:
        """A call was answered: its latency sizes the room. With the lock held."""
        self.concurrency.answered(now - call.started_at, now, self._pacer.rate)

    def abandon(self, call: Call) -> None:
        """Give up a call and the thread that waits for it. With the lock held.

        The thread cannot be ended from outside while it waits for the network, and on a caller's own
        client its connection is out of reach. What can be done is to raise in it as soon as it runs
        Python code again, which an endless body makes it do: so it cannot go on filling the memory.
        The lock is what makes the thread's number safe to use: a thread that finishes needs the lock
        before it can see that it was abandoned and end.
        """
        call.abandoned = True
        self._in_flight -= 1
        self._workers = {worker for worker in self._workers if worker is not call.thread}
        if not call.finished:
            _raise_in(call.thread)
        self.notify()

    def notify(self) -> None:
        """Something changed: see to it that somebody looks at what is next. With the lock held."""
        if self._closed or self._in_flight >= self.concurrency.limit:
            return  # whoever comes back from a call looks anyway
        if self._timekeeper is not None:
            worker, self._timekeeper = self._timekeeper, None
            worker.wake()
        elif self._idle:
            self._idle.pop().wake()
        elif len(self._workers) < self._slots and self._any_due():
            self._start_thread()

    def _any_due(self) -> bool:
        now = time.monotonic()
        return any(work.due(now) is not None for work in self._sources)

    def _start_thread(self) -> None:
        worker = _Worker(self._serve)
        # Counted before it starts: Ctrl-C may strike while `start` waits for the thread to be there.
        self._workers.add(worker)
        try:
            worker.start()
        except RuntimeError:
            self._workers.discard(worker)
            # The system gives no more threads: go on with those there are.
            if not self._workers:
                raise

    def _serve(self, worker: _Worker) -> None:
        with self.lock:
            taken = self._next(worker, time.monotonic())
        while taken is not None:
            work, call = taken
            settle = work.ask(call)
            call.finished = True
            with self.lock:
                if call.abandoned:
                    return
                self._in_flight -= 1
                now = time.monotonic()
                try:
                    settle(now)
                except BaseException as error:  # noqa: BLE001 (nobody else would end the run)
                    work.crashed(call, error, now)
                taken = self._next(worker, now)

    def _next(self, worker: _Worker, now: float) -> tuple[WorkSource, Call] | None:
        """The next call, waited for if need be; None when this thread may go. With the lock held."""
        kept_time = False
        while not self._closed:
            self.run_pending()
            taken, wait_s = self._pick(now)
            if taken is not None:
                self._in_flight += 1
                if kept_time and self._idle:
                    self._assign(taken)
                    continue
                taken[1].thread = worker
                if self._timekeeper is None or not self._alarm_set:
                    self.notify()
                return taken
            kept_time = self._timekeeper is None
            stay = self._park(worker, wait_s)
            if worker.handed is not None:
                handed, worker.handed = worker.handed, None
                return handed
            if not stay:
                break
            now = time.monotonic()
        self._workers.discard(worker)
        return None

    def _assign(self, taken: tuple[WorkSource, Call]) -> None:
        other = self._idle.pop()
        other.handed = taken
        taken[1].thread = other
        other.wake()

    def _pick(self, now: float) -> tuple[tuple[WorkSource, Call] | None, float | None]:
        """The next call, or how long to wait; None for until something changes."""
        soonest: float | None = None
        if self._in_flight >= self.concurrency.limit:
            return None, None
        for _ in range(len(self._sources)):
            work = self._sources[0]
            self._sources.rotate(-1)
            due = work.due(now)
            if due is None:
                continue
            if due <= now:
                delay = self._pacer.reserve()
                return ((work, work.take(now)), None) if delay <= 0 else (None, delay)
            soonest = due if soonest is None else min(soonest, due)
        return None, None if soonest is None else soonest - now

    def _park(self, worker: _Worker, wait_s: float | None) -> bool:
        """Wait for a reason to look again; False when this thread may go."""
        keeps_time = self._timekeeper is None
        limit_s = self._idle_s
        if keeps_time:
            self._timekeeper = worker
            self._alarm_set = wait_s is not None
            limit_s = limit_s if wait_s is None else max(wait_s, TICK_S)
        else:
            self._idle.append(worker)
        self.lock.release()
        try:
            woken = worker.gate.acquire(timeout=limit_s)
        finally:
            self.lock.acquire()
        if not woken and not self._withdraw(worker):
            # Somebody woke it between the end of the time and the lock: the gate is open.
            woken = worker.gate.acquire()
        if keeps_time:
            return woken or wait_s is not None
        # It can have been the last of those who wait; then nobody keeps the time but this thread.
        return woken or self._timekeeper is None

    def _withdraw(self, worker: _Worker) -> bool:
        """Take back that this worker waits; False if it was woken meanwhile."""
        if self._timekeeper is worker:
            self._timekeeper = None
            return True
        if worker in self._idle:
            self._idle.remove(worker)
            return True
        return False


def _raise_in(thread: threading.Thread | None) -> None:
    import ctypes

    if thread is not None and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(CallAbandonedExit)
        )
