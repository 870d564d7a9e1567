"""`RateLimiter`: what the threads of a run need of a rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from layercheck.dispatch.outcome import Answer, Outcome

if TYPE_CHECKING:
    from layercheck._core import Budget


class RateLimiter(Protocol):
    """Says when a call may start."""

    @property
    def rate(self) -> float | None:
        """The present rate in calls per second; None while there is no limit."""

    @property
    def own_rate(self) -> float | None:
        """The rate while nothing is adapted; None for no limit."""

    @property
    def caller(self) -> int:
        """What the budget knows this limiter by."""

    @property
    def budget(self) -> Budget:
        """The budget of calls that start in the core, at `own_rate`."""

    @property
    def is_steady(self) -> bool:
        """Whether calls may start in the core, because the rate does not change from call to call."""

    def reserve(self) -> float:
        """Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked."""

    def record(self, outcome: Outcome, /) -> None:
        """Take note of the end of a request."""

    def record_answers(self, answers: Sequence[Answer], /) -> None:
        """Take note of answers that the core merged."""
