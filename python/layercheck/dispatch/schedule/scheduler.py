"""`Scheduler`: which digests a run asks next, and what follows from a failure.

The scheduler has no threads, no clock and no network. Times come in as numbers, digests are ranges of
numbers, and of a failure it reads six plain values. The caller holds the lock.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from layercheck.dispatch.call import Call
from layercheck.dispatch.schedule.answer_search import AnswerSearch
from layercheck.dispatch.schedule.fresh import FreshDigests
from layercheck.dispatch.schedule.retry_decision import FailureFacts, RetryDecision
from layercheck.limits import Limits

if TYPE_CHECKING:
    from layercheck._core import CallLoop


@dataclass(slots=True)
class Scheduler:
    """Decides what is asked next of the digests numbered 0 to `numbers`.

    Calls that are asked again come before new calls. Their number is limited, so that memory is flat in the
    number of batches.

    If the service refuses a whole batch before it answered any call, the digests may not be at fault: a bad
    repository name looks the same. The scheduler then follows one half down to a single digest, and after
    that the largest other half, one call at a time. If two lone digests from different places are refused and
    nothing was answered, no digest is at fault. This search costs some 15 calls instead of 2 for each digest.

    A call that uses up its attempts on transient errors or throttling is not given up while the service
    answers other calls:

    * If the error may be the batch's own, the batch is halved, and each half gets attempts of its own. So one
      digest that always fails is alone after seven halvings. Answers pay for halvings (`HALVING_COST`), those
      to halves more than others. So halving goes on while it separates good digests from bad ones, and ends
      soon where whole batches fail.
    * Otherwise the call is set aside for the last round, which begins when everything else is settled. There
      its attempts begin again, and once more whenever another call was answered lately, for at most
      `asking_s` in all. What failed so `BEGIN_AGAIN` times is halved in the same way. It is given up when
      nothing else is answered either.

    If no call is answered at all, or none any more (`is_silent`), every batch may hold a digest that always
    fails. Before the run ends, the scheduler searches for one digest that is answered. It halves the next
    batch that uses up its attempts, down to a single digest, and after that the largest other half, one call
    at a time. An answer ends the search, and the run goes on. If two single digests from different places
    fail, or after `outage_s`, the service has stopped (`AnswerSearch`). The search costs at most 14 x
    `half_attempts` requests: 42 by default, in some 3 seconds. Other calls that use up their attempts
    meanwhile are set aside.

    So a batch with one digest that always fails costs at most `attempts` + 14 x `half_attempts` requests, and
    `attempts` more in a last round that brings no other answer: 56 requests in some 8 seconds by default. No
    digest is asked for longer than `asking_s` before the last round, and the last round takes no longer than
    `asking_s`, each plus one delay and one call. The memory grows by one call for each call set aside.

    Attributes:
        numbers: How many digests there are to ask.
        batch_size: Most digests in one call.
        slots: Calls at once.
        limits: Limits of the run: retries, outages and backlog.
        renewable: The client gets new credentials when these expire.
        rng: Draws the delays.
        next_open: For a run that goes on with a journal; see `FreshDigests`.
        packed_from: Likewise.
        in_flight: Calls that wait for their answer.
        suspects: Calls for one digest that was refused before anything was answered.
        set_aside: Calls that wait for the last round.
        answered: The service answered at least one call.
        reached: At least one connection was made.
        stopped: Nothing more is asked.
    """

    SIGNED_AGAIN = 1_000
    """Most calls of a run that are asked once more because the time of their signature was refused."""
    LONE_REFUSALS = 2
    """Refused lone digests after which no digest is at fault."""
    LONE_REFUSALS_NAMED = 200
    """The same if the message speaks of digests: it is believed longer, but not for ten million calls."""
    HALVING_COST = 4
    """Credit that a halving costs because of transient errors; an answer earns 1."""
    HALF_EARNS = 8
    """Credit that the answer to a half earns that came at the first request. So the halvings that separate 20
    bad digests from 80 good ones pay for themselves, and those of a service that fails at random do not."""
    SILENT_TIMES = 3
    """So many times `outage_failures` in a row show that a service has stopped which answered before: where
    90 % of the requests fail at random, 60 in a row are rare."""
    BEGIN_AGAIN = 4
    """How often the attempts of a call begin again in the last round, before the call is halved. More would
    help a service that fails at random, and less would spare requests for digests that always fail."""
    LATELY = 20
    """How long an answer to another call shows that the service answers, in first delays (2 s by default);
    longer while the call is asked."""
    PROBES = 16
    """New batches that are asked in spite of many failures in a row, and must fail too, before the service
    counts as stopped. They are taken from all over the plan, because neighbours may fail alike."""
    MOST_CREDIT = 256
    """Most credit that is kept, so that a service that starts to fail is not asked in halves for long."""

    numbers: int
    batch_size: int
    slots: int
    limits: Limits = field(default_factory=Limits)
    renewable: bool = False
    rng: random.Random = field(default_factory=random.Random)
    next_open: Callable[[int], tuple[int, int]] | None = None
    packed_from: int | None = None
    in_flight: set[Call] = field(default_factory=set)
    suspects: list[Call] = field(default_factory=list)
    set_aside: list[Call] = field(default_factory=list)
    answered: bool = False
    reached: bool = False
    stopped: bool = False
    _fresh: FreshDigests = field(init=False)
    _search: AnswerSearch = field(init=False)
    _heard: bool = False
    _failing_since: float | None = None
    _progress_at: float = -math.inf
    _waiting: list[tuple[float, int, Call]] = field(default_factory=list)
    _halves: list[Call] = field(default_factory=list)
    _halves_in_flight: int = 0
    _halves_waiting: int = 0
    _failures_in_a_row: int = 0
    _probes: int = 0
    _failed_probes: int = 0
    _credit: int = 8 * HALVING_COST
    _sequence: int = 0
    _signed_again: int = 0
    _take_largest: bool = False

    def __post_init__(self) -> None:
        self._search = AnswerSearch(self.limits.outage_s)
        self._fresh = FreshDigests(
            self.numbers, self.batch_size, packed_from=self.packed_from, next_open=self.next_open
        )

    @property
    def cursor(self) -> int:
        """The first digest that was never asked."""
        return self._fresh.first

    @property
    def finished(self) -> bool:
        """Whether no call is in flight and nothing more will be asked."""
        if self.in_flight:
            return False
        return self.stopped or not (self._fresh or self._waiting or self._halves or self.set_aside)

    @property
    def in_outage(self) -> bool:
        """Whether so many requests failed in a row that new batches wait."""
        return self._failures_in_a_row >= self.limits.outage_failures

    @property
    def is_calm(self) -> bool:
        """Whether the service answers, and nothing but fresh calls is to be asked."""
        if self.stopped or not self.answered or self._failing_since is not None:
            return False
        return not (
            self._waiting or self._halves or self._halves_in_flight or self.set_aside or self.suspects
        )

    def is_silent(self, now: float) -> bool:
        """Whether so many requests failed in a row, and for so long, that the service has stopped."""
        enough = self.SILENT_TIMES * self.limits.outage_failures
        if self._failures_in_a_row < enough or now - self._progress_at < self.limits.outage_s:
            return False
        # The calls that wait may all be for digests that always fail. New batches show whether others are.
        return self._failed_probes >= self.PROBES or not self._fresh

    def due(self, now: float) -> float | None:
        """Return when the next call may be taken: `now` or earlier for at once, None for after a change."""
        if self.stopped:
            return None
        if self._halves and not (self._searching and self._half_under_way):
            return now
        soonest = self._waiting[0][0] if self._waiting else None
        if soonest is not None and soonest <= now:
            return soonest
        if self._fresh_allowed or self._last_round_begins:
            return now
        return soonest

    def take(self, now: float) -> Call:
        """Return the next call. `due` must have said just now that there is one."""
        call = self._choose(now)
        call.requests += 1
        call.started_at = now
        if call.requests == 1:
            call.tried_since = now
            if call.first_at > now:
                call.first_at = now
        self._halves_in_flight += call.half
        self.in_flight.add(call)
        return call

    def settle(self, call: Call, now: float) -> list[Call]:
        """Note that `call` was answered; return the suspects, which the answer proves to be at fault."""
        self._landed(call)
        self.answered = self.reached = True
        self._progressed(now)
        if self._credit < self.MOST_CREDIT:
            self._credit += self.HALF_EARNS if call.half and call.requests == 1 else 1
        proven, self.suspects = self.suspects, []
        return proven

    def settle_many(self, answers: int, now: float) -> list[Call]:
        """Note that the core merged so many answers to fresh calls, the last one then; see `settle`."""
        self.answered = self.reached = True
        self._progressed(max(now, self._progress_at))
        self._credit = max(min(self._credit + answers, self.MOST_CREDIT), self._credit)
        proven, self.suspects = self.suspects, []
        return proven

    def land(self, call: Call) -> None:
        """Note that the thread of `call` makes no call any more, and that all its calls are settled."""
        self._landed(call)

    def lend(self, calls: CallLoop) -> None:
        """Lend fresh digests to a loop. They are asked in order, and settled by `settle_many`."""
        self._fresh.lend(calls)

    def take_back(self) -> None:
        """Take back what is left of them."""
        self._fresh.take_back()

    def ask_rest(self, call: Call, now: float) -> bool:
        """Ask `call` again, whose answer lacked digests or contradicted itself; False if it was the last try.

        `settle` comes first. The digests that the answer named keep their verdicts.
        """
        call.incomplete += 1
        if call.incomplete >= self.limits.retry.incomplete_attempts:
            return False
        self._wait(call.again(), now + self.rng.uniform(0.0, self.limits.retry.back_off_base_s))
        return True

    def fail(self, call: Call, failure: FailureFacts, now: float) -> RetryDecision:
        """Decide what happens to the digests of `call`, which failed."""
        self._landed(call)
        self.reached = self.reached or failure.connected
        self._heard = self._heard or (failure.connected and not failure.hung_up)
        if failure.kind == "batch":
            self._progressed(now)
            return self._refused(call, failure)
        if failure.resigns and not call.signed_again and self._signed_again < self.SIGNED_AGAIN:
            # At once: the transport signs with the service's time now, or the request had waited too long.
            call.signed_again = True
            self._signed_again += 1
            self._wait(call.again(), now)
            return RetryDecision.RETRY
        if failure.kind == "fatal" and not (failure.renews and self.renewable):
            return RetryDecision.FATAL
        self._failures_in_a_row += 1
        self._failed_probes += call.is_probe and call.requests == 1
        if self._failing_since is None:
            self._failing_since = call.started_at
        return self._ask_again(call, failure, now)

    def stuck_s(self, now: float) -> float:
        """Return the seconds in which calls were in flight or failing and none was answered.

        A run that waits only for the pacer is not stuck.
        """
        starts = [call.started_at for call in self.in_flight]
        if self._failing_since is not None:
            starts.append(self._failing_since)
        return now - max(min(starts), self._progress_at) if starts else 0.0

    def keep_open(self, call: Call) -> None:
        """Put a call whose outcome was lost among the pending calls."""
        self._landed(call)
        self._halves.append(call)

    def stop(self) -> None:
        """Ask nothing more."""
        self.stopped = True

    def pending(self) -> Iterator[Call]:
        """Yield the calls that were asked at least once and have no outcome."""
        yield from (call for _, _, call in self._waiting)
        yield from self._halves
        yield from self.in_flight
        yield from self.suspects
        yield from self.set_aside

    def _landed(self, call: Call) -> None:
        if call in self.in_flight:
            self.in_flight.remove(call)
            self._halves_in_flight -= call.half

    def _progressed(self, now: float) -> None:
        self._progress_at = now
        if self._failing_since is None:
            return
        self._failing_since = None
        self._failures_in_a_row = self._probes = self._failed_probes = 0
        self._search.end()

    @property
    def _searching(self) -> bool:
        """Whether a search is on, for a digest at fault or for an answer; see the class."""
        silent = self._search.has_begun or not self.answered
        return silent and (bool(self._halves) or self._half_under_way)

    @property
    def _half_under_way(self) -> bool:
        return self._halves_in_flight + self._halves_waiting > 0

    @property
    def _fresh_allowed(self) -> bool:
        if not self._fresh:
            return False
        if not (self.in_flight or self._waiting or self._halves):
            return True  # whatever held new batches back, nothing else would end it
        backlog, most = len(self._waiting) + len(self._halves), self.slots * self.limits.backlog_per_slot
        if self.in_outage:
            return self.answered and self._probes < self.PROBES and backlog < 2 * most
        return backlog < most and not self._searching

    @property
    def _last_round_begins(self) -> bool:
        if self._fresh or not self.set_aside:
            return False
        return not (self.in_flight or self._waiting or self._halves)

    def _choose(self, now: float) -> Call:
        if self.set_aside and self._last_round_begins:
            # The first call that was set aside is the first to be asked again.
            self._halves += (
                replace(
                    call.with_new_attempts(now),
                    half=False,
                    last=True,
                    first_at=call.first_at if call.last else now,
                )
                for call in reversed(self.set_aside)
            )
            self.set_aside.clear()
        if self._halves and not (self._searching and self._half_under_way):
            if self._take_largest:
                self._take_largest = False
                largest = max(self._halves, key=lambda call: (call.half, call.size))
                self._halves.remove(largest)
                return largest
            return self._halves.pop()
        if self._waiting and self._waiting[0][0] <= now:
            call = heapq.heappop(self._waiting)[2]
            self._halves_waiting -= call.half
            return call
        if not self.in_outage:
            return Call(*self._fresh.take())
        self._probes += 1
        return Call(*self._fresh.take_far(self.rng), is_probe=True)

    def _refused(self, call: Call, failure: FailureFacts) -> RetryDecision:
        if failure.names_target and not failure.names_digest:
            return RetryDecision.FATAL
        if call.size > 1:
            return self._halve(call)
        if self.answered:
            return RetryDecision.REFUSE
        self.suspects.append(call)
        self._take_largest = True
        limit = self.LONE_REFUSALS_NAMED if failure.names_digest else self.LONE_REFUSALS
        if len(self.suspects) >= limit:
            return RetryDecision.FATAL
        return RetryDecision.SUSPECT

    def _ask_again(self, call: Call, failure: FailureFacts, now: float) -> RetryDecision:
        kind = failure.kind
        if kind == "throttled":
            tries = call.throttles = call.throttles + 1
        elif kind == "fatal":
            tries = call.renewals = call.renewals + 1
        else:
            tries = call.tries = call.tries + 1
        delay = self.limits.retry.delay_s(
            kind,
            tries=tries,
            asked_for_s=now - call.first_at,
            reached=self.reached,
            draw=self.rng.uniform,
            half=call.half,
        )
        hopeless = (call.half or call.last) and self._search.has_failed(now)
        if delay is None or hopeless or (call.last and not call.half and self.is_silent(now)):
            return self._used_up(call, failure, now)
        self._wait(call.again(), now + delay)
        return RetryDecision.RETRY

    def _used_up(self, call: Call, failure: FailureFacts, now: float) -> RetryDecision:
        """Decide about a call that used up its attempts or its time."""
        if failure.kind == "fatal" or not self.reached:
            return RetryDecision.FATAL
        # Throttling and a missing connection are not the fault of a digest.
        may_be_its_own = failure.kind == "transient" and failure.connected
        if not self.answered or self.is_silent(now):
            return self._search_on(call, now, may_be_its_own=may_be_its_own)
        has_time = now - call.first_at < self.limits.retry.asking_s
        lately = now - self.LATELY * self.limits.retry.back_off_base_s
        others_answered = self._progress_at > min(call.tried_since, lately)
        asks_again = has_time and call.last and others_answered
        if asks_again and call.began_again < self.BEGIN_AGAIN:
            return self._begin_again(call, now)
        halves = has_time and may_be_its_own and call.size > 1 and (call.last or others_answered)
        if halves and self._pay_for_halving(call):
            return self._halve(call)
        if asks_again:
            return self._begin_again(call, now)
        return RetryDecision.GIVE_UP if call.last else self._set_aside(call)

    def _search_on(self, call: Call, now: float, *, may_be_its_own: bool) -> RetryDecision:
        """Decide about a call that used up its attempts while no call is answered."""
        search = self._search
        if call.half and (call.size == 1 or not may_be_its_own):
            search.count_lone_failure()
            self._take_largest = True
        if not search.has_failed(now):
            if may_be_its_own and call.size > 1 and (call.half or not search.has_begun):
                search.begin(now)
                return self._halve(call)
            if search.has_begun:
                return self._set_aside(call)
        if not (self.answered or self._heard):
            # Whatever listens there has not said a word, so it speaks another protocol.
            return RetryDecision.FATAL
        if not self._fresh or not self.in_outage:
            return RetryDecision.GIVE_UP
        # The next batch would fail too. After an answer, what is known is worth a report.
        return RetryDecision.STALL if self.answered else RetryDecision.FATAL

    def _set_aside(self, call: Call) -> RetryDecision:
        self.set_aside.append(call.again())
        return RetryDecision.RETRY

    def _begin_again(self, call: Call, now: float) -> RetryDecision:
        delay = self.rng.uniform(0.0, self.limits.retry.back_off_base_s)
        self._wait(replace(call.with_new_attempts(now), began_again=call.began_again + 1), now + delay)
        return RetryDecision.RETRY

    def _pay_for_halving(self, call: Call) -> bool:
        # A batch is begun only if the credit lasts down to a single digest.
        if self._credit < self.HALVING_COST * (1 if call.half or call.last else call.size.bit_length()):
            return False
        self._credit -= self.HALVING_COST
        return True

    def _halve(self, call: Call) -> RetryDecision:
        left, right = call.halves()
        self._halves += (right, left)  # the last one is taken first
        return RetryDecision.SPLIT

    def _wait(self, call: Call, due: float) -> None:
        self._halves_waiting += call.half
        self._sequence += 1
        heapq.heappush(self._waiting, (due, self._sequence, call))
