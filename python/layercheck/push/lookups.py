"""Asks ECR what stands beside the layer check: repositories, images, settings. One call at a time.

Each call runs in a thread of its own, so that neither Ctrl-C nor a time limit waits for a server that hangs.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from layercheck.aws.classify import CallAbandoned, Failure, classify
from layercheck.daemon_thread import DaemonThread
from layercheck.dispatch.schedule.deadline import Deadline
from layercheck.dispatch.transport.signing import Signing
from layercheck.retry import RetryPolicy

CALLS_PER_SECOND = 10.0
"""AWS documents no quota for these operations, and users report throttling in big accounts, such as
https://github.com/mondoohq/mql/pull/8450."""

POLICY = RetryPolicy(attempts=4, first_contact_attempts=4, throttle_attempts=8, asking_s=60.0)
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

_BURST_S = 1.0
"""The calls of so many seconds may be made at once, so that a small plan does not wait."""

_TICK_S = 0.2


class OperationMissing(Exception):  # noqa: N818 - named for what is missing
    """The installed boto3 is older than the operation."""


class LookupFailed(Exception):  # noqa: N818 - the plan goes on without this answer
    """A question has no answer.

    Attributes:
        operation: The operation, as boto3 names its method.
        code: Error code of the service, or name of the exception.
        message: `code: message`, for people.
        denied: Whether the credentials do not allow the action.
    """

    def __init__(self, operation: str, failure: Failure) -> None:
        super().__init__(failure.summary)
        self.operation = operation
        self.code = failure.code
        self.message = failure.summary
        self.denied = failure.raises.__name__ == "AccessDeniedError"


class Lookups:
    """Asks one question after the other with a client, and repeats those that failed in passing.

    Args:
        client: A boto3 client of `ecr`.
        deadline: When the plan must be done.
        owned: Whether layercheck made the client.
        call_deadline_s: Longest time of one call.
    """

    def __init__(self, client: Any, deadline: Deadline, *, owned: bool, call_deadline_s: float) -> None:
        self._client = client
        self._signing = Signing(client, owned=owned)
        self._deadline = deadline
        self._call_deadline_s = call_deadline_s
        self._draw = random.Random().uniform  # noqa: S311 - jitter
        self._next_at = 0.0
        self.calls = 0

    def ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the answer to one question. A parameter that is None is left out.

        Raises:
            LookupFailed: The service refused to answer, or did not answer in time.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        method = getattr(self._client, operation, None)
        if method is None:
            raise LookupFailed(operation, classify(OperationMissing("upgrade boto3, which does not know it")))
        started = time.monotonic()
        renewed = False
        for tries in range(1, POLICY.throttle_attempts + 1):
            self._wait(max(self._next_at - time.monotonic(), 0.0), operation)
            self._next_at = max(self._next_at, time.monotonic() - _BURST_S) + 1 / CALLS_PER_SECOND
            result = self._call(lambda: method(**given))
            if not isinstance(result, Failure):
                return result
            failure = result
            if (failure.renews or failure.resigns) and not renewed:
                # The next attempt has new credentials, or a signature of the service's time.
                renewed = True
                continue
            delay_s = None
            if failure.kind in ("throttled", "transient") and failure.code not in ANSWERS:
                delay_s = POLICY.delay_s(
                    failure.kind,
                    tries=tries,
                    asked_for_s=time.monotonic() - started,
                    reached=failure.connected,
                    draw=self._draw,
                )
            if delay_s is None:
                raise LookupFailed(operation, failure)
            self._wait(delay_s, operation)
        raise LookupFailed(operation, failure)

    def _call(self, method: Callable[[], Any]) -> Mapping[str, Any] | Failure:
        results: list[Any] = []
        done = threading.Event()

        def call() -> None:
            try:
                self._signing.check_credentials()
                with self._signing.one_call():
                    results.append(method())
            except BaseException as error:  # noqa: BLE001 - classified on the other thread
                results.append(error)
            finally:
                done.set()

        self.calls += 1
        try:
            DaemonThread(target=call, name="layercheck-lookup").start()
        except RuntimeError as error:  # the system starts no more threads
            return classify(error)
        until = time.monotonic() + min(self._call_deadline_s, self._deadline.left_s or self._call_deadline_s)
        while not done.wait(_TICK_S):
            if time.monotonic() >= until:
                results.append(CallAbandoned("no answer in time"))
                break
        result = results[0]
        if isinstance(result, BaseException):
            return classify(result, self._signing.known)
        # A server may send anything; what is not an object has no members to read.
        return result if isinstance(result, Mapping) else {}

    def _wait(self, seconds: float, operation: str) -> None:
        left = self._deadline.left_s
        if left is not None and left <= max(seconds, 1e-6):
            raise LookupFailed(operation, classify(CallAbandoned("the time of the plan was up")))
        if seconds > 0:
            time.sleep(seconds)
