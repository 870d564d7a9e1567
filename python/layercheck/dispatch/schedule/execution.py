"""The drive of one run: puts calls to the transport and writes what comes of them into the ledger."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from layercheck._core import Columns, Ledger, Plan
from layercheck.aws.classify import CallAbandoned, Failure, UnreadableAnswer, classify, exception_for
from layercheck.dispatch.rate.lanes import LaneHandle
from layercheck.dispatch.schedule.error_log import ErrorLog
from layercheck.dispatch.schedule.progress import RunProgress
from layercheck.dispatch.schedule.scheduler import Call, RetryDecision, Scheduler
from layercheck.dispatch.schedule.workers import WorkerPool
from layercheck.dispatch.transport import Batch, Transport
from layercheck.errors import (
    AccessDeniedError,
    CredentialsError,
    EndpointError,
    JournalError,
    LayercheckError,
    RepositoryNotFoundError,
)
from layercheck.limits import Limits
from layercheck.types import BatchError, Ending, ErrorKind, Progress, RunStats, Target

if TYPE_CHECKING:
    from layercheck._core import Merged
    from layercheck.journal.history import RunSnapshot
    from layercheck.journal.writer import JournalWriter

HINTS: dict[type[LayercheckError], str] = {
    RepositoryNotFoundError: "; check the name, the region and, if it is another account's, registry_id",
    AccessDeniedError: "; the action to allow is BatchCheckLayerAvailability",
    CredentialsError: "; check the profile, environment or role that boto3 finds",
}
"""What to do about a dead end, at the end of its message; the command says it in its own words."""


class Execution:
    """Everything one run knows. Its methods need the workers' lock unless they say otherwise.

    Args:
        plan: What is asked.
        transport: Asks.
        workers: The slots, shared with other runs.
        pacer: The rate, shared with other runs.
        slots: Calls at once.
        target: Where, for messages.
        limits: Bounds.
        renewable: The client fetches new credentials when these expire.
        writer: Writes verdicts to a journal, and has those that it knew already.
    """

    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        workers: WorkerPool,
        pacer: LaneHandle,
        slots: int,
        target: Target,
        limits: Limits,
        *,
        renewable: bool = False,
        writer: JournalWriter | None = None,
    ) -> None:
        self.changed = threading.Condition(workers.lock)
        self.fatal: LayercheckError | None = None
        self.crash: BaseException | None = None
        self.stopped_at: float | None = None
        self.ended: Ending = "running"
        self._plan = plan
        self._writer = writer
        self._ledger = Ledger(plan) if writer is None else writer.ledger
        self._transport = transport
        self._workers = workers
        self._pacer = pacer
        self._target = target
        self._limits = limits
        self._grace_s = limits.grace_s
        next_open = None if writer is None else self._ledger.next_open
        numbers = self._ledger.numbers
        self._scheduler = Scheduler(numbers, plan.batch_size, slots, limits, renewable, next_open=next_open)
        self._error_log = ErrorLog(limits.errors_kept)
        self._progress = RunProgress(plan)
        if next_open is not None:
            self._progress.resume(next_open)
        self._given_up: list[Call] = []  # for their deadline: a few a minute, if any
        self._why = ""
        self._calls = self._requests = self._first_requests = 0
        self._throttles = self._halvings = self._foreign = self._most_in_flight = 0
        self._first_at: float | None = None
        self._last_at = 0.0

    # What the workers call.

    def due(self, now: float) -> float | None:
        """See `WorkSource`."""
        if self._writer is not None and self._writer.backlogged:
            return None
        return self._scheduler.due(now)

    def take(self, now: float) -> Call:
        """See `WorkSource`."""
        call = self._scheduler.take(now)
        self._requests += 1
        self._first_requests += call.requests == 1
        self._first_at = now if self._first_at is None else self._first_at
        self._most_in_flight = max(self._most_in_flight, len(self._scheduler.in_flight))
        return call

    def ask(self, call: Call) -> Callable[[float], None]:
        """See `WorkSource`. Without the lock."""
        try:
            answer = self._transport(self._batch(call))
            if call.abandoned:
                return _nothing
            merged = self._merge(call, answer)
        except BaseException as error:  # noqa: BLE001 (a worker must outlive whatever a call raises)
            _forget_frames(error)
            failure = classify(error)
            return lambda now: self._failed(call, failure, now)
        return lambda now: self._answered(call, merged, now)

    def crashed(self, call: Call, error: BaseException, now: float) -> None:
        """See `WorkSource`."""
        self.crash = self.crash or error
        self._scheduler.keep_open(call)
        self.stop(now, "fatal")

    def _batch(self, call: Call) -> Batch:
        if self._writer is None:
            return Batch(self._plan, call.start, call.stop)
        self._ledger.reopen(call.start, call.stop)
        if call.stop <= self._plan.unique:
            return Batch(self._plan, call.start, call.stop)
        return Batch(self._ledger.gathered(call.start, call.stop), 0, call.size)

    def _merge(self, call: Call, answer: Mapping[str, Any] | bytes) -> Merged:
        if not isinstance(answer, bytes):
            return self._ledger.merge(call.start, call.stop, answer)
        try:
            return self._ledger.merge_body(call.start, call.stop, answer)
        except ValueError as error:
            raise UnreadableAnswer(str(error)) from error

    # What the run calls.

    def over(self, now: float) -> bool:
        """Nothing is under way any more, or it was waited for long enough."""
        waited = self.stopped_at is not None and now - self.stopped_at >= self._grace_s
        return waited or self._scheduler.finished

    def stop(self, now: float, ended: Ending) -> None:
        """Ask nothing more; what is under way may still come in. The first reason given is the one kept."""
        if self.stopped_at is None:
            self.stopped_at = now
            self.ended = ended
        self._scheduler.stop()
        self.changed.notify_all()

    def leave(self) -> None:
        """Wait for nothing any more, not even for what is under way."""
        self.stop(-math.inf, "cancelled")
        self.stopped_at = -math.inf

    def time_is_up(self, now: float, timeout_s: float) -> None:
        """The caller's time for the run is over."""
        if self.stopped_at is None:
            self._grace_s = self._limits.timeout_grace_s
            self._why = f"the time of the run, {timeout_s:g} s, was up before an answer came"
            self.stop(now, "timeout")

    def look_after(self, now: float) -> None:
        """Give up calls that have outlived their deadline, and the run if nothing comes of any call."""
        limit = self._limits.call_deadline_s
        for call in [each for each in self._scheduler.in_flight if now - each.started_at > limit]:
            if call.finished:
                continue
            self._workers.abandon(call)
            self._given_up.append(call)
            error = CallAbandoned(f"no answer within {limit:g} s, so the call was given up")
            self._failed(call, Failure("transient", "CallAbandoned", str(error), error, EndpointError), now)
        if self.stopped_at is None and self._scheduler.stuck_s(now) > self._limits.stall_s:
            text = f"no usable answer in {self._limits.stall_s:g} s"
            if self._scheduler.answered:
                self._stall(text, now)
            else:
                self._end_fatally(
                    Failure("transient", "NoAnswer", text, TimeoutError(text), EndpointError), now
                )

    def record(self) -> None:
        """From here on verdicts go to the journal. Without the lock."""
        if self._writer is not None:
            self._writer.start(self._heard_of_journal, self._standing)

    def close_journal(self) -> None:
        """Write the rest to the journal, after the conclusion. Waits for the disk; without the lock."""
        error = None if self._writer is None else self._writer.finish()
        if error is not None and self.fatal is None:
            self.fatal = error

    def _standing(self) -> RunSnapshot:
        from layercheck.journal.history import RunSnapshot  # here, because it loads SQLite

        with self._workers.lock:
            return RunSnapshot(self.stats(time.monotonic()), self.errors())

    def _heard_of_journal(self, error: JournalError | None) -> None:
        with self._workers.lock:
            if error is None:
                self._workers.notify()
                return
            # What cannot be written down would be asked again: better to stop while it is little.
            if self.fatal is None and self.ended == "running":
                self.fatal = error
            self.stop(time.monotonic(), "journal")

    def conclude(self) -> None:
        """The run ends here: every digest that was asked and has no outcome gets one."""
        self._scheduler.stop()
        self._workers.remove(self)
        # No answer is taken any more. One that came when its call was just given up was taken, but what is
        # written down may be older.
        self._ledger.close()
        for call in self._given_up:
            self._record(call)
        if self.ended == "running":
            self.ended = "done"
        if self.fatal is None:
            # Nothing was ever accepted, and too little was asked to blame anything but these digests.
            for call, failure in self._scheduler.suspects:
                self._refuse(call, failure)
            self._scheduler.suspects = []
        kind, code, why = self._end_of_the_rest()
        for call, failure_or_none in list(self._scheduler.leftovers()):
            cause = failure_or_none.summary if failure_or_none else why
            self._give_up(call, kind, failure_or_none.code if failure_or_none else code, cause)
        for call in list(self._scheduler.in_flight):
            self._workers.abandon(call)
        self._scheduler.in_flight.clear()

    def _end_of_the_rest(self) -> tuple[ErrorKind, str, str]:
        """Kind, code and cause for digests that were asked and have no outcome when the run ends."""
        error = self.fatal or self.crash
        if error is not None:
            return "fatal", type(error).__name__, f"the run ended first: {error}"
        if self.ended == "timeout":
            return "timeout", "RunTimeout", self._why
        if self.ended == "stalled":
            return "stalled", "RunStalled", self._why
        return "cancelled", "RunCancelled", "the run was cancelled before an answer came"

    def columns(self) -> Columns:
        """The ledger as it stands. Without the lock."""
        return self._ledger.columns()

    def errors(self) -> tuple[BatchError, ...]:
        """What went wrong; beyond the limit, one last entry stands for the rest."""
        return self._error_log.all()

    def stats(self, now: float) -> RunStats:
        """How it has gone so far."""
        return RunStats(
            calls=self._calls,
            requests=self._requests,
            retries=self._requests - self._first_requests,
            throttles=self._throttles,
            halvings=self._halvings,
            foreign=self._foreign,
            seconds=self._seconds(now),
            rate=self._pacer.rate,
            max_in_flight=self._most_in_flight,
            transport=self._transport.name,
            ended=self.ended,
            restored=0 if self._writer is None else self._writer.restored,
        )

    def progress(self, *, done: bool) -> Progress:
        """Where it stands. Takes the lock itself."""
        counts = self._ledger.unique_counts()
        with self._workers.lock:
            now = time.monotonic()
            settled = self._ledger.settled
            return Progress(
                unique=self._plan.unique,
                settled=settled,
                counts=counts,
                calls=self._calls,
                requests=self._requests,
                throttles=self._throttles,
                in_flight=len(self._scheduler.in_flight),
                seconds=self._seconds(now),
                rate=self._pacer.rate,
                done=done,
                rows=self._plan.rows,
                rows_done=self._progress.rows_done(settled),
                batches=self._progress.batches,
                batches_done=self._progress.batches_done,
                seconds_left=0.0 if done else self._progress.seconds_left(now, settled),
            )

    # Outcomes.

    def _answered(self, call: Call, merged: Merged, now: float) -> None:
        self._pacer.answered(call.started_at)
        self._workers.answered(call, now)
        for suspect, failure in self._scheduler.settle(call, now):
            self._refuse(suspect, failure)
        self._foreign += merged.foreign
        missing = merged.left_out + merged.contradicted
        if missing:
            code = "LeftOutOfAnswer" if merged.left_out else "ContradictoryAnswers"
            message = f"{merged.left_out} of {call.size} digests left out, {merged.contradicted} contradicted"
            self._note(call, "answer", code, message)
        self._record(call)
        self._progress.ended(call)
        self._settled(now)

    def _failed(self, call: Call, failure: Failure, now: float) -> None:
        if failure.kind == "throttled":
            self._throttles += 1
            self._pacer.throttled(call.started_at)
        decision = self._scheduler.fail(call, failure, now)
        if decision is RetryDecision.RETRY:
            self._last_at = now
            self._workers.notify()
            self._tell_if_finished()
            return
        if decision is RetryDecision.SPLIT:
            self._halvings += 1
            self._progress.halved(call)
            self._workers.notify()
            self._settled(now)
            return
        if decision is RetryDecision.REFUSED:
            self._refuse(call, failure)
        elif decision is RetryDecision.GIVE_UP:
            self._give_up(call, failure.kind, failure.code, failure.summary)
        elif decision is RetryDecision.FATAL:
            if call not in [suspect for suspect, _ in self._scheduler.suspects]:
                self._give_up(call, failure.kind, failure.code, failure.summary)
            self._end_fatally(failure, now)
        elif decision is RetryDecision.STALLED:
            self._give_up(call, failure.kind, failure.code, failure.summary)
            self._stall(f"no usable answer any more; the last error was {failure.summary}", now)
        self._progress.ended(call)
        self._settled(now)

    def _stall(self, text: str, now: float) -> None:
        if self.stopped_at is None:
            self._why = f"the run was getting nowhere: {text}"
            self.stop(now, "stalled")

    def _end_fatally(self, failure: Failure, now: float) -> None:
        if self.fatal is None and self.ended in ("running", "fatal"):
            self.fatal = self._fatal_error(failure)
        self.stop(now, "fatal")

    def _fatal_error(self, failure: Failure) -> LayercheckError:
        where = f'repository "{self._target.repository_name}"'
        if self._target.registry_id:
            where += f" of registry {self._target.registry_id}"
        where += f" at {self._target.endpoint_url or self._target.region_name or 'the client given'}"
        text = failure.summary
        if failure.kind in ("transient", "throttled"):
            text = f"no usable answer at all; the last error was {text}"
        hint = HINTS.get(failure.raises, "")
        return exception_for(failure, f"{where}: {text}{hint}")

    def _refuse(self, call: Call, failure: Failure) -> None:
        self._ledger.refuse(call.start, failure.code, failure.message)
        self._record(call)
        self._note(call, "batch", failure.code, failure.message)

    def _give_up(self, call: Call, kind: ErrorKind, code: str, cause: str) -> None:
        if self._ledger.unanswered(call.start, call.stop, cause):
            self._note(call, kind, code, cause)
        self._record(call)

    def _note(self, call: Call, kind: ErrorKind, code: str, message: str) -> None:
        start, stop = self._ledger.span(call.start, call.stop)
        # A half that was not asked again by itself was asked once, as part of its batch.
        self._error_log.note(BatchError(start, stop, kind, code, message, max(call.requests, 1)))

    def _record(self, call: Call) -> None:
        if self._writer is not None:
            self._writer.settled(call.start, call.stop)

    def _settled(self, now: float) -> None:
        self._calls += 1
        self._last_at = now
        self._tell_if_finished()

    def _tell_if_finished(self) -> None:
        if self._scheduler.finished:
            self.changed.notify_all()

    def _seconds(self, now: float) -> float:
        if self._first_at is None:
            return 0.0
        return max(self._last_at if self._scheduler.finished else now, self._first_at) - self._first_at


def _nothing(_: float) -> None:
    """An abandoned call settles nothing."""


def _forget_frames(error: BaseException) -> None:
    """Drop the tracebacks of an exception and of those it is chained to.

    Their frames hold the signed request, session token included, and some tools print local
    variables with a traceback. They would also keep each batch alive with its exception. What botocore
    raises of a connection that broke holds the request itself.
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
