"""`Deadline`: the time that a caller gives a run."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from layercheck.errors import InvalidParameterError


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a run must end, counted from the moment when its caller asked for it.

    Attributes:
        timeout_s: Seconds in all; infinite for no limit.
        at: When they are over, on the monotonic clock.
    """

    timeout_s: float = math.inf
    at: float = math.inf

    @classmethod
    def of(cls, timeout_s: object) -> Deadline:
        """Start the clock for a caller's `timeout_s`.

        Raises:
            TypeError: It is not a number.
            InvalidParameterError: It is not above zero.
        """
        if timeout_s is None:
            return cls()
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
            raise TypeError(f"timeout_s is a {type(timeout_s).__name__}; expected seconds or None")
        if not timeout_s > 0:
            raise InvalidParameterError(f"timeout_s is {timeout_s!r}; expected more than 0 seconds, or None")
        return cls(float(timeout_s), time.monotonic() + timeout_s)

    @property
    def left_s(self) -> float | None:
        """Seconds left, at least a nanosecond; None if there is no deadline."""
        if self.at == math.inf:
            return None
        return max(self.at - time.monotonic(), 1e-9)
