"""`RetryDecision`: what the scheduler decided about a failed request, and what it reads of the failure."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class RetryDecision(Enum):
    """What the scheduler decided about a failed request."""

    RETRY = "ask the same digests again later, some of them in the last round"
    SPLIT = "ask each half of the batch by itself"
    REFUSE = "the digest stands alone and is refused"
    SUSPECT = "the digest is refused if the service accepts any other digest"
    GIVE_UP = "leave the digests without an answer"
    FATAL = "end the run: asking again cannot help"
    STALL = "end the run: the service stopped answering"


class FailureFacts(Protocol):
    """What the scheduler reads of a failure; `layercheck.aws.classify.Failure` has it."""

    @property
    def kind(self) -> str:
        """`throttled`, `transient`, `batch` or `fatal`."""

    @property
    def connected(self) -> bool:
        """Whether a connection was made."""

    @property
    def hung_up(self) -> bool:
        """Whether the server closed a connection without TLS before it answered."""

    @property
    def renews(self) -> bool:
        """Whether new credentials may help."""

    @property
    def resigns(self) -> bool:
        """Whether the service refused the time of the signature."""

    @property
    def names_target(self) -> bool:
        """Whether the message speaks of the repository or the registry."""

    @property
    def names_digest(self) -> bool:
        """Whether the message speaks of digests."""
