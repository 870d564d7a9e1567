"""`Budget`: when the next call may start at a given rate."""

from __future__ import annotations

import math

BURST_S = 0.02
"""Calls that may start at once, as seconds of rate: a fifth of the tenth of a second that is promised."""

_ROUNDING_S = 1e-9
"""Tolerance for rounding, seconds, so that waiting exactly as told is enough."""


class Budget:
    """The generic cell rate algorithm (GCRA). It keeps one number: the time at which the budget is used up.

    Each call moves that time forward by `1 / rate`. The time may run ahead of the clock by a small burst, at
    least one call. A pause saves up no more than that burst.
    """

    def __init__(self, burst_s: float = BURST_S) -> None:
        self._burst_s = burst_s
        self._paid_until = -math.inf

    def delay_until_allowed(self, now: float, rate: float) -> float:
        """Return the seconds until the next call may start at this rate; 0.0 for now."""
        delay = self._paid_until - now - self._tolerance(rate)
        return delay if delay > _ROUNDING_S else 0.0

    def consume(self, now: float, rate: float) -> None:
        """Count a call that starts now."""
        self._paid_until = max(now, self._paid_until) + 1.0 / rate

    def empty(self, now: float, rate: float) -> None:
        """Drop what was saved up: the next call may start one interval from now."""
        wait = 1.0 / rate + self._tolerance(rate)
        self._paid_until = max(self._paid_until, now + wait)

    def _tolerance(self, rate: float) -> float:
        """Return how far the budget may be overdrawn, in seconds: all but the first call of a burst."""
        return max(0.0, self._burst_s - 1.0 / rate)
