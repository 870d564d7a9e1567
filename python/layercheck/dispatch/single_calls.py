"""`SingleCalls`: makes calls of any operation, each until it is answered or asking again does not help."""

from __future__ import annotations

import copy
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from layercheck.aws.classify import CallAbandoned, Failure, classify
from layercheck.daemon_thread import DaemonThread
from layercheck.dispatch.schedule.exchange import forget_frames
from layercheck.dispatch.transport.signing import Signing
from layercheck.retry import RetryPolicy

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets

_SLICE_S = 0.2


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


class OperationRate(Protocol):
    """Says when calls of an operation may start."""

    def reserve(self) -> float:
        """Book a call that starts now and return 0, or return the seconds until one may."""

    def answered(self, started_at: float) -> object:
        """Take note of a call that was answered."""

    def throttled(self, started_at: float) -> object:
        """Take note of a call that the service throttled."""


class Patience(Protocol):
    """Says how long the caller waits."""

    def check(self) -> None:
        """Raise if no more calls are to be made."""

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; raise if that is too long."""

    def for_a_call_s(self, most_s: float) -> float:
        """Seconds that a call may take now, `most_s` at most."""


class SingleCalls:
    """Makes plain boto3 calls of any operation. Thread-safe.

    A call waits for its pace, without holding anything. Throttled and transient failures are asked again, as
    `RetryPolicy` says. Each call runs in a thread of its own, so that neither Ctrl-C nor a time limit waits
    for a server that hangs or that sends a byte a second: after `call_deadline_s` the thread is left behind,
    which is a transient failure.

    Args:
        signing: Credentials and clock of the client.
        pace_of: Returns the pace of an operation; None for no limit.
        renewable: The client gets new credentials when these expire.
        retry: How often a call is made again.
        call_deadline_s: Longest time of one call.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        signing: Signing,
        pace_of: Callable[[str], OperationRate | None],
        *,
        renewable: bool,
        retry: RetryPolicy,
        call_deadline_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls: Counter[str] = Counter()
        self._throttles: Counter[str] = Counter()
        self._signing = signing
        self._pace_of = pace_of
        self._renewable = renewable
        self._retry = retry
        self._call_deadline_s = call_deadline_s
        self._clock = clock
        self._lock = threading.Lock()
        self._reached = False
        self._random = random.Random()  # noqa: S311 (jitter)

    def counted(self) -> Self:
        """Return the same with counts of its own."""
        copied = copy.copy(self)
        copied._calls, copied._throttles = Counter(), Counter()
        return copied

    @property
    def calls(self) -> Counter[str]:
        """Requests sent so far, by operation: a copy, because other threads go on counting."""
        with self._lock:
            return self._calls.copy()

    @property
    def throttles(self) -> Counter[str]:
        """Requests that the service throttled so far, by operation; likewise."""
        with self._lock:
            return self._throttles.copy()

    def make(
        self, operation: str, method: Callable[[], Any], patience: Patience, *, final: Collection[str] = ()
    ) -> Mapping[str, Any]:
        """Make a call until it is answered, or asking again does not help.

        Args:
            operation: Its name, for the counts.
            method: Makes the call by boto3, once.
            patience: Ends the waiting.
            final: Error codes that are an answer, so that the call is not made again.

        Raises:
            CallFailed: The service refused the call, or gave no answer.
            Exception: What `patience` raises.
        """
        tries: Counter[str] = Counter()
        first_at = self._clock()
        while True:
            started_at = self._start(operation, patience)
            failure = self._in_time(operation, method, patience)
            if not isinstance(failure, Failure):
                self._answered(operation, started_at)
                return failure
            is_final = failure.code in final
            delay = None if is_final else self._delay(operation, failure, tries, started_at, first_at)
            if delay is None:
                raise CallFailed(operation, failure)
            patience.sleep(delay)

    def read(self, operation: str, answer: Any) -> Any:
        """Look at an answer while the secrets of its call are known, and return it without them.

        Raises:
            UnreadableAnswer: It is not an answer of the operation.
        """
        return _without_secrets(answer, self._signing.known)

    def _start(self, operation: str, patience: Patience) -> float:
        """Wait for the pace; return when the call starts."""
        pace = self._pace_of(operation)
        while True:
            patience.check()
            with self._lock:
                delay = 0.0 if pace is None else pace.reserve()
                if not delay:
                    self._calls[operation] += 1
                    return self._clock()
            patience.sleep(delay)

    def _in_time(
        self, operation: str, method: Callable[[], Any], patience: Patience
    ) -> Mapping[str, Any] | Failure:
        """Make the call in a thread, and leave it behind if it takes too long."""
        results: list[Mapping[str, Any] | Failure] = []
        done = threading.Event()

        def call() -> None:
            try:
                results.append(self._ask(operation, method))
            except MemoryError:
                pass  # its trace on standard error would show what the service said
            finally:
                done.set()

        try:
            DaemonThread(target=call, name="layercheck-call").start()
        except (RuntimeError, MemoryError) as error:  # the system starts no more threads
            return classify(error)
        until = time.monotonic() + patience.for_a_call_s(self._call_deadline_s)
        # In slices, because Ctrl-C does not end a wait on every platform.
        while not done.wait(_SLICE_S):
            if time.monotonic() >= until:
                break
        if results:
            return results[0]
        return classify(MemoryError() if done.is_set() else CallAbandoned("no answer in time"))

    def _ask(self, operation: str, method: Callable[[], Any]) -> Mapping[str, Any] | Failure:
        try:
            self._signing.check_credentials()
            with self._signing.one_call():
                answer = method()
            answer = self.read(operation, answer)
        except BaseException as error:  # noqa: BLE001 (each is classified, on the thread that waits)
            forget_frames(error)
            return classify(error, self._signing.known)
        finally:
            self._signing.known.end_call()
        # A server may send anything; what is not an object has no members to read.
        return answer if isinstance(answer, Mapping) else {}

    def _answered(self, operation: str, started_at: float) -> None:
        self._reached = True
        pace = self._pace_of(operation)
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
            with self._lock:
                self._throttles[operation] += 1
            pace = self._pace_of(operation)
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


def _without_secrets(answer: Any, known: KnownSecrets) -> Any:
    """The answer, in whose texts the secrets of the client are hidden: a server may echo them, also as tags.

    Manifests are left alone: their digests are checked, and they are long.
    """
    if isinstance(answer, str):
        text = answer if answer.isascii() else answer.encode("utf-8", "replace").decode()
        # The limit counts bytes, and a character has at most four.
        return known.hide(text, 4 * len(text) + 1)
    if isinstance(answer, list):
        return [_without_secrets(each, known) for each in answer]
    if isinstance(answer, dict):
        return {
            name: value if name == "imageManifest" else _without_secrets(value, known)
            for name, value in answer.items()
        }
    return answer
