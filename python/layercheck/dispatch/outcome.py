"""`Outcome`: the end of one request, told to everything that keeps count of a run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from layercheck.types import ErrorKind

if TYPE_CHECKING:
    from layercheck._core import Call, Merged
    from layercheck.aws.classify import Failure


class OutcomeKind(Enum):
    """What the end of a request means for the digests of its call.

    Attributes:
        is_final: No other outcome of the same call follows: its digests have what they get. It is an
            attribute and not a property, because each call of the API reads it several times.
    """

    ANSWERED = "the service answered", True
    RETRIED = "the same digests are asked again later", False
    SPLIT = "each half of the batch is asked by itself", False
    SUSPECTED = "one digest was refused, and it is open whether the digest is at fault", False
    REFUSED = "one digest was refused", True
    GIVEN_UP = "the digests have no answer, and the run does not ask again", True
    LEFT = "the run ended before the digests had an answer", True

    def __init__(self, meaning: str, is_final: bool) -> None:
        self.meaning = meaning
        self.is_final = is_final


class Cause(NamedTuple):
    """Why digests were refused or have no answer.

    Attributes:
        kind: Class of the error, or how the run ended.
        code: The service's error code, or the name of the exception.
        message: What happened, for a person; never holds a credential.
    """

    kind: ErrorKind
    code: str
    message: str


class Outcome(NamedTuple):
    """The end of one request. Immutable; made once and handed to every subscriber.

    Attributes:
        kind: What it means for the digests of the call.
        call: The call, as it was when the request ended.
        now: When the request ended, seconds on the run's clock.
        merged: What the answer brought; None without an answer.
        failure: What the transport raised, classified; None with an answer, or if the run ended first.
        cause: Why digests of the call were refused or have no answer; None if nothing went wrong.
    """

    kind: OutcomeKind
    call: Call
    now: float
    merged: Merged | None = None
    failure: Failure | None = None
    cause: Cause | None = None


Answer: TypeAlias = tuple[int, int, float, float]
"""A call that the core made, merged and counted: its digests as start and stop, when it started, and when its
answer was merged, seconds on the run's clock. No digest was missing, so it needs no `Outcome`."""


class Subscriber(Protocol):
    """Keeps count of what happens in a run."""

    def record(self, outcome: Outcome, /) -> None:
        """Take note of the end of a request. Called with the pool's lock held; must not block."""

    def record_answers(self, answers: Sequence[Answer], /) -> None:
        """Take note of answers that the core merged, oldest first. Likewise."""
