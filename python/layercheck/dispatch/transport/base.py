"""The seam: what a transport is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from layercheck._core import Plan


@dataclass(frozen=True, slots=True)
class Batch:
    """The content of one call: the digests `start..stop` of a plan."""

    plan: Plan
    start: int
    stop: int

    def texts(self) -> list[str]:
        """The digests as the service wants them."""
        return self.plan.texts(self.start, self.stop)


class Transport(Protocol):
    """Asks the service about one batch. Called from many threads at once."""

    @property
    def name(self) -> str:
        """`plain`, `slim`, `wire` or `native`: the way that is really taken just now."""

    def __call__(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """The answer: `layers` and `failures` as botocore parses them, or the body they are in.

        Raises:
            Exception: Anything `classify` can look at; what it does not know counts as passing.
        """

    def close(self) -> None:
        """Let go of connections of its own. Calls under way are not disturbed."""
