"""`WorkerPool`: the threads that make the calls of all runs of one `Checker`.

The threads are daemon threads of the package's own. `ThreadPoolExecutor` joins its threads when the
interpreter ends, so one call that hangs would keep a program from exiting.

Each worker fetches its next call itself, in the same hold of the lock in which it settles the last one. So no
call is handed from thread to thread while there is enough to do. At most one idle worker, the timekeeper,
waits with a timeout: until the rate allows the next call, or a call falls due for a retry. It then assigns
the call to another idle worker and goes on keeping the time. Without another idle worker it takes the call
itself and starts another thread. So the number of threads follows rate x latency.
"""

from __future__ import annotations

import ctypes  # here, because nothing may be imported at the end of a run
import itertools
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from layercheck.daemon_thread import DaemonThread, ThreadDidNotRunError
from layercheck.dispatch.attempt import Attempt
from layercheck.dispatch.rate.concurrency import ConcurrencyLimit
from layercheck.dispatch.rate.limiter import RateLimiter
from layercheck.dispatch.schedule.deferred import DeferredActions
from layercheck.dispatch.schedule.rotation import Rotation, WorkSource

_numbers = itertools.count(1)

TICK_S = 0.002
"""Shortest sleep of the timekeeper, seconds. At 1,000 calls a second it then starts two calls each time,
instead of waking twice. The burst of a rate is at least six times as long, so no call is lost."""


class CallAbandonedExit(SystemExit):
    """Raised inside an abandoned thread, which it ends without a message."""


class _Worker(DaemonThread):
    """A thread and the gate where it waits: a bare lock, because a `Condition` makes one for each wait."""

    def __init__(self, serve: Callable[[_Worker], None]) -> None:
        super().__init__(target=serve, args=(self,), name=f"layercheck-{next(_numbers)}")
        self.gate = threading.Lock()
        self.gate.acquire()
        self.assigned: tuple[WorkSource, Attempt] | None = None

    def run(self) -> None:
        # `threading` is silent about `SystemExit` itself, and not about classes of it.
        with suppress(CallAbandonedExit):
            super().run()

    def wake(self) -> None:
        self.gate.release()


class WorkerPool:
    """Makes at most `slots` calls at once, for any number of runs.

    Args:
        slots: Most calls at once.
        rate: Says when a call may start.
        idle_s: How long a thread without work stays, seconds.

    Attributes:
        lock: Protects the pool and all its runs.
        slots: Most calls at once.
        concurrency: How many calls may be in flight just now.
        deferred: Actions that need the lock, from threads that may hold it.
    """

    def __init__(self, slots: int, rate: RateLimiter, *, idle_s: float) -> None:
        self.lock = threading.Lock()
        self.slots = slots
        self.concurrency = ConcurrencyLimit(slots, rate)
        self.deferred = DeferredActions(self.lock)
        self._rotation = Rotation(rate, self.concurrency)
        self._idle_s = idle_s
        self._timekeeper: _Worker | None = None
        self._alarm_set = False  # the timekeeper knows when to look next
        # The last worker to become idle is the first to work again, so that superfluous workers can end.
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._most_workers = slots
        self._closed = False

    @property
    def threads(self) -> int:
        """Number of worker threads alive, without abandoned ones."""
        return len(self._workers)

    @property
    def lets_threads_loop(self) -> bool:
        """Whether threads may make calls one after the other in the core. With the lock held."""
        return not self._closed and self._rotation.lets_threads_loop

    @property
    def is_shared(self) -> bool:
        """Whether several runs take part. With the lock held."""
        return self._rotation.is_shared

    def add(self, source: WorkSource) -> None:
        """Let a run take part. With the lock held."""
        self._rotation.add(source)
        self.notify()

    def remove(self, source: WorkSource) -> None:
        """Take no more calls from a run. With the lock held."""
        self._rotation.remove(source)

    def close(self) -> Sequence[threading.Thread]:
        """Stop the worker threads after their current call. With the lock held.

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

    def abandon(self, attempt: Attempt) -> None:
        """Give up a thread and the call that it waits for. With the lock held.

        No other thread can end a thread that waits for the network, and the connection of a caller's own
        client is out of reach. But an exception can be raised in the thread as soon as it runs Python code
        again, which an endless body makes it do, so that the thread cannot fill the memory. The lock makes
        the thread's number safe to use: a thread needs the lock before it can see that it was abandoned, and
        end.
        """
        attempt.abandoned = True
        self._rotation.in_flight -= 1
        self._workers = {worker for worker in self._workers if worker is not attempt.thread}
        if not attempt.finished:
            _raise_in(attempt.thread)
        self.notify()

    def notify(self) -> None:
        """Make a worker look for the next call, because something changed. With the lock held."""
        if self._closed or self._rotation.is_full:
            return  # each worker that comes back from a call looks for the next
        if self._timekeeper is not None:
            worker, self._timekeeper = self._timekeeper, None
            worker.wake()
        elif self._idle:
            self._idle.pop().wake()
        elif len(self._workers) < self._most_workers and self._rotation.has_work():
            self._start_thread()

    def _start_thread(self) -> None:
        worker: _Worker | None = None
        try:
            worker = _Worker(self._serve)
            # Counted before it starts, because Ctrl-C may arrive while `start` waits for the thread.
            self._workers.add(worker)
            worker.start()
        except (RuntimeError, MemoryError) as error:
            if worker is not None:
                self._workers.discard(worker)
            if isinstance(error, ThreadDidNotRunError):
                # Each further try would hold the lock for seconds.
                self._most_workers = max(len(self._workers), 1)
            # The system gives no more threads: go on with those that exist.
            if not self._workers:
                raise RuntimeError(
                    "the system starts no more threads for this process; raise ulimit -u or its memory"
                ) from error

    def _serve(self, worker: _Worker) -> None:
        with self.lock:
            taken = self._next(worker, time.monotonic())
        while taken is not None:
            source, attempt = taken
            try:
                settle = source.ask(attempt)
            except BaseException as error:  # noqa: BLE001 (without this, nothing would end the run)
                settle = partial(_raise, error)
            attempt.finished = True
            taken = self._settle(worker, source, attempt, settle)

    def _settle(
        self, worker: _Worker, source: WorkSource, attempt: Attempt, settle: Callable[[float], None]
    ) -> tuple[WorkSource, Attempt] | None:
        """Settle the outcome of a call, and take the next; return None when this thread may end.

        This is a method of its own so that it is short. CPython (seen in 3.11) loops for ever, with the
        interpreter lock held, if memory runs out within a `with` or `except` that stands more than 256
        instructions behind the start of its function. `test_exhaustion.py` has the list of such functions.
        """
        with self.lock:
            if attempt.abandoned:
                return None
            self._rotation.in_flight -= 1
            now = time.monotonic()
            try:
                settle(now)
            except BaseException as error:  # noqa: BLE001 (likewise)
                source.crashed(attempt, error, now)
            return self._next(worker, now)

    def _next(self, worker: _Worker, now: float) -> tuple[WorkSource, Attempt] | None:
        """Wait for the next call; return None when this thread may end. With the lock held."""
        try:
            return self._wait_for_call(worker, now)
        except BaseException:
            # Without memory, another thread is started in its place at the next tick of a run.
            self._workers.discard(worker)
            raise

    def _wait_for_call(self, worker: _Worker, now: float) -> tuple[WorkSource, Attempt] | None:
        kept_time = False
        while not self._closed:
            self.deferred.run_pending()
            taken, wait_s = self._rotation.next_call(now)
            if taken is not None:
                if kept_time and self._idle:
                    self._assign(taken)
                    continue
                taken[1].thread = worker
                if not self._rotation.is_full and (self._timekeeper is None or not self._alarm_set):
                    # The call is taken, so that it must be returned, also without another thread.
                    with suppress(RuntimeError, MemoryError):
                        self.notify()
                return taken
            kept_time = self._timekeeper is None
            stay = self._park(worker, wait_s)
            if worker.assigned is not None:
                assigned, worker.assigned = worker.assigned, None
                return assigned
            if not stay:
                break
            now = time.monotonic()
        self._workers.discard(worker)
        return None

    def _assign(self, taken: tuple[WorkSource, Attempt]) -> None:
        other = self._idle.pop()
        other.assigned = taken
        taken[1].thread = other
        other.wake()

    def _park(self, worker: _Worker, wait_s: float | None) -> bool:
        """Wait for a reason to look again; return False when this thread may end."""
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
            # Another thread woke it between the end of the time and the lock, so the gate is open.
            woken = worker.gate.acquire()
        if keeps_time:
            return woken or wait_s is not None
        # If it was the last of those that wait, only this thread keeps the time.
        return woken or self._timekeeper is None

    def _withdraw(self, worker: _Worker) -> bool:
        """Take back that this worker waits; return False if it was woken meanwhile."""
        if self._timekeeper is worker:
            self._timekeeper = None
            return True
        if worker in self._idle:
            self._idle.remove(worker)
            return True
        return False


def _raise(error: BaseException, _: float) -> None:
    raise error


def _raise_in(thread: threading.Thread | None) -> None:
    # While an exception waits for a thread, Python 3.11 executes no function that a debugger or a coverage
    # tool traces: each thread stays at the first instruction until the abandoned call's next byte, or its
    # read timeout.
    if sys.version_info < (3, 12) and sys.gettrace() is not None:
        return
    if thread is not None and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(CallAbandonedExit)
        )
