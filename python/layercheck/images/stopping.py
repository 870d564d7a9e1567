"""`StopSignal`: ends everything that a check of images does, from any thread."""

from __future__ import annotations

import math
import threading
import time


class CheckStopped(Exception):  # noqa: N818 (the check was stopped, which is not an error)
    """The check was stopped, or its time is over."""


class StopSignal:
    """Tells all threads of a check to stop.

    Args:
        timeout_s: Seconds until it stops by itself; infinite for never.
    """

    def __init__(self, timeout_s: float = math.inf) -> None:
        self._event = threading.Event()
        self._deadline = time.monotonic() + timeout_s

    @property
    def is_set(self) -> bool:
        """Whether everything is to stop."""
        return self._event.is_set() or self.timed_out

    @property
    def timed_out(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._deadline

    @property
    def left_s(self) -> float | None:
        """Seconds left, at least a nanosecond; None without a limit."""
        if self._deadline == math.inf:
            return None
        return max(self._deadline - time.monotonic(), 1e-9)

    def set(self) -> None:
        """Stop."""
        self._event.set()

    def check(self) -> None:
        """Raise if everything is to stop.

        Raises:
            CheckStopped: It is.
        """
        if self.is_set:
            raise CheckStopped

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds.

        Raises:
            CheckStopped: Everything is to stop; without waiting any longer.
        """
        left = self._deadline - time.monotonic()
        if self._event.wait(min(seconds, max(left, 0.0))) or seconds >= left:
            raise CheckStopped

    def for_a_call_s(self, most_s: float) -> float:
        """Seconds that a call may take: its answer is still of use while a check that stops ends."""
        return most_s
