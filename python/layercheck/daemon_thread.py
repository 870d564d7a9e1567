"""`DaemonThread`: a daemon thread whose start ends, also if the thread never runs."""

from __future__ import annotations

import threading

START_S = 3.0
"""Longest wait for a thread to run, seconds. Usually it runs within a millisecond."""


class ThreadDidNotRunError(RuntimeError):
    """A thread was started and did not run."""


class DaemonThread(threading.Thread):
    """A thread that does not keep the program from exiting.

    `Thread.start` waits until the new thread says that it runs. A thread without memory for its first step
    ends without a word, and `start` would wait for ever (seen with Python 3.11 and little address space).
    """

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The system starts no thread.
            ThreadDidNotRunError: The thread did not run in time.
        """
        # The attribute is private to CPython. If it is missing, `start` waits as it does without this class.
        if hasattr(self, "_started"):
            self._started = _BoundedEvent()
        super().start()


class _BoundedEvent(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None and not super().wait(START_S):
            raise ThreadDidNotRunError("a new thread did not run; the process has too little memory")
        return super().wait(timeout)
