"""`RateLimiter`: what the threads of a run need of a rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from layercheck.dispatch.outcome import Answer, Outcome

if TYPE_CHECKING:
    from layercheck._core import Pacer


class RateLimiter(Protocol):
    """Says when a call may start."""

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""

    @property
    def own_rate(self) -> float | None:
        """Most calls per second of this limiter; None for no limit."""

    @property
    def caller(self) -> int:
        """Tells the pacer which limiter asks."""

    @property
    def pacer(self) -> Pacer:
        """The rate of the lane, which calls that start in the core ask themselves."""

    @property
    def is_fastest_of_lane(self) -> bool:
        """Whether no other Checker of the lane may go faster. Then calls may start in the core."""

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""

    def record(self, outcome: Outcome, /) -> None:
        """Take note of the end of a request."""

    def record_answers(self, answers: Sequence[Answer], /) -> None:
        """Take note of answers that the core merged."""
