"""`DeferredActions`: actions that need a lock which the calling thread may hold already."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class DeferredActions:
    """Runs actions with a lock held, now or as soon as the lock is free, and never waits for it.

    Finalizers need this: the garbage collector runs them in any thread, and that thread may hold the lock.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._pending: deque[Callable[[], object]] = deque()

    def call_soon(self, act: Callable[[], object]) -> None:
        """Run `act` with the lock held.

        If another thread holds the lock, the next thread that calls `run_pending` runs it: a worker that
        looks for a call, or the run's own thread within a tick.
        """
        self._pending.append(act)
        if self._lock.acquire(blocking=False):
            try:
                self.run_pending()
            finally:
                self._lock.release()

    def run_pending(self) -> None:
        """Run what was put off. With the lock held."""
        while self._pending:
            self._pending.popleft()()
