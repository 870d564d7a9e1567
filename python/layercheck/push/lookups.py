"""Asks ECR what stands beside the layer check: repositories, images, settings. One call at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from layercheck.aws.classify import CallAbandoned, Failure, classify
from layercheck.dispatch.rate.lanes import LaneHandle, join_lane
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.dispatch.single_calls import CallFailed, SingleCalls
from layercheck.dispatch.transport.signing import Signing
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.types import Target

CALLS_PER_SECOND = 10.0
"""Calls of one operation. AWS documents no quota for these operations, and users report throttling in big
accounts, such as https://github.com/mondoohq/mql/pull/8450."""

POLICY = RetryPolicy(
    attempts=4, first_contact_attempts=4, throttle_attempts=8, renewal_attempts=2, asking_s=60.0
)
"""Fewer attempts than for layers, because a plan can be made without these answers."""

ANSWERS = frozenset(
    (
        "ImageNotFoundException",
        "InvalidParameterException",
        "PullThroughCacheRuleNotFoundException",
        "RepositoryNotFoundException",
        "TemplateNotFoundException",
        "ValidationException",
    )
)
"""Error codes that answer the question, so that asking again gives the same."""


class OperationMissing(Exception):  # noqa: N818 - named for what is missing
    """The installed boto3 is older than the operation."""


class LookupFailed(Exception):  # noqa: N818 - the plan goes on without this answer
    """A question has no answer.

    Attributes:
        operation: The operation, as boto3 names its method.
        code: Error code of the service, or name of the exception.
        message: `code: message`, for people.
        denied: Whether the credentials do not allow the action.
        too_long: Whether the answer was longer than layercheck reads, so that less must be asked for.
    """

    def __init__(self, operation: str, failure: Failure) -> None:
        super().__init__(failure.summary)
        self.operation = operation
        self.code = failure.code
        self.message = failure.summary
        self.denied = failure.raises.__name__ == "AccessDeniedError"
        self.too_long = failure.too_long


class Lookups:
    """Asks questions with a client, each at most so long, and repeats those that had a transient error.

    Each operation has the lane that all plans and checks of images in this process share, of the same
    account, region and endpoint.

    Args:
        client: A boto3 client of `ecr`.
        target: Where it asks.
        deadline: When the plan must be done.
        owned: Whether layercheck made the client.
        limits: Longest time of one call, and how a lane recovers from throttles.
    """

    def __init__(
        self, client: Any, target: Target, deadline: Deadline, *, owned: bool, limits: Limits
    ) -> None:
        self._client = client
        self._target = target
        self._limits = limits
        self._patience = _Patience(deadline)
        self._paces: dict[str, LaneHandle] = {}
        self._single = SingleCalls(
            Signing(client, owned=owned),
            self._pace_of,
            renewable=True,
            retry=POLICY,
            call_deadline_s=limits.call_deadline_s,
        )

    def close(self) -> None:
        """Leave the lanes."""
        for pace in self._paces.values():
            pace.leave()

    def _pace_of(self, operation: str) -> LaneHandle:
        if operation not in self._paces:
            name = operation.title().replace("_", "")
            self._paces[operation] = join_lane(
                self._client, self._target, CALLS_PER_SECOND, self._limits, name
            )
        return self._paces[operation]

    @property
    def calls(self) -> int:
        """Requests sent."""
        return self._single.calls.total()

    def ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the answer to one question. A parameter that is None is left out.

        Raises:
            LookupFailed: The service refused to answer, or did not answer in time.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        method = getattr(self._client, operation, None)
        if method is None:
            raise LookupFailed(operation, classify(OperationMissing("upgrade boto3, which does not know it")))
        try:
            return self._single.make(operation, lambda: method(**given), self._patience, final=ANSWERS)
        except CallFailed as failed:
            raise LookupFailed(operation, failed.failure) from None
        except CallAbandoned as error:
            raise LookupFailed(operation, classify(error)) from None


class _Patience:
    """How long a plan waits.

    Args:
        deadline: When the plan must be done.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def check(self) -> None:
        """See `Patience`."""
        self.sleep(0.0)

    def sleep(self, seconds: float) -> None:
        """See `Patience`.

        Raises:
            CallAbandoned: The time of the plan would be up.
        """
        left = self._deadline.left_s
        if left is not None and left <= max(seconds, 1e-6):
            raise CallAbandoned("the time of the plan was up")
        if seconds > 0:
            time.sleep(seconds)

    def for_a_call_s(self, most_s: float) -> float:
        """See `Patience`."""
        return min(most_s, self._deadline.left_s or most_s)
