"""The scheduler in slow and readable Python, without threads and without care for memory.

The tests compare `layercheck._core.Scheduler` with it. The documentation of that in
`src/dispatch/schedule/scheduler.rs` explains the rules. A call does not change: a request that is made again
is another `Call`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from layercheck._core import RetryDecision
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

SIGNED_AGAIN = 1_000
LONE_REFUSALS = 2
LONE_REFUSALS_NAMED = 200
LONE_FAILURES = 2
HALVING_COST = 4
HALF_EARNS = 8
FIRST_CREDIT = 32
MOST_CREDIT = 256
SILENT_TIMES = 3
BEGIN_AGAIN = 4
LATELY = 20
PROBES = 16

NextOpen = Callable[[int], tuple[int, int]]


@dataclass(frozen=True)
class Failure:
    """What the scheduler reads of a failure; `layercheck.aws.classify.Failure` explains it."""

    kind: str
    connected: bool = True
    hung_up: bool = False
    renews: bool = False
    resigns: bool = False
    names_target: bool = False
    names_digest: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The digests numbered `start..stop`, which one request asks about; `call.rs` explains each field."""

    start: int
    stop: int
    number: int = 0
    tries: int = 0
    throttles: int = 0
    renewals: int = 0
    signed_again: bool = False
    incomplete: int = 0
    requests: int = 0
    half: bool = False
    is_probe: bool = False
    last: bool = False
    began_again: int = 0
    first_at: float = math.inf
    tried_since: float = math.inf
    started_at: float = 0.0

    @property
    def size(self) -> int:
        """Number of digests."""
        return self.stop - self.start

    def with_new_attempts(self, now: float) -> Call:
        """Return a call for the same digests whose failures are counted from zero."""
        return replace(self, tries=0, throttles=0, renewals=0, tried_since=now)

    def halves(self) -> tuple[Call, Call]:
        """Return two new calls, each for one half of the digests, with the time since these were asked."""
        middle = (self.start + self.stop) // 2
        left = Call(self.start, middle, half=True, last=self.last, first_at=self.first_at)
        return left, replace(left, start=middle, stop=self.stop)


class Wyrand:
    """The numbers that the crate fastrand draws."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def draw(self) -> float:
        """Return a number from zero to below one: 63 random bits, rounded, as a fraction."""
        while True:
            self._state = (self._state + 0x2D35_8DCC_AA6C_78A5) % 2**64
            product = self._state * (self._state ^ 0x8BB8_4B93_962E_ACC9)
            bits = product % 2**64 ^ product >> 64
            if (drawn := (bits >> 1) / 2**63) < 1.0:
                return drawn


def longest_delay_s(
    policy: RetryPolicy, kind: str, *, tries: int, asked_for_s: float, reached: bool, half: bool
) -> float | None:
    """Return the upper end of the delay before digests are asked again; None if the attempts are used up."""
    if kind == "throttled":
        limit = policy.throttle_attempts
    elif kind == "fatal":
        limit = policy.renewal_attempts
    elif not reached:
        limit = policy.first_contact_attempts
    else:
        limit = min(policy.attempts, policy.half_attempts) if half else policy.attempts
    if tries >= limit or asked_for_s >= policy.asking_s:
        return None
    return min(policy.back_off_cap_s, policy.back_off_base_s * 2.0 ** (tries - 1))


class FreshDigests:
    """The digests that no call has asked for yet: ranges of numbers, in order."""

    def __init__(self, numbers: int, batch_size: int, packed_from: int, next_open: NextOpen | None) -> None:
        self._numbers = numbers
        self._batch_size = batch_size
        self._next_open = next_open or (lambda start: (start, start + batch_size))
        self._ranges = [(0, packed_from), (packed_from, numbers)]
        self._skip_known()

    def __bool__(self) -> bool:
        return bool(self._ranges)

    @property
    def first(self) -> int:
        """The first digest that is left; the number of all digests if none is."""
        return self._ranges[0][0] if self._ranges else self._numbers

    def take(self) -> tuple[int, int]:
        """Take the first call."""
        call = self._call_from(*self._ranges[0])
        assert call is not None, "the first range begins with a digest that is to be asked"
        return self._cut(0, call)

    def take_far(self, draw: float) -> tuple[int, int]:
        """Take the call at a share of all digests that are left, or the first one after it in its range."""
        while True:
            left = [(at, digest) for at, part in enumerate(self._ranges) for digest in range(*part)]
            if len(self._ranges) == 1 and len(left) <= self._batch_size:
                return self.take()
            at, digest = left[int(draw * len(left))]
            start, stop = self._ranges[at]
            batch = digest - (digest - start) % self._batch_size
            call = self._call_from(batch, stop) or self._call_from(start, stop)
            if call is not None:
                return self._cut(at, call)
            del self._ranges[at]  # all of it is known

    def _cut(self, at: int, call: tuple[int, int]) -> tuple[int, int]:
        start, stop = self._ranges[at]
        self._ranges[at : at + 1] = [(start, call[0]), (call[1], stop)]
        self._skip_known()
        return call

    def _skip_known(self) -> None:
        self._ranges = [(start, stop) for start, stop in self._ranges if start < stop]
        while self._ranges:
            start, stop = self._ranges[0]
            if (call := self._call_from(start, stop)) is not None:
                self._ranges[0] = (call[0], stop)
                return
            del self._ranges[0]

    def _call_from(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first call from a number on that begins before `end`."""
        first, stop = self._next_open(start)
        return (first, min(stop, end)) if first < min(stop, end) else None


@dataclass
class Search:
    """Whether the service answers any single digest, while it answers no whole batch."""

    longest_s: float
    has_begun: bool = False
    ends_at: float = math.inf
    lone_failures: int = 0

    def begin(self, now: float) -> None:
        """Begin, unless the search goes on already."""
        if not self.has_begun:
            self.has_begun, self.ends_at = True, now + self.longest_s

    def has_failed(self, now: float) -> bool:
        """Whether the search found no digest that is answered, or took too long."""
        return self.lone_failures >= LONE_FAILURES or now >= self.ends_at

    def end(self) -> None:
        """End, because the service answered."""
        self.has_begun, self.ends_at, self.lone_failures = False, math.inf, 0


@dataclass
class Scheduler:
    """Decides what is asked next, and what follows from a failure."""

    fresh: FreshDigests
    slots: int
    limits: Limits
    renewable: bool
    random: Wyrand
    in_flight: list[Call] = field(default_factory=list)
    suspects: list[Call] = field(default_factory=list)
    set_aside: list[Call] = field(default_factory=list)
    waiting: list[tuple[float, int, Call]] = field(default_factory=list)
    halves: list[Call] = field(default_factory=list)
    answered: bool = False
    reached: bool = False
    heard: bool = False
    stopped: bool = False
    failing_since: float | None = None
    progress_at: float = -math.inf
    failures_in_a_row: int = 0
    probes: int = 0
    failed_probes: int = 0
    credit: int = FIRST_CREDIT
    requests: int = 0
    sequence: int = 0
    signed_again: int = 0
    take_largest: bool = False
    search: Search = field(init=False)

    def __post_init__(self) -> None:
        self.search = Search(self.limits.outage_s)

    @property
    def cursor(self) -> int:
        """The first digest that was never asked."""
        return self.fresh.first

    @property
    def finished(self) -> bool:
        """Whether no call is in flight and nothing more will be asked."""
        left = self.fresh or self.waiting or self.halves or self.set_aside
        return not self.in_flight and (self.stopped or not left)

    @property
    def in_outage(self) -> bool:
        """Whether so many requests failed in a row that new batches wait."""
        return self.failures_in_a_row >= self.limits.outage_failures

    @property
    def is_calm(self) -> bool:
        """Whether an answer is all that follows from an answer."""
        return not self.stopped and not self.suspects

    def is_silent(self, now: float) -> bool:
        """Whether so many requests failed in a row, and for so long, that the service has stopped."""
        enough = self.failures_in_a_row >= SILENT_TIMES * self.limits.outage_failures
        long = now - self.progress_at >= self.limits.outage_s
        return enough and long and (self.failed_probes >= PROBES or not self.fresh)

    def due(self, now: float) -> float | None:
        """Return when the next call may be taken: `now` or earlier for at once, None for after a change."""
        if self.stopped:
            return None
        if self._half_is_taken:
            return now
        soonest = min(due for due, _, _ in self.waiting) if self.waiting else None
        if soonest is not None and soonest <= now:
            return soonest
        return now if self._fresh_is_taken or self._last_round_begins else soonest

    def take(self, now: float) -> Call:
        """Return the next call. `due` must have said just now that there is one."""
        chosen = self._choose(now)
        self.requests += 1
        call = replace(chosen, number=self.requests, requests=chosen.requests + 1, started_at=now)
        if call.requests == 1:
            call = replace(call, tried_since=now, first_at=min(call.first_at, now))
        self.in_flight.append(call)
        return call

    def settle(self, call: Call, now: float) -> None:
        """Note that a call was answered, which proves that the suspects are at fault."""
        self.land(call)
        self.answered = self.reached = True
        self._progressed(now)
        if self.credit < MOST_CREDIT:
            self.credit += HALF_EARNS if call.half and call.requests == 1 else 1

    def take_suspects(self) -> list[Call]:
        """Return the suspects, and forget them."""
        suspects, self.suspects = self.suspects, []
        return suspects

    def take_proven(self) -> list[Call]:
        """Return the suspects, and forget them, once there was an answer."""
        return self.take_suspects() if self.answered else []

    def ask_rest(self, call: Call, now: float) -> bool:
        """Ask a call again whose answer was incomplete; return False if it was the last try."""
        incomplete = call.incomplete + 1
        if incomplete >= self.limits.retry.incomplete_attempts:
            return False
        delay = self.limits.retry.back_off_base_s * self.random.draw()
        self._wait(replace(call, incomplete=incomplete), now + delay)
        return True

    def fail(self, call: Call, failure: Failure, now: float) -> RetryDecision:
        """Decide what happens to the digests of a call that failed."""
        self.land(call)
        self.reached = self.reached or failure.connected
        self.heard = self.heard or (failure.connected and not failure.hung_up)
        if failure.kind == "batch":
            self._progressed(now)
            return self._refused(call, failure)
        if failure.resigns and not call.signed_again and self.signed_again < SIGNED_AGAIN:
            self.signed_again += 1
            self._wait(replace(call, signed_again=True), now)
            return RetryDecision.RETRY
        if failure.kind == "fatal" and not (failure.renews and self.renewable):
            return RetryDecision.FATAL
        self.failures_in_a_row += 1
        self.failed_probes += call.is_probe and call.requests == 1
        if self.failing_since is None:
            self.failing_since = call.started_at
        return self._ask_again(call, failure, now)

    def land(self, call: Call) -> None:
        """Note that a call is not in flight any more."""
        self.in_flight = [other for other in self.in_flight if other.number != call.number]

    def keep_open(self, call: Call) -> None:
        """Put a call whose outcome was lost among the pending calls."""
        self.land(call)
        self.halves.append(call)

    def forget_in_flight(self) -> None:
        """Forget the calls in flight."""
        self.in_flight = []

    def stop(self) -> None:
        """Ask nothing more."""
        self.stopped = True

    def stuck_s(self, now: float) -> float:
        """Return the seconds in which calls were in flight or failing and none was answered."""
        starts = [call.started_at for call in self.in_flight]
        if self.failing_since is not None:
            starts.append(self.failing_since)
        return now - max(min(starts), self.progress_at) if starts else 0.0

    def started_before(self, time: float) -> list[Call]:
        """Return the calls in flight that started before this time."""
        return [call for call in self.in_flight if call.started_at < time]

    def pending(self) -> Iterator[Call]:
        """Yield the calls that were asked at least once and have no outcome."""
        yield from (call for _, _, call in self.waiting)
        for calls in (self.halves, self.in_flight, self.suspects, self.set_aside):
            yield from calls

    def _progressed(self, now: float) -> None:
        # A thread may come with an earlier time than another.
        self.progress_at = max(self.progress_at, now)
        if self.failing_since is not None:
            self.failing_since = None
            self.failures_in_a_row = self.probes = self.failed_probes = 0
            self.search.end()

    @property
    def _half_is_under_way(self) -> bool:
        waiting = any(call.half for _, _, call in self.waiting)
        return waiting or any(call.half for call in self.in_flight)

    @property
    def _is_searching(self) -> bool:
        silent = self.search.has_begun or not self.answered
        return silent and (bool(self.halves) or self._half_is_under_way)

    @property
    def _half_is_taken(self) -> bool:
        return bool(self.halves) and not (self._is_searching and self._half_is_under_way)

    @property
    def _fresh_is_taken(self) -> bool:
        if not self.fresh:
            return False
        if not (self.in_flight or self.waiting or self.halves):
            return True  # whatever held new batches back, nothing else would end it
        backlog, most = len(self.waiting) + len(self.halves), self.slots * self.limits.backlog_per_slot
        if self.in_outage:
            return self.answered and self.probes < PROBES and backlog < 2 * most
        return backlog < most and not self._is_searching

    @property
    def _last_round_begins(self) -> bool:
        return bool(self.set_aside) and not (self.fresh or self.in_flight or self.waiting or self.halves)

    def _choose(self, now: float) -> Call:
        if self._last_round_begins:
            # The first call that was set aside is the first to be asked again.
            for call in reversed(self.set_aside):
                since = call.first_at if call.last else now
                again = replace(call.with_new_attempts(now), half=False, last=True, first_at=since)
                self.halves.append(again)
            self.set_aside = []
        if self._half_is_taken:
            if not self.take_largest:
                return self.halves.pop()
            self.take_largest = False
            largest = max(self.halves, key=lambda call: (call.half, call.size))
            return self.halves.pop(self.halves.index(largest))
        if self.waiting and min(self.waiting)[0] <= now:
            soonest = min(self.waiting)
            self.waiting.remove(soonest)
            return soonest[2]
        if not self.in_outage:
            return Call(*self.fresh.take())
        self.probes += 1
        return Call(*self.fresh.take_far(self.random.draw()), is_probe=True)

    def _refused(self, call: Call, failure: Failure) -> RetryDecision:
        if failure.names_target and not failure.names_digest:
            return RetryDecision.FATAL
        if call.size > 1:
            return self._halve(call)
        if self.answered:
            return RetryDecision.REFUSE
        self.suspects.append(call)
        self.take_largest = True
        most = LONE_REFUSALS_NAMED if failure.names_digest else LONE_REFUSALS
        return RetryDecision.FATAL if len(self.suspects) >= most else RetryDecision.SUSPECT

    def _ask_again(self, call: Call, failure: Failure, now: float) -> RetryDecision:
        if failure.kind == "throttled":
            call = replace(call, throttles=call.throttles + 1)
            tries = call.throttles
        elif failure.kind == "fatal":
            call = replace(call, renewals=call.renewals + 1)
            tries = call.renewals
        else:
            call = replace(call, tries=call.tries + 1)
            tries = call.tries
        longest = longest_delay_s(
            self.limits.retry,
            failure.kind,
            tries=tries,
            asked_for_s=now - call.first_at,
            reached=self.reached,
            half=call.half,
        )
        hopeless = (call.half or call.last) and self.search.has_failed(now)
        if longest is None or hopeless or (call.last and not call.half and self.is_silent(now)):
            return self._used_up(call, failure, now)
        self._wait(call, now + longest * self.random.draw())
        return RetryDecision.RETRY

    def _used_up(self, call: Call, failure: Failure, now: float) -> RetryDecision:
        if failure.kind == "fatal" or not self.reached:
            return RetryDecision.FATAL
        # Throttling and a missing connection are not the fault of a digest.
        may_be_its_own = failure.kind == "transient" and failure.connected
        if not self.answered or self.is_silent(now):
            return self._search_on(call, now, may_be_its_own=may_be_its_own)
        has_time = now - call.first_at < self.limits.retry.asking_s
        lately = now - LATELY * self.limits.retry.back_off_base_s
        others_answered = self.progress_at > min(call.tried_since, lately)
        asks_again = has_time and call.last and others_answered
        if asks_again and call.began_again < BEGIN_AGAIN:
            return self._begin_again(call, now)
        halves = has_time and may_be_its_own and call.size > 1 and (call.last or others_answered)
        if halves and self._pay_for_halving(call):
            return self._halve(call)
        if asks_again:
            return self._begin_again(call, now)
        return RetryDecision.GIVE_UP if call.last else self._set_aside(call)

    def _search_on(self, call: Call, now: float, *, may_be_its_own: bool) -> RetryDecision:
        if call.half and (call.size == 1 or not may_be_its_own):
            self.search.lone_failures += 1
            self.take_largest = True
        if not self.search.has_failed(now):
            if may_be_its_own and call.size > 1 and (call.half or not self.search.has_begun):
                self.search.begin(now)
                return self._halve(call)
            if self.search.has_begun:
                return self._set_aside(call)
        if not (self.answered or self.heard):
            return RetryDecision.FATAL  # whatever listens there speaks another protocol
        if not self.fresh or not self.in_outage:
            return RetryDecision.GIVE_UP
        return RetryDecision.STALL if self.answered else RetryDecision.FATAL

    def _set_aside(self, call: Call) -> RetryDecision:
        self.set_aside.append(call)
        return RetryDecision.RETRY

    def _begin_again(self, call: Call, now: float) -> RetryDecision:
        again = replace(call.with_new_attempts(now), began_again=call.began_again + 1)
        self._wait(again, now + self.limits.retry.back_off_base_s * self.random.draw())
        return RetryDecision.RETRY

    def _pay_for_halving(self, call: Call) -> bool:
        # A batch is begun only if the credit lasts down to a single digest.
        halvings = 1 if call.half or call.last else call.size.bit_length()
        if self.credit < HALVING_COST * halvings:
            return False
        self.credit -= HALVING_COST
        return True

    def _halve(self, call: Call) -> RetryDecision:
        left, right = call.halves()
        self.halves += (right, left)  # the last one is taken first
        return RetryDecision.SPLIT

    def _wait(self, call: Call, due: float) -> None:
        self.sequence += 1
        self.waiting.append((due, self.sequence, call))
