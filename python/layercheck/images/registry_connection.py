"""`RegistryConnection`: what all checks of images in one account and region share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from layercheck.aws.caller_identity import caller_arn
from layercheck.dispatch.checker import Checker
from layercheck.dispatch.connection import Connection
from layercheck.dispatch.rate.lanes import LaneHandle, join_lane
from layercheck.errors import InvalidParameterError
from layercheck.images.call_threads import CallThreads
from layercheck.images.operations import Operations
from layercheck.limits import Limits
from layercheck.types import EcrClient, Rate, Target

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config

CALLS_AT_ONCE = 8
"""Calls that list and read, at once."""

LISTING_RATE = 10.0
"""Calls per second of each operation that lists, whose quotas AWS does not document."""

READING_RATE = 10.0
"""Calls of BatchGetImage per second. Its quota is 2,000 per second, but each pull in the account draws on it,
and it is not documented whether it counts calls or images."""

WITNESS_RATE = 100.0
"""Calls of GetDownloadUrlForLayer per second, of a quota of 3,000. A check makes 1,000 at most."""

LISTING = ("DescribeRepositories", "DescribeImages", "ListImages")


class RegistryConnection:
    """A client, and the lane of each operation. The arguments are those of `ImageChecker`.

    Attributes:
        target: The registry; its repository name is `*`.
        settings: How the client reaches the service, for messages.
        rates: Calls per second by operation; None for no limit.
        operations: Makes the calls that list and read.
        threads: Where several of them are made at once.
    """

    def __init__(
        self,
        registry_id: str | None,
        *,
        session: Session | None,
        client: EcrClient | None,
        region_name: str | None,
        profile_name: str | None,
        endpoint_url: str | None,
        config: Config | None,
        rate: Rate,
        image_rate: float | str | None,
        list_rate: float | str | None,
        max_in_flight: int | None,
        limits: Limits,
    ) -> None:
        share = limits.lane_share or 1.0
        listing = _number("list_rate", list_rate, LISTING_RATE * share)
        reading = _number("image_rate", image_rate, READING_RATE * share)
        self._limits = limits
        self._shared = Connection(
            "*",
            registry_id,
            public=False,
            session=session,
            client=client,
            region_name=region_name,
            profile_name=profile_name,
            endpoint_url=endpoint_url,
            config=config,
            rate=rate,
            max_in_flight=max_in_flight,
            transport=None,
            limits=limits,
        )
        self.target: Target = self._shared.target
        self.settings = self._shared.settings
        self._paces: dict[str, LaneHandle] = {}
        rates: dict[str, float | None] = {
            **dict.fromkeys(LISTING, listing),
            "BatchGetImage": reading,
            "GetDownloadUrlForLayer": WITNESS_RATE * share,
        }
        for operation, number in rates.items():
            self._paces[operation] = join_lane(self._shared.client, self.target, number, limits, operation)
        # The layer check has its lane already.
        self.rates = {**rates, "BatchCheckLayerAvailability": self._shared.rate.own_rate}
        self.operations = Operations(
            self._shared.client,
            self._shared.signing,
            self.target.registry_id,
            self._paces,
            renewable=self._shared.renewable,
            retry=limits.retry,
            call_deadline_s=limits.call_deadline_s,
        )
        self.threads = CallThreads(CALLS_AT_ONCE, "layercheck-images")
        self._caller: str | None = None

    @property
    def account_id(self) -> str | None:
        """The account of the registry, if it is named or the credentials show it."""
        return self.target.registry_id or self._shared.account_id

    def caller(self) -> str | None:
        """The ARN of the role or user that calls, as STS tells it once; None if it is not known."""
        if self._caller is None:
            self._caller = caller_arn(self._shared.session, self.target.region_name, self.target.endpoint_url)
        return self._caller

    def checker(self, repository_name: str) -> Checker:
        """Return a Checker of a repository, which the caller closes. All share client, lanes and threads."""
        return Checker._over(self._shared.of_repository(repository_name), self._limits)

    def close(self) -> None:
        """Leave the lanes, let the threads end, and close the client if it was made here."""
        self.threads.close()
        for pace in self._paces.values():
            pace.leave()
        self._shared.close(())


def _number(name: str, value: float | str | None, default: float) -> float | None:
    """The calls per second that an argument asks for; None for no limit."""
    if value is None:
        return default
    if value == "max":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidParameterError(f'{name} is {value!r}; expected calls per second, "max" or None')
    if not (math.isfinite(value) and value > 0):
        raise InvalidParameterError(f'{name} is {value!r}; expected more than 0 calls per second, or "max"')
    return float(value)
