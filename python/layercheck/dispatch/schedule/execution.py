"""`Execution`: carries out one plan, from its first call to its end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from layercheck._core import Call, Columns, Ledger, Plan, RetryDecision, Scheduler
from layercheck.aws.classify import CallAbandoned, Failure, classify
from layercheck.aws.network_settings import NetworkSettings
from layercheck.dispatch.attempt import Attempt
from layercheck.dispatch.outcome import Cause, Outcome, OutcomeKind, Subscriber
from layercheck.dispatch.rate.limiter import RateLimiter
from layercheck.dispatch.schedule.ending import RunEnding
from layercheck.dispatch.schedule.error_log import ErrorLog
from layercheck.dispatch.schedule.exchange import Exchange, forget_frames
from layercheck.dispatch.schedule.journal_feed import JournalFeed
from layercheck.dispatch.schedule.metrics import Metrics
from layercheck.dispatch.schedule.native_loop import ANSWERS, LOOK_FOR_WAITING_S, NativeLoop
from layercheck.dispatch.schedule.progress import RunProgress
from layercheck.dispatch.schedule.run_timeline import RunTimeline
from layercheck.dispatch.schedule.workers import WorkerPool
from layercheck.dispatch.transport import AskedRepository, LoopingTransport, Transport
from layercheck.errors import EndpointError, JournalError
from layercheck.limits import Limits
from layercheck.report.timeline import Timeline
from layercheck.types import BatchError, Progress, RunStats, Target

if TYPE_CHECKING:
    from layercheck._core import KnownSecrets, Merged
    from layercheck.journal.writer import JournalWriter


class Execution:
    """Takes calls from the scheduler, asks, settles each outcome, and ends the run.

    Each request ends in one `Outcome`. Metrics, rate, concurrency, progress, timeline and journal each record
    it, and the error log if it has a cause. All methods need the pool's lock unless they say otherwise.

    Args:
        plan: What is asked.
        transport: Makes the requests.
        pool: The worker threads, shared with other runs.
        rate: The rate, shared with other runs.
        target: Where the plan is checked, for messages.
        limits: Limits of the run.
        renewable: The client gets new credentials when these expire.
        writer: Writes verdicts to a journal, and holds those that the journal knew already.
        settings: How the client reaches the service, for messages.
        subscribers: More subscribers to the outcomes.

    Attributes:
        changed: Notified when the run stops or finishes.
        ending: Why the run ended.
    """

    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        pool: WorkerPool,
        rate: RateLimiter,
        target: Target,
        limits: Limits,
        *,
        renewable: bool = False,
        writer: JournalWriter | None = None,
        settings: NetworkSettings | None = None,
        subscribers: Sequence[Subscriber] = (),
    ) -> None:
        self.changed = threading.Condition(pool.lock)
        self.ending = RunEnding(
            target, grace_s=limits.grace_s, timeout_grace_s=limits.timeout_grace_s, settings=settings
        )
        self._plan = plan
        self._transport = transport
        self._pool = pool
        self._rate = rate
        self._limits = limits
        self._restored = 0 if writer is None else writer.restored
        self._ledger = Ledger(plan) if writer is None else writer.ledger
        resumed = self._ledger.unique_counts()["not_checked"] < plan.unique
        next_open = self._ledger.next_open if resumed else None
        self._scheduler = Scheduler(
            self._ledger.numbers,
            plan.batch_size,
            pool.slots,
            limits,
            renewable=renewable,
            ledger=self._ledger if resumed else None,
        )
        self._journal = None if writer is None else self._feed(writer)
        repository = AskedRepository(target.repository_name, target.registry_id)
        self._loop: NativeLoop | None = None
        if isinstance(transport, LoopingTransport):
            answers = ANSWERS if self._journal is None else self._journal.core_answers
            self._loop = NativeLoop(
                self._scheduler,
                self._ledger,
                transport,
                repository,
                rate,
                threads=pool.slots,
                answers=answers,
            )
        self._exchange = Exchange(
            plan,
            self._ledger,
            transport,
            repository,
            incomplete_attempts=limits.retry.incomplete_attempts,
            resumed=resumed,
            loop=self._loop,
        )
        self._attempts: dict[int, Attempt] = {}  # by the number of the call that the thread took
        self._suspected: dict[int, Failure] = {}  # by the number of the call
        self._abandoned: list[Call] = []  # for their deadline: a few a minute at most
        self._metrics = Metrics()
        self._timeline = RunTimeline(self._metrics, rate)
        self._progress = RunProgress(plan, next_open)
        self._error_log = ErrorLog(limits.errors_kept, self._ledger.range)
        self._subscribers: list[Subscriber] = [self._metrics, rate, pool.concurrency, self._progress]
        self._subscribers += [self._timeline, *([self._journal] if self._journal else []), *subscribers]

    # A source of work for the pool.

    def due(self, now: float) -> float | None:
        """See `WorkSource`."""
        if self._journal is not None and self._journal.backlogged:
            return None
        if self._loop is not None and self._loop.has_waiting:
            return now + LOOK_FOR_WAITING_S
        return self._scheduler.due(now)

    def take(self, now: float) -> Attempt | None:
        """See `WorkSource`."""
        call = self._scheduler.take(now)
        if call is None:
            return None
        try:
            return self._begun(call)
        except BaseException:
            # Only for lack of memory. Nobody would ask the call, and the run would wait for it.
            self._attempts.pop(call.number, None)
            if self._loop is not None:
                self._loop.leave_call(call)
            self._scheduler.put_back(call, now)
            raise

    def _begun(self, call: Call) -> Attempt:
        self._attempts[call.number] = attempt = Attempt(call)
        if self._loop is not None and self._threads_may_loop:
            if not self._loop.is_open:
                self.changed.notify_all()  # the run's own thread now looks more often
            self._loop.join(attempt, is_shared=self._pool.is_shared)
        self._metrics.sent(call, len(self._attempts))
        return attempt

    def ask(self, attempt: Attempt) -> Callable[[float], None]:
        """See `WorkSource`. Without the lock."""
        settle: Callable[[Call, float], None] | None = None
        try:
            merged = self._exchange(attempt)
        except BaseException as error:  # noqa: BLE001 (a worker must survive whatever a call raises)
            failure = _failure_of(error, self._transport.known)
            settle = lambda call, now: self._settle_failure(call, failure, now)  # noqa: E731
        else:
            if merged is not None:
                settle = lambda call, now: self._settle_answer(call, merged, now)  # noqa: E731
        self._transport.known.end_call()
        return lambda now: self._settle(attempt, settle, now)

    def crashed(self, attempt: Attempt, error: BaseException, now: float) -> None:
        """See `WorkSource`."""
        self._attempts.pop(attempt.call.number, None)
        call = self._loop.leave(attempt) if self._loop is not None and attempt.seated else attempt.call
        # First, because the rest may need memory.
        self.ending.crash(now, error)
        self.stop_asking()
        if call is not None:
            self._scheduler.keep_open(call)

    # The loop in the core.

    @property
    def is_looping(self) -> bool:
        """Whether threads make calls one after the other in the core."""
        return self._loop is not None and self._loop.is_open

    @property
    def _threads_may_loop(self) -> bool:
        """Whether nothing but the rate and the scheduler decides what follows from a good answer."""
        if self._loop is None or not self._loop.may_open or not self._scheduler.is_calm:
            return False
        return self._pool.lets_threads_loop and (self._journal is None or self._journal.has_room)

    def look_into_loop(self) -> None:
        """Look whether calls are still made in the same way. Without the lock."""
        if self._loop is not None:
            self._loop.look()

    def count_answers(self) -> None:
        """Count what the core did since the last time."""
        if self._loop is None:
            return
        answers, requests, retries = self._loop.drain()
        self._metrics.sent_in_the_core(requests, retries)
        if answers:
            for subscriber in self._subscribers:
                subscriber.record_answers(answers)
            self._refuse_proven(time.monotonic())
            self._review_loop()

    def _review_loop(self) -> None:
        """Let threads come back from the core if something else is to be decided."""
        if self._loop is None or not self._loop.is_open:
            return
        if self._threads_may_loop:
            self._loop.share(is_shared=self._pool.is_shared)
        else:
            self._loop.close()

    # The end of a request.

    def _settle(self, attempt: Attempt, settle: Callable[[Call, float], None] | None, now: float) -> None:
        """Settle the call with which a thread comes back."""
        if self._loop is not None and attempt.seated:
            self.count_answers()
            call = self._loop.leave(attempt)
        else:
            call = attempt.call
        self._attempts.pop(attempt.call.number, None)
        if call is None or settle is None:
            self._metrics.landed(now)
            self._notice_end()
            return
        # From here on it is an attempt like any other, also if settling fails.
        attempt.call, attempt.seated = call, False
        settle(call, now)

    def _settle_answer(self, call: Call, merged: Merged, now: float) -> None:
        self._scheduler.settle(call, now)
        self._refuse_proven(now)
        cause = None
        missing = merged.left_out + merged.contradicted
        if missing and self._scheduler.ask_rest(call, now):
            self._review_loop()
            self._pool.notify()
            self._tell(Outcome(OutcomeKind.RETRIED, call, now, merged))
            return
        if missing:
            code = "LeftOutOfAnswer" if merged.left_out else "ContradictoryAnswers"
            text = f"{merged.left_out} of {call.size} digests left out, {merged.contradicted} contradicted"
            cause = Cause("answer", code, text)
        self._tell(Outcome(OutcomeKind.ANSWERED, call, now, merged, None, cause))

    def _settle_failure(self, call: Call, failure: Failure, now: float) -> None:
        self.count_answers()
        decision = self._scheduler.fail(call, failure, now)
        self._review_loop()
        if decision in (RetryDecision.RETRY, RetryDecision.SPLIT):
            kind = OutcomeKind.RETRIED if decision == RetryDecision.RETRY else OutcomeKind.SPLIT
            self._pool.notify()
            self._tell(Outcome(kind, call, now, failure=failure))
        elif decision == RetryDecision.REFUSE:
            self._refuse_proven(now)  # in the order in which they were asked
            self._refuse(call, failure, now)
        elif any(suspect.number == call.number for suspect in self._scheduler.suspects):
            self._suspected[call.number] = failure
            self._tell(Outcome(OutcomeKind.SUSPECTED, call, now, failure=failure))
        else:
            self._give_up(call, failure, now)
        if decision == RetryDecision.FATAL:
            self.ending.fail(now, failure)
            self.stop_asking()
        elif decision == RetryDecision.STALL:
            self.ending.stall(now, f"no usable answer any more; the last error was {failure.summary}")
            self.stop_asking()

    def _refuse_proven(self, now: float) -> None:
        """Refuse the digests that were refused before any answer, once there is one."""
        if self._suspected:
            for call in self._scheduler.take_proven():
                self._refuse(call, self._suspected.pop(call.number), now)

    def _refuse(self, call: Call, failure: Failure, now: float) -> None:
        self._ledger.refuse(call.start, failure.code, failure.message)
        cause = Cause("batch", failure.code, failure.message)
        self._tell(Outcome(OutcomeKind.REFUSED, call, now, failure=failure, cause=cause))

    def _give_up(self, call: Call, failure: Failure, now: float) -> None:
        cause = Cause(failure.kind, failure.code, failure.summary)
        self._leave_unanswered(OutcomeKind.GIVEN_UP, call, cause, now, failure)

    def _leave_unanswered(
        self, kind: OutcomeKind, call: Call, cause: Cause, now: float, failure: Failure | None = None
    ) -> None:
        # A late answer may have come in for all of them; then nothing went wrong.
        left = self._ledger.unanswered(call.start, call.stop, cause.message)
        self._tell(Outcome(kind, call, now, failure=failure, cause=cause if left else None))

    def _tell(self, outcome: Outcome) -> None:
        if outcome.cause is not None:
            self._error_log.record(outcome, outcome.cause)
        for subscriber in self._subscribers:
            subscriber.record(outcome)
        self._notice_end()

    # The end of the run.

    @property
    def _is_finished(self) -> bool:
        """Whether every thread has come back, and nothing more will be asked."""
        return not self._attempts and self._scheduler.finished

    def _notice_end(self) -> None:
        if self._is_finished:
            self.changed.notify_all()

    def stop_asking(self) -> None:
        """Ask nothing more; answers to calls in flight may still come in."""
        self._scheduler.stop()
        if self._loop is not None:
            self._loop.close()
        self.changed.notify_all()

    def is_over(self, now: float) -> bool:
        """Whether no call is in flight any more, or the run waited long enough for those that are."""
        return self._is_finished or self.ending.waited_long_enough(now)

    def enforce_deadlines(self, now: float) -> None:
        """Give up calls that outlived their deadline, and the run if nothing comes of any call."""
        limit = self._limits.call_deadline_s
        self.count_answers()
        self._review_loop()
        due = self.due(now)
        if due is not None and due <= now:
            self._pool.notify()  # what the core settled may let more calls start
        if self._scheduler.started_before(now - limit):
            for attempt in list(self._attempts.values()):
                call = self._overdue(attempt, now - limit)
                if call is None:
                    continue
                self._pool.abandon(attempt)
                del self._attempts[attempt.call.number]
                self._abandoned.append(call)
                error = CallAbandoned(f"no answer within {limit:g} s, so the call was given up")
                failure = Failure("transient", "CallAbandoned", str(error), error, EndpointError)
                self._settle_failure(call, failure, now)
        if self.ending.stopped_at is None and self._scheduler.stuck_s(now) > self._limits.stall_s:
            text = f"no usable answer in {self._limits.stall_s:g} s"
            if self._scheduler.answered:
                self.ending.stall(now, text)
            else:
                self.ending.fail(
                    now, Failure("transient", "NoAnswer", text, TimeoutError(text), EndpointError)
                )
            self.stop_asking()

    def _overdue(self, attempt: Attempt, time: float) -> Call | None:
        """Return the call that a thread is at if it started before that time. A seat at it has ended then."""
        if attempt.finished:
            return None
        if self._loop is None or not attempt.seated:
            return attempt.call if attempt.call.started_at < time else None
        call = self._loop.current(attempt)
        if call is None or call.started_at >= time or not self._loop.give_up(call):
            return None
        return call

    def conclude(self, now: float) -> None:
        """End the run: every digest that was asked and has no outcome gets one."""
        self._scheduler.stop()
        self._pool.remove(self)
        # No answer is taken from here on. An answer that came just when its call was given up was taken, but
        # the journal may hold what was known before.
        self._ledger.close()
        if self._loop is not None:
            self._loop.close()
            for attempt in self._attempts.values():
                self._loop.leave(attempt)
            self.count_answers()
        if self._journal is not None:
            for call in self._abandoned:
                self._journal.record_again(call)
        self.ending.conclude()
        if not self.ending.is_fatal:
            # The service accepted nothing, and too little was asked to blame anything but these digests.
            for call in self._scheduler.take_suspects():
                self._refuse(call, self._suspected.pop(call.number), now)
        rest = self.ending.cause_of_the_rest()
        for call in self._scheduler.pending():
            failure = self._suspected.pop(call.number, None)
            cause = Cause(rest.kind, failure.code, failure.summary) if failure else rest
            self._leave_unanswered(OutcomeKind.LEFT, call, cause, now, failure)
        self._abandon_calls()
        # From here on a report needs no memory for a copy.
        self._ledger.seal()

    def _abandon_calls(self) -> None:
        for attempt in self._attempts.values():
            # The system may give no thread for another run. That run's own thread finds out by itself.
            with contextlib.suppress(RuntimeError):
                self._pool.abandon(attempt)
        self._attempts.clear()
        self._scheduler.forget_in_flight()

    # The journal.

    def start_journal(self) -> None:
        """Write verdicts to the journal from here on. Without the lock."""
        if self._journal is not None:
            self._journal.start()

    def close_journal(self) -> None:
        """Write the rest to the journal, after `conclude`. Waits for the disk; without the lock."""
        if self._journal is not None:
            self.ending.journal_not_written(self._journal.finish())

    def _feed(self, writer: JournalWriter) -> JournalFeed:
        return JournalFeed(writer, snapshot=self._snapshot, changed=self._journal_changed)

    def _snapshot(self) -> tuple[RunStats, tuple[BatchError, ...]]:
        with self._pool.lock:
            return self.stats(time.monotonic()), self.errors()

    def _journal_changed(self, error: JournalError | None) -> None:
        with self._pool.lock:
            if error is None:
                self._pool.notify()
                return
            self.ending.fail_journal(time.monotonic(), error)
            self.stop_asking()

    # What is known so far.

    def columns(self) -> Columns:
        """Return a copy of the ledger. Without the lock."""
        return self._ledger.columns()

    def errors(self) -> tuple[BatchError, ...]:
        """Return what went wrong; beyond the limit, one last entry stands for the rest."""
        return self._error_log.all()

    def timeline(self) -> Timeline:
        """Return the requests over the time of the run."""
        self.count_answers()
        return self._timeline.timeline()

    @property
    def transport_name(self) -> str:
        """The name of the transport."""
        return self._transport.name

    def seal(self) -> None:
        """Let no verdict change any more, so that a report needs no memory for a copy. Without the lock."""
        self._ledger.seal()

    def stats(self, now: float) -> RunStats:
        """Return how the run has gone so far."""
        self.count_answers()
        metrics = self._metrics
        return RunStats(
            calls=metrics.calls,
            requests=metrics.requests,
            retries=metrics.retries,
            throttles=metrics.throttles,
            halvings=metrics.splits,
            foreign=metrics.foreign,
            seconds=metrics.seconds(now, finished=self._is_finished),
            rate=self._rate.rate,
            max_in_flight=metrics.most_in_flight,
            transport=self._transport.name,
            ended=self.ending.ended,
            restored=self._restored,
        )

    def progress(self, *, done: bool) -> Progress:
        """Return where the run stands. Takes the lock itself."""
        counts = self._ledger.unique_counts()
        with self._pool.lock:
            now = time.monotonic()
            settled = self._ledger.settled
            stats = self.stats(now)
            return Progress(
                unique=self._plan.unique,
                settled=settled,
                counts=counts,
                calls=stats.calls,
                requests=stats.requests,
                throttles=stats.throttles,
                in_flight=len(self._attempts),
                seconds=self._metrics.seconds(now, finished=False),
                rate=stats.rate,
                done=done,
                rows=self._plan.rows,
                rows_done=self._progress.rows_done(settled),
                batches=self._progress.batches,
                batches_done=self._progress.batches_done,
                seconds_left=0.0 if done else self._progress.seconds_left(now, settled),
            )


def _failure_of(error: BaseException, known: KnownSecrets | None) -> Failure:
    """Classify what a call raised. Without memory for that, the call is asked again like any other."""
    try:
        forget_frames(error)
        return classify(error, known)
    except BaseException as again:  # noqa: BLE001 (a call without an outcome would stay in flight)
        return Failure("transient", type(again).__name__, "the error of the call cannot be read", again)
