"""`Operations`: makes the calls that list and read images, each at the pace of its operation."""

from __future__ import annotations

import copy
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from layercheck.aws.classify import Failure, UnreadableAnswer, classify
from layercheck.dispatch.rate.lanes import LaneHandle
from layercheck.dispatch.schedule.exchange import forget_frames
from layercheck.dispatch.transport.signing import Signing
from layercheck.images.stopping import StopSignal
from layercheck.retry import RetryPolicy

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets


_MEMBERS: Mapping[str, tuple[str, type]] = {
    "DescribeImages": ("imageDetails", list),
    "DescribePullThroughCacheRules": ("pullThroughCacheRules", list),
    "DescribeRepositories": ("repositories", list),
    "GetDownloadUrlForLayer": ("downloadUrl", str),
    "ListImages": ("imageIds", list),
}
"""A member that every answer of an operation has, also an empty one, and its type.

boto3 reads a body that is not JSON, such as the page of a proxy or an answer that was cut, as an answer
without members. Without this check it would say that there are no images.
"""


class CallFailed(Exception):  # noqa: N818 (it names what failed)
    """A call failed, and asking again would not help, or did not.

    Attributes:
        operation: The operation.
        failure: Why.
    """

    def __init__(self, operation: str, failure: Failure) -> None:
        super().__init__(f"{operation}: {failure.summary}")
        self.operation = operation
        self.failure = failure


class Operations:
    """Makes plain boto3 calls of any operation. Thread-safe.

    A call waits for the pace of its operation, without holding anything. Throttling slows that operation
    alone. Throttled and transient failures are asked again, as `RetryPolicy` says.

    Args:
        client: A boto3 client of ECR.
        signing: Its credentials and clock.
        registry_id: Account id of the registry; None for the registry of the credentials.
        paces: The lane of each operation, by its name in the API. Others are not paced.
        renewable: The client gets new credentials when these expire.
        retry: How often a call is made again.
        clock: Seconds, monotonic.

    Attributes:
        calls: Requests sent, by operation.
        throttles: Requests that the service throttled, by operation.
    """

    def __init__(
        self,
        client: Any,
        signing: Signing,
        registry_id: str | None,
        paces: Mapping[str, LaneHandle],
        *,
        renewable: bool = False,
        retry: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.throttles: Counter[str] = Counter()
        self._client = client
        self._signing = signing
        self._registry = {} if registry_id is None else {"registryId": registry_id}
        self._paces = paces
        self._renewable = renewable
        self._retry = retry or RetryPolicy()
        self._clock = clock
        self._lock = threading.Lock()
        self._reached = False
        self._random = random.Random()  # noqa: S311 (jitter)

    def counted(self) -> Operations:
        """Return the same with counts of its own."""
        copied = copy.copy(self)
        copied.calls, copied.throttles = Counter(), Counter()
        return copied

    @property
    def known(self) -> KnownSecrets:
        """The secrets of the client, to be removed from every text of the service."""
        return self._signing.known

    def has_member(self, operation: str, *path: str) -> bool:
        """Whether the installed boto3 knows a member of an operation's input."""
        if not self.has(operation):
            return False
        shape: Any = self._client.meta.service_model.operation_model(operation).input_shape
        for name in path:
            members = getattr(shape, "members", None) or {}
            if name not in members:
                return False
            shape = members[name]
        return True

    def has(self, operation: str) -> bool:
        """Whether the installed boto3 knows an operation."""
        return operation in self._client.meta.service_model.operation_names

    def call(
        self, operation: str, stop: StopSignal, *, final: Collection[str] = (), **arguments: Any
    ) -> Mapping[str, Any]:
        """Make a call until it is answered, or asking again does not help.

        Args:
            operation: Its name in the API, such as `DescribeImages`.
            stop: Ends the waiting.
            final: Error codes that are an answer, so that the call is not made again.
            **arguments: What is asked, with names as in the API, without `registryId`.

        Raises:
            CallFailed: The service refused the call, or gave no answer.
            CheckStopped: Everything is to stop.
        """
        method: Callable[..., Any] = getattr(self._client, _python_name(operation))
        arguments = {**self._registry, **arguments} if self.has_member(operation, "registryId") else arguments
        tries: Counter[str] = Counter()
        first_at = self._clock()
        while True:
            started_at = self._start(operation, stop)
            failure = self._ask(operation, method, arguments)
            if not isinstance(failure, Failure):
                self._answered(operation, started_at)
                return failure
            is_final = failure.code in final
            delay = None if is_final else self._delay(operation, failure, tries, started_at, first_at)
            if delay is None:
                raise CallFailed(operation, failure)
            stop.sleep(delay)

    def _start(self, operation: str, stop: StopSignal) -> float:
        """Wait for the pace; return when the call starts."""
        pace = self._paces.get(operation)
        while True:
            stop.check()
            with self._lock:
                delay = 0.0 if pace is None else pace.reserve()
                if not delay:
                    self.calls[operation] += 1
                    return self._clock()
            stop.sleep(delay)

    def _ask(
        self, operation: str, method: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> Mapping[str, Any] | Failure:
        try:
            self._signing.check_credentials()
            with self._signing.one_call():
                answer = method(**arguments)
            _check_members(operation, answer)
            # As long as the signature of this call is known.
            answer = _without_secrets(answer, self._signing.known)
        except Exception as error:  # noqa: BLE001 (each is classified)
            forget_frames(error)
            return classify(error, self._signing.known)
        finally:
            self._signing.known.end_call()
        return answer if isinstance(answer, Mapping) else {}

    def _answered(self, operation: str, started_at: float) -> None:
        self._reached = True
        pace = self._paces.get(operation)
        if pace is not None:
            pace.answered(started_at)

    def _delay(
        self, operation: str, failure: Failure, tries: Counter[str], started_at: float, first_at: float
    ) -> float | None:
        """Return the seconds until the call is made again; None if it is not."""
        kind: str = failure.kind
        self._reached = self._reached or failure.connected
        if failure.resigns and not tries["signed again"]:
            tries["signed again"] += 1
            return 0.0
        if (
            kind == "batch"
            or failure.too_long
            or (kind == "fatal" and not (failure.renews and self._renewable))
        ):
            return None
        if kind == "throttled":
            self.throttles[operation] += 1
            pace = self._paces.get(operation)
            if pace is not None:
                pace.throttled(started_at)
        tries[kind] += 1
        return self._retry.delay_s(
            kind,
            tries=tries[kind],
            asked_for_s=self._clock() - first_at,
            reached=self._reached,
            draw=self._random.uniform,
        )


def _check_members(operation: str, answer: object) -> None:
    """Raise for what is no answer of the operation.

    Raises:
        UnreadableAnswer: The answer lacks a member that each has.
    """
    if operation in _MEMBERS:
        name, kind = _MEMBERS[operation]
        if not isinstance(answer, Mapping) or not isinstance(answer.get(name), kind):
            raise UnreadableAnswer(f"the answer has no {name}, or it was cut")


def _without_secrets(answer: Any, known: KnownSecrets) -> Any:
    """The answer, in whose texts the secrets of the client are hidden: a server may echo them, also as tags.

    Manifests are left alone: their digests are checked, and they are long.
    """
    if isinstance(answer, str):
        text = answer if answer.isascii() else answer.encode("utf-8", "replace").decode()
        return known.hide(text, len(text) + 1)
    if isinstance(answer, list):
        return [_without_secrets(each, known) for each in answer]
    if isinstance(answer, dict):
        return {
            name: value if name == "imageManifest" else _without_secrets(value, known)
            for name, value in answer.items()
        }
    return answer


def _python_name(operation: str) -> str:
    """The name of boto3's method.

    Examples:
        >>> _python_name("BatchGetImage")
        'batch_get_image'
    """
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")
