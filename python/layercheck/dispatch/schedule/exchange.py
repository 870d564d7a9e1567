"""`Exchange`: puts one call to the service and merges its answer into the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from layercheck._core import Call, Ledger, Plan
from layercheck.aws.classify import ForeignAnswer, MismatchedAnswer, UnreadableAnswer, is_page
from layercheck.dispatch.attempt import Attempt
from layercheck.dispatch.schedule.native_loop import NativeLoop
from layercheck.dispatch.transport import AskedRepository, Batch, Transport

if TYPE_CHECKING:
    from layercheck._core import Merged


class Exchange:
    """Asks the service about the digests of one call at a time, in the thread that calls it.

    Args:
        plan: The plan of the run.
        ledger: Where the verdicts go.
        transport: Makes the request.
        repository: What it asks.
        incomplete_attempts: Answers to the same call that may lack digests, before these stay unanswered.
        resumed: A journal settled a part of the digests before: the ledger opens a range again when the
            range is asked, and packs the digests that stand in many places.
        loop: Makes the calls of threads that have a seat there.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        transport: Transport,
        repository: AskedRepository,
        *,
        incomplete_attempts: int,
        resumed: bool,
        loop: NativeLoop | None,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._transport = transport
        self._repository = repository
        self._incomplete_attempts = incomplete_attempts
        self._resumed = resumed
        self._loop = loop

    def __call__(self, attempt: Attempt) -> Merged | None:
        """Make the request and merge the answer; return what it brought.

        None stands for an abandoned call, and for a call that the core settled.

        An answer that names none of the digests changes nothing in the ledger. If entries for other digests
        stand in place of those that were asked, the answer probably belongs to another request on the same
        connection. Then the transport uses no connection again that it has opened so far.

        Raises:
            Exception: Anything that `classify` can look at.
        """
        call = attempt.call
        answer: Mapping[str, Any] | bytes | None = None
        if self._loop is not None and attempt.seated:
            told = self._loop.ask(attempt)
            if told is None:
                return None
            answer, call = told
        if answer is None:
            answer = self._transport(self._batch(call))
        if attempt.abandoned:
            return None
        merged = self._merge(call, answer)
        if merged.left_out:
            if merged.foreign or merged.left_out == call.size:
                self._transport.distrust()
            if merged.left_out == call.size:
                raise MismatchedAnswer(call.size, merged.foreign)
        return merged

    def _batch(self, call: Call) -> Batch:
        if not self._resumed:
            return Batch(self._plan, call.start, call.stop, self._repository)
        self._ledger.reopen(call.start, call.stop)
        if call.stop <= self._plan.unique:
            return Batch(self._plan, call.start, call.stop, self._repository)
        return Batch(self._ledger.pending_batch(call.start, call.stop), 0, call.size, self._repository)

    def _merge(self, call: Call, answer: Mapping[str, Any] | bytes) -> Merged:
        last = call.incomplete + 1 >= self._incomplete_attempts
        if not isinstance(answer, bytes):
            return self._ledger.merge(call.start, call.stop, answer, self._transport.known, last)
        try:
            return self._ledger.merge_body(call.start, call.stop, answer, self._transport.known, last)
        except ValueError as error:
            if is_page(answer):
                raise ForeignAnswer(str(error)) from error
            raise UnreadableAnswer(str(error)) from error


def forget_frames(error: BaseException) -> None:
    """Drop the tracebacks and the requests of an exception and of the exceptions it is chained to.

    Their frames hold the signed request with the session token, and some tools print local variables with a
    traceback. The frames would also keep each batch alive as long as its exception. Botocore's exceptions
    about a broken connection hold the request itself.
    """
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        each = queue.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = None
        if "request" in vars(each):
            vars(each)["request"] = None
        queue += [each.__cause__, each.__context__]
