"""`Transport`: what every transport takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from layercheck._core import KnownSecrets, Packer, Plan

if TYPE_CHECKING:
    from layercheck._core import CallLoop


class AskedRepository:
    """The repository that a call asks. A transport serves all repositories of its client.

    Args:
        repository_name: Its name.
        registry_id: Its registry; None for the registry of the credentials.

    Attributes:
        keywords: The keywords of boto3's method that name it.
        packer: Makes the bodies of requests.
    """

    def __init__(self, repository_name: str, registry_id: str | None = None) -> None:
        self.keywords = {"repositoryName": repository_name}
        if registry_id is not None:
            self.keywords["registryId"] = registry_id
        self.packer = Packer(repository_name, registry_id)


@dataclass(frozen=True, slots=True)
class Batch:
    """The digests `start..stop` of a plan, and the repository: the content of one call."""

    plan: Plan
    start: int
    stop: int
    repository: AskedRepository

    def texts(self) -> list[str]:
        """Return the digests as text, in the form that the service takes."""
        return self.plan.texts(self.start, self.stop)


class Transport(Protocol):
    """Asks the service about one batch. Many threads call it at once."""

    @property
    def name(self) -> str:
        """`plain`, `slim`, `wire` or `native`: the transport that is really used just now."""

    @property
    def known(self) -> KnownSecrets:
        """The secrets that requests hold, to be removed from every text that the service returns."""

    def __call__(self, batch: Batch) -> Mapping[str, Any] | bytes:
        """Return the answer: `layers` and `failures` as botocore parses them, or the body that holds them.

        Raises:
            Exception: Anything that `classify` accepts; it takes an unknown exception for transient.
        """

    def distrust(self) -> None:
        """Use no connection again that was opened so far, because one of them gave a foreign answer."""

    def close(self) -> None:
        """Close the connections that the transport owns. Calls in flight are not disturbed."""


@runtime_checkable
class LoopingTransport(Transport, Protocol):
    """A transport that can make calls one after the other in the core."""

    @property
    def may_follow(self) -> bool:
        """Whether it can just now."""

    def follow(self, repository: AskedRepository, calls: CallLoop, seat: int) -> bytes | None:
        """Make the call of a seat, and then calls in the core, as long as their answers are good.

        Args:
            repository: What is asked.
            calls: The loop.
            seat: The seat.

        Returns:
            The answer to the call that the seat is at now. None if that call was settled or given up; if it
            was not, it has to be made like any other.

        Raises:
            Exception: As for any other call; for the call that the seat is at now.
        """

    def look(self) -> None:
        """Look whether calls are still made in the same way. Without a look, `follow` soon returns."""
