"""`DaemonThread`: a daemon thread whose start ends, also if the thread never runs."""

from __future__ import annotations

import threading
from typing import Any

from layercheck import _core

START_S = 3.0
"""Longest wait for a thread to run, seconds. Usually it runs within a millisecond."""

FIRST_STEPS_BYTES = 1 << 16
"""Memory that a new thread must be able to have. The module's thread-local data is much smaller."""


class ThreadDidNotRunError(RuntimeError):
    """A thread was started and did not run."""


class DaemonThread(threading.Thread):
    """A thread that does not keep the program from exiting, and runs only with memory for its first steps.

    `Thread.start` waits until the new thread says that it runs. A thread without memory for its first step
    ends without a word, and `start` would wait for ever (seen with Python 3.11 and little address space). And
    where a thread first calls the native module, the system's loader ends the process if it has no memory for
    the module's thread-local data.

    Args:
        **options: Those of `threading.Thread`, without `daemon`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, daemon=True)

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The system starts no thread.
            ThreadDidNotRunError: The thread did not run in time, or has no memory for its first steps.
        """
        # The attribute is private to CPython. If it is missing, `start` waits as it does without this class.
        if hasattr(self, "_started"):
            self._started = _BoundedEvent()
        super().start()

    def run(self) -> None:
        """Run the target, unless `start` raises."""
        if not getattr(self._started, "is_refused", False):
            super().run()


class _BoundedEvent(threading.Event):
    """Says that a thread runs. The thread itself sets it, as its first step."""

    is_refused = False

    def set(self) -> None:
        try:
            # What is given back here is there for the loader.
            bytearray(FIRST_STEPS_BYTES)
            _core.provide_thread_data()
        except MemoryError:
            self.is_refused = True
        super().set()

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None and (not super().wait(START_S) or self.is_refused):
            raise ThreadDidNotRunError("a new thread did not run; the process has too little memory")
        return super().wait(timeout)
