"""`AuditRun`: an audit on a thread of its own, as a future."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from layercheck.daemon_thread import DaemonThread

T = TypeVar("T")


class AuditRun(Future[T], Generic[T]):
    """A future of the verdict table of an audit that runs on a thread of its own.

    `result` waits for it, and `wait`, `as_completed` and `asyncio.wrap_future` work with it.

    Args:
        act: What is to be done.
        stop: What ends it early; called once, from any thread.
    """

    def __init__(self, act: Callable[[], T], stop: Callable[[], object]) -> None:
        super().__init__()
        self._act = act
        self._stop_it = stop
        self._was_cancelled = threading.Event()
        self.set_running_or_notify_cancel()
        DaemonThread(target=self._run, name="layercheck-audit").start()

    def cancel(self) -> bool:
        """Ask nothing more and end the audit; return at once.

        `result` then raises `RunCancelled`. What is finished stays, and the same call goes on from there.

        Returns:
            False if the audit had ended already.
        """
        if self.done():
            return False
        if not self._was_cancelled.is_set():
            self._was_cancelled.set()
            self._stop_it()
        return True

    def cancelled(self) -> bool:
        """Return whether the audit ended after it was cancelled."""
        return self._was_cancelled.is_set() and self.done()

    def _run(self) -> None:
        try:
            result = self._act()
        except BaseException as error:  # noqa: BLE001 - the caller who waits for the result gets it
            self.set_exception(error)
        else:
            self.set_result(result)
