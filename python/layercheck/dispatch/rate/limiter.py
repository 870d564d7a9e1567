"""`RateLimiter`: what the threads of a run need of a rate."""

from __future__ import annotations

from typing import Protocol

from layercheck.dispatch.outcome import Outcome


class RateLimiter(Protocol):
    """Says when a call may start."""

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""

    def record(self, outcome: Outcome, /) -> None:
        """Take note of the end of a request."""
