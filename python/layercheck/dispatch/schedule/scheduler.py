"""The agenda of one run: which digests are asked next, and what a failure leads to.

Pure bookkeeping without threads, clock or network: the caller holds the lock and
says what time it is.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from threading import Thread

from layercheck.aws.classify import Failure
from layercheck.limits import Limits


@dataclass(slots=True, eq=False)
class Call:
    """The digests numbered `start..stop`, to be asked together.

    Attributes:
        start: First digest: an index into `plan.digests`; from the end of these on, one of the digests that
            a journal left open here and there.
        stop: One past the last.
        tries: Requests that ended in a passing error.
        throttles: Requests that were throttled.
        renewals: Requests that were refused for credentials which had just expired.
        requests: Requests sent.
        half: This is part of a batch that was halved.
        first_at: When these digests were first asked.
        started_at: When the present request was given a slot.
        thread: The thread that puts it to the service.
        finished: The transport has returned.
        abandoned: The run has given up on the request and on its thread.
    """

    start: int
    stop: int
    tries: int = 0
    throttles: int = 0
    renewals: int = 0
    requests: int = 0
    half: bool = False
    first_at: float = 0.0
    started_at: float = 0.0
    thread: Thread | None = None
    finished: bool = False
    abandoned: bool = False

    @property
    def size(self) -> int:
        """Digests in it."""
        return self.stop - self.start

    def again(self) -> Call:
        """The same digests for another request, with what was counted so far."""
        return replace(self, thread=None, finished=False, abandoned=False)


class RetryDecision(Enum):
    """What became of a failed call."""

    RETRY = "asked again later"
    SPLIT = "halved"
    REFUSED = "refused alone"
    SUSPECT = "refused, if any other digest turns out to be accepted"
    GIVE_UP = "left without an answer"
    FATAL = "the end of the run"
    STALLED = "the end of the run, which was getting nowhere"


@dataclass(slots=True)
class Scheduler:
    """What remains to be asked of the digests numbered 0 to `numbers`, generated call by call.

    Calls to be asked again go before new ones; their number is bounded, so memory
    is flat in the number of batches.

    While nothing has been answered yet and a whole batch was refused for a
    parameter, the digests may not be at fault at all (a bad repository name looks
    the same). Then one half is followed down to a single digest, after that the
    largest other half, one call at a time; two lone digests refused in different
    places without any answer anywhere means that no digest is at fault. So that
    costs some 15 calls instead of 2 per digest.
    """

    LONE_REFUSALS = 2
    LONE_REFUSALS_NAMED = 200
    """When the message speaks of digests it is believed longer, but not for ten million calls."""

    numbers: int
    batch_size: int
    slots: int
    limits: Limits
    renewable: bool = False
    rng: random.Random = field(default_factory=random.Random)
    next_open: Callable[[int], tuple[int, int]] | None = None
    """For a plan of which a part is settled: from here on, what the next call asks, as start and stop."""
    cursor: int = 0
    in_flight: set[Call] = field(default_factory=set)
    suspects: list[tuple[Call, Failure]] = field(default_factory=list)
    answered: bool = False
    reached: bool = False
    stopped: bool = False
    _failing_since: float | None = None
    _progress_at: float = -math.inf
    _waiting: list[tuple[float, int, Call]] = field(default_factory=list)
    _halves: list[Call] = field(default_factory=list)
    _halves_under_way: int = 0
    _failures_in_a_row: int = 0
    _sequence: int = 0
    _take_largest: bool = False

    def __post_init__(self) -> None:
        self.cursor = self._fresh_from(self.cursor)[0]

    @property
    def finished(self) -> bool:
        """Nothing is under way and nothing more will be asked."""
        if self.in_flight:
            return False
        return self.stopped or not (self.cursor < self.numbers or self._waiting or self._halves)

    @property
    def in_outage(self) -> bool:
        """So many failures in a row that new batches wait."""
        return self._failures_in_a_row >= self.limits.outage_failures

    def due(self, now: float) -> float | None:
        """When the next call may be taken: `now` or earlier for at once, None for not before a change."""
        if self.stopped:
            return None
        if self._halves and not (self._investigating and self._half_under_way):
            return now
        soonest = self._waiting[0][0] if self._waiting else None
        if soonest is not None and soonest <= now:
            return soonest
        if self._fresh_allowed:
            return now
        return soonest

    def take(self, now: float) -> Call:
        """The next call; `due` must just have said that there is one."""
        call = self._choose(now)
        call.requests += 1
        call.started_at = now
        if call.requests == 1:
            call.first_at = now
        self._halves_under_way += call.half
        self.in_flight.add(call)
        return call

    def settle(self, call: Call, now: float) -> list[tuple[Call, Failure]]:
        """`call` was answered; returns the suspects that are now proven to be at fault."""
        self._landed(call)
        self.answered = self.reached = True
        self._progressed(now)
        proven, self.suspects = self.suspects, []
        return proven

    def fail(self, call: Call, failure: Failure, now: float) -> RetryDecision:
        """`call` failed: decide what becomes of its digests."""
        self._landed(call)
        self.reached = self.reached or failure.connected
        if failure.kind == "batch":
            self._progressed(now)
            return self._refused(call, failure)
        if failure.kind == "fatal" and not (failure.renews and self.renewable):
            return RetryDecision.FATAL
        self._failures_in_a_row += 1
        if self._failing_since is None:
            self._failing_since = call.started_at
        return self._ask_again(call, failure, now)

    def stuck_s(self, now: float) -> float:
        """Seconds in which calls were under way or failing, and nothing came of any of them.

        A run that only waits for the pacer is not stuck.
        """
        starts = [call.started_at for call in self.in_flight]
        if self._failing_since is not None:
            starts.append(self._failing_since)
        return now - max(min(starts), self._progress_at) if starts else 0.0

    def keep_open(self, call: Call) -> None:
        """`call` is over and its outcome was lost: it is among the leftovers."""
        self._landed(call)
        self._halves.append(call)

    def stop(self) -> None:
        """Ask nothing more."""
        self.stopped = True

    def leftovers(self) -> Iterator[tuple[Call, Failure | None]]:
        """Calls asked at least once that have no outcome; never-asked digests are not among them."""
        yield from ((call, None) for _, _, call in self._waiting)
        yield from ((call, None) for call in self._halves)
        yield from ((call, None) for call in self.in_flight)
        yield from self.suspects

    def _landed(self, call: Call) -> None:
        if call in self.in_flight:
            self.in_flight.remove(call)
            self._halves_under_way -= call.half

    def _progressed(self, now: float) -> None:
        self._failures_in_a_row = 0
        self._failing_since = None
        self._progress_at = now

    @property
    def _investigating(self) -> bool:
        return not self.answered and (bool(self._halves) or self._half_under_way)

    @property
    def _half_under_way(self) -> bool:
        return self._halves_under_way > 0

    @property
    def _fresh_allowed(self) -> bool:
        if self.cursor >= self.numbers:
            return False
        if not (self.in_flight or self._waiting or self._halves):
            return True  # whatever held new batches back, nothing else would ever end it
        full = len(self._waiting) + len(self._halves) >= self.slots * self.limits.backlog_per_slot
        return not (full or self.in_outage or self._investigating)

    def _choose(self, now: float) -> Call:
        if self._halves and not (self._investigating and self._half_under_way):
            if self._take_largest:
                self._take_largest = False
                largest = max(self._halves, key=lambda call: call.size)
                self._halves.remove(largest)
                return largest
            return self._halves.pop()
        if self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[2]
        start, stop = self._fresh_from(self.cursor)
        self.cursor = self._fresh_from(stop)[0]
        return Call(start, stop)

    def _fresh_from(self, start: int) -> tuple[int, int]:
        if self.next_open is not None:
            return self.next_open(start)
        return start, min(start + self.batch_size, self.numbers)

    def _refused(self, call: Call, failure: Failure) -> RetryDecision:
        if failure.names_target and not failure.names_digest:
            return RetryDecision.FATAL
        if call.size > 1:
            middle = (call.start + call.stop) // 2
            # The left half is taken first: it lies on top.
            self._halves.append(Call(middle, call.stop, half=True))
            self._halves.append(Call(call.start, middle, half=True))
            return RetryDecision.SPLIT
        if self.answered:
            return RetryDecision.REFUSED
        self.suspects.append((call, failure))
        self._take_largest = True
        limit = self.LONE_REFUSALS_NAMED if failure.names_digest else self.LONE_REFUSALS
        if len(self.suspects) >= limit:
            return RetryDecision.FATAL
        return RetryDecision.SUSPECT

    def _ask_again(self, call: Call, failure: Failure, now: float) -> RetryDecision:
        limits = self.limits
        if failure.kind == "throttled":
            call.throttles += 1
            tries, limit = call.throttles, limits.throttle_attempts
        elif failure.kind == "fatal":
            call.renewals += 1
            tries, limit = call.renewals, limits.renewal_attempts
        else:
            call.tries += 1
            tries, limit = call.tries, limits.attempts if self.reached else limits.first_contact_attempts
        if tries >= limit or now - call.first_at >= limits.asking_s:
            return self._give_up(failure)
        ceiling = min(limits.back_off_cap_s, limits.back_off_base_s * 2.0 ** (tries - 1))
        self._sequence += 1
        due = now + self.rng.uniform(0.0, ceiling)
        heapq.heappush(self._waiting, (due, self._sequence, call.again()))
        return RetryDecision.RETRY

    def _give_up(self, failure: Failure) -> RetryDecision:
        if failure.kind == "fatal" or not self.reached:
            return RetryDecision.FATAL
        if self.in_outage and self.cursor < self.numbers:
            # The next batch would fare no better. Without a single answer something may be wrong with the
            # target; after some the service has stopped, and what is known is worth a report.
            return RetryDecision.STALLED if self.answered else RetryDecision.FATAL
        return RetryDecision.GIVE_UP
