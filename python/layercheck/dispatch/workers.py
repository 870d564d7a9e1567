"""Worker threads: call slots shared by all runs of one `Checker`.

Threads are daemons of our own. `ThreadPoolExecutor` joins its threads when the
interpreter ends, so one hanging call would keep a program from exiting.

Each worker fetches its next call itself, so nothing is handed from thread to
thread while there is enough to do. At most one idle worker, the timekeeper, waits
with a timeout: until the pacer allows the next call or one falls due for being
asked again. When it takes the call, it wakes another idle worker to keep the time,
or starts one if there is none. So the number of threads follows rate x latency.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from layercheck.dispatch.calls import Call
from layercheck.dispatch.pacer import Pacer

_numbers = itertools.count(1)


class CallAbandonedExit(SystemExit):
    """Raised inside a thread that was given up; `threading` lets SystemExit end a thread silently."""


class Work(Protocol):
    """What a worker needs of a run. All but `ask` are called with the workers' lock held."""

    def due(self, now: float) -> float | None:
        """When the next call may be taken; None for not before something changes."""

    def take(self, now: float) -> Call:
        """The next call."""

    def ask(self, call: Call) -> Callable[[float], None]:
        """Put the call to the service, without the lock; returns what to do with it under the lock."""


class Workers:
    """At most `slots` calls at once, for any number of runs, taken from them in turn.

    Args:
        slots: Calls at once.
        pacer: Says when a call may start.
        idle_s: How long a thread without work stays.
    """

    def __init__(self, slots: int, pacer: Pacer, *, idle_s: float) -> None:
        self.lock = threading.Lock()
        self._slots = slots
        self._pacer = pacer
        self._idle_s = idle_s
        self._works: deque[Work] = deque()
        self._timekeeper = threading.Condition(self.lock)
        self._idlers = threading.Condition(self.lock)
        self._keeping_time = False
        self._idle = 0
        self._threads = 0
        self._closed = False

    @property
    def threads(self) -> int:
        """Worker threads alive, without those given up."""
        return self._threads

    def add(self, work: Work) -> None:
        """Let a run take part. With the lock held."""
        self._works.append(work)
        self.stir()

    def remove(self, work: Work) -> None:
        """The run asks nothing more. With the lock held."""
        if work in self._works:
            self._works.remove(work)

    def close(self) -> None:
        """Send the threads home; calls under way are finished first. With the lock held."""
        self._closed = True
        self._timekeeper.notify_all()
        self._idlers.notify_all()

    def abandon(self, call: Call) -> None:
        """Give up a call and the thread that waits for it. With the lock held.

        The thread cannot be ended from outside while it waits for the network, and on a caller's own
        client its connection is out of reach. What can be done is to raise in it as soon as it runs
        Python code again, which an endless body makes it do: so it cannot go on filling the memory.
        The lock is what makes the thread's number safe to use: a thread that finishes needs the lock
        before it can see that it was abandoned and end.
        """
        call.abandoned = True
        self._threads -= 1
        if not call.finished:
            _raise_in(call.thread_id)
        self.stir()

    def stir(self) -> None:
        """Something changed: see to it that somebody looks at what is next. With the lock held."""
        if self._closed:
            return
        if self._keeping_time:
            self._timekeeper.notify()
        elif self._idle:
            self._idlers.notify()
        elif self._threads < self._slots and any(
            work.due(time.monotonic()) is not None for work in self._works
        ):
            self._start_thread()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"layercheck-{next(_numbers)}", daemon=True)
        # Counted before it starts: Ctrl-C may strike while `start` waits for the thread to be there.
        self._threads += 1
        try:
            thread.start()
        except RuntimeError:
            self._threads -= 1
            # The system gives no more threads: go on with those there are.
            if not self._threads:
                raise

    def _serve(self) -> None:
        while (taken := self._await_call()) is not None:
            work, call = taken
            settle = work.ask(call)
            call.finished = True
            with self.lock:
                if call.abandoned:
                    return
                settle(time.monotonic())

    def _await_call(self) -> tuple[Work, Call] | None:
        with self.lock:
            while not self._closed:
                now = time.monotonic()
                taken, wait_s = self._pick(now)
                if taken is not None:
                    taken[1].thread_id = threading.get_ident()
                    self.stir()
                    return taken
                if not self._wait(wait_s):
                    break
            self._threads -= 1
            return None

    def _pick(self, now: float) -> tuple[tuple[Work, Call] | None, float | None]:
        """The next call, or how long to wait; None for until something changes."""
        soonest: float | None = None
        for _ in range(len(self._works)):
            work = self._works[0]
            self._works.rotate(-1)
            due = work.due(now)
            if due is None:
                continue
            if due <= now:
                delay = self._pacer.reserve()
                return ((work, work.take(now)), None) if delay <= 0 else (None, delay)
            soonest = due if soonest is None else min(soonest, due)
        return None, None if soonest is None else soonest - now

    def _wait(self, wait_s: float | None) -> bool:
        """Wait for a reason to look again; False when this thread may go."""
        if not self._keeping_time:
            self._keeping_time = True
            try:
                woken = self._timekeeper.wait(self._idle_s if wait_s is None else wait_s)
            finally:
                self._keeping_time = False
            return woken or wait_s is not None
        self._idle += 1
        try:
            woken = self._idlers.wait(self._idle_s)
        finally:
            self._idle -= 1
        # A wake-up can come at the very end of the time; then nobody keeps the time but this thread.
        return woken or not self._keeping_time


def _raise_in(thread_id: int) -> None:
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(CallAbandonedExit))
