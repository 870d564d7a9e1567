"""Whatever the service does, the scheduler of the core decides as the slow reference does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

import layercheck as lc
from dispatch.schedule import reference_scheduler as ref
from layercheck import _core
from layercheck._core import RetryDecision
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

# What both sides show of a call.
of_call = attrgetter(
    "start",
    "stop",
    "size",
    "number",
    "tries",
    "renewals",
    "signed_again",
    "incomplete",
    "requests",
    "half",
    "last",
    "first_at",
    "started_at",
)

NAMES = {
    RetryDecision.RETRY: "retry",
    RetryDecision.SPLIT: "split",
    RetryDecision.REFUSE: "refuse",
    RetryDecision.SUSPECT: "suspect",
    RetryDecision.GIVE_UP: "give up",
    RetryDecision.FATAL: "fatal",
    RetryDecision.STALL: "stall",
}

RESET = ref.Failure("transient")
HUNG_UP = ref.Failure("transient", hung_up=True)
NO_CONNECTION = ref.Failure("transient", connected=False)
THROTTLED = ref.Failure("throttled")
EXPIRED = ref.Failure("fatal", renews=True)
OLD_SIGNATURE = ref.Failure("fatal", resigns=True)
BAD = ref.Failure("batch")
BAD_DIGEST = ref.Failure("batch", names_digest=True)
DOWN = (RESET, RESET, HUNG_UP, NO_CONNECTION, THROTTLED)
FAILURES = (*DOWN, EXPIRED, OLD_SIGNATURE, BAD, BAD_DIGEST)


@dataclass(frozen=True)
class Service:
    """A service that answers a share of the requests, and never those for a bad digest."""

    answers: float
    failure: ref.Failure | None = None
    """How the others fail; None for in any way."""
    bad: frozenset[int] = frozenset()

    def outcome(self, call: ref.Call, rng: random.Random) -> ref.Failure | None:
        """Return the failure of a request, or None for an answer."""
        if self.bad.isdisjoint(range(call.start, call.stop)) and rng.random() < self.answers:
            return None
        return self.failure or any_failure(rng)


@dataclass(frozen=True)
class Setting:
    """What a run is about: its digests, and how it asks."""

    limits: Limits
    known: list[bool]
    """Whether a journal has an answer, for each digest of the plan."""
    batch_size: int = 4
    slots: int = 4
    renewable: bool = True
    goes_on: bool = False
    """The run has a ledger."""
    pace_s: float = 0.0
    """The longest usual time of a step."""
    odd: bool = False
    """More happens than answers and failures, such as a jump of the time."""


class ServiceWithAnotherClock(Service):
    """A service that refuses each call once for the time of its signature."""

    def outcome(self, call: ref.Call, rng: random.Random) -> ref.Failure | None:
        """Return the failure of a request, or None for an answer."""
        return None if call.signed_again else OLD_SIGNATURE


def any_failure(rng: random.Random) -> ref.Failure:
    """Draw a failure, and those that end a run less often than others."""
    return ref.Failure(
        rng.choices(["transient", "throttled", "batch", "fatal"], [8, 4, 3, 1])[0],
        connected=rng.random() < 0.8,
        hung_up=rng.random() < 0.2,
        renews=rng.random() < 0.8,
        resigns=rng.random() < 0.1,
        names_target=rng.random() < 0.2,
        names_digest=rng.random() < 0.5,
    )


def any_bad(rng: random.Random, numbers: int) -> frozenset[int]:
    """Draw a few digests, or many."""
    share = rng.choice([0.01, 0.05, 0.2, 0.5, 1.0])
    return frozenset(digest for digest in range(numbers) if rng.random() < share)


def any_service(rng: random.Random, numbers: int) -> Service:
    """Draw a service that is well, that is down, that fails at random, or that fails for some digests."""
    failure = rng.choice([*FAILURES, None])
    services = [
        Service(1.0),
        Service(0.0, failure),
        Service(0.0, rng.choice(DOWN)),
        Service(rng.choice([0.1, 0.5, 0.9]), failure),
        Service(1.0, failure, any_bad(rng, numbers)),
        Service(0.9, RESET, any_bad(rng, numbers)),
    ]
    return rng.choice(services)


def any_limits(rng: random.Random) -> Limits:
    """Draw limits that are reached after few failures, and in a short time."""
    retry = RetryPolicy(
        attempts=rng.randint(1, 4),
        half_attempts=rng.randint(1, 3),
        incomplete_attempts=rng.randint(1, 3),
        first_contact_attempts=rng.randint(1, 3),
        throttle_attempts=rng.randint(1, 4),
        renewal_attempts=rng.randint(1, 3),
        asking_s=rng.choice([1.0, 10.0, 100.0, 1e4]),
        back_off_base_s=rng.choice([0.0, 0.01, 0.125, 1.0]),
        back_off_cap_s=rng.choice([0.05, 1.5, 20.0]),
    )
    return Limits(
        retry=retry,
        outage_failures=rng.choice([1, 2, 3, 5, 20]),
        outage_s=rng.choice([0.0, 0.5, 5.0]),
        backlog_per_slot=rng.choice([0, 1, 2, 4]),
    )


def any_setting(rng: random.Random) -> Setting:
    """Draw a setting; some runs go on with a journal that knows whole batches and single digests."""
    limits, batch_size = any_limits(rng), rng.choice([1, 2, 4, 4, 8, 100])
    numbers = rng.choice([rng.randint(0, 20), rng.randint(0, 100), rng.randint(0, 400)])
    goes_on, known = rng.random() < 0.3, [False] * numbers
    shares = [0.0, 0.0, 1.0, rng.choice([0.0, 0.2, 1.0])]
    for start in range(0, numbers if goes_on else 0, batch_size):
        share = rng.choice(shares)
        known[start : start + batch_size] = [rng.random() < share for _ in known[start : start + batch_size]]
    base_s = limits.retry.back_off_base_s
    return Setting(
        limits,
        known,
        batch_size,
        slots=rng.randint(1, 6),
        renewable=rng.random() < 0.8,
        goes_on=goes_on,
        pace_s=rng.choice([0.0, base_s, 4 * base_s, 0.25, 20.0]),
        odd=rng.random() < 0.8,
    )


class Known:
    """What a ledger says of digests of which it knows some, for the core and for the reference."""

    def __init__(self, known: list[bool], batch_size: int) -> None:
        plan = lc.plan([f"{number:064x}" for number in range(len(known))], batch_size=batch_size)
        self.ledger = _core.Ledger(plan)
        for number in range(len(known)):
            if known[number]:
                self.ledger.refuse(number, "SomeCode", "why")
        self.ledger.pack_pending()
        batches = [range(len(known))[at : at + batch_size] for at in range(0, len(known), batch_size)]
        self._whole = [batch for batch in batches if not any(known[number] for number in batch)]
        self._batch_size, self._unique = batch_size, len(known)
        self.numbers = self._unique + known.count(False) - sum(map(len, self._whole))

    def next_open(self, start: int) -> tuple[int, int]:
        """Return the digests of the next call: a batch of which nothing is known, or packed digests."""
        for batch in self._whole:
            if batch.start >= start:
                return batch.start, batch.stop
        first = min(max(start, self._unique), self.numbers)
        return first, min(first + self._batch_size, self.numbers)


@dataclass
class Run:
    """One run on both schedulers with the same outcomes; they are compared after every step.

    Attributes:
        reached: How often each decision was made, and what else happened.
    """

    setting: Setting
    rng: random.Random
    tell: Callable[[str], None] = lambda text: None
    reached: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        setting, seed = self.setting, self.rng.getrandbits(64)
        unique, batch_size = len(setting.known), setting.batch_size
        known = Known(setting.known, batch_size) if setting.goes_on else None
        self.numbers = known.numbers if known else unique
        self._now = 0.0
        self._calls: list[tuple[_core.Call, ref.Call]] = []
        self._core = _core.Scheduler(
            self.numbers,
            batch_size,
            setting.slots,
            setting.limits,
            renewable=setting.renewable,
            ledger=known.ledger if known else None,
            seed=seed,
        )
        self._reference = ref.Scheduler(
            ref.FreshDigests(self.numbers, batch_size, unique, known.next_open if known else None),
            setting.slots,
            setting.limits,
            setting.renewable,
            ref.Wyrand(seed),
        )
        self.tell(f"{self.numbers} numbers, {setting}")

    def go(self, service: Service, steps: int, *, until: str = "") -> None:
        """Make so many steps, or all that are left; or until something is reached."""
        self.tell(f"{steps} steps with {service}")
        for _ in range(steps):
            if self._core.finished or self.reached[until]:
                return
            self._step(service)
            self._compare()

    def _step(self, service: Service) -> None:
        rng, pace_s = self.rng, self.setting.pace_s
        due = self._core.due(self._now)
        if due is None or due > self._now:
            assert self._core.take(self._now) is None
        is_due = due is not None and due <= self._now and len(self._calls) < self.setting.slots
        if is_due and (not self._calls or rng.random() < 0.7):
            self._take()
        elif self._calls and (due is None or rng.random() < 0.8):
            self._return(service, *self._calls.pop(rng.randrange(len(self._calls))))
        else:
            assert due is not None, "nothing is in flight, nothing is due, and the run is not finished"
            self._now = max(self._now, due)
        self._now += rng.choice([0.0, 0.0, pace_s, pace_s * rng.random()])
        if self.setting.odd and rng.random() < 0.01:
            self._happen()

    def _take(self) -> None:
        call, same = self._core.take(self._now), self._reference.take(self._now)
        assert call is not None
        assert of_call(call) == of_call(same)
        self._calls.append((call, same))
        self.reached["last round"] += same.last
        self.reached["probe"] += same.is_probe
        self.reached["begin again"] += same.began_again > 0

    def _return(self, service: Service, call: _core.Call, same: ref.Call) -> None:
        core, reference, now = self._core, self._reference, self._now
        chance = self.rng.random() if self.setting.odd else 1.0
        if chance < 0.1:
            # A thread may come with an earlier time than another.
            now -= self.setting.pace_s * self.rng.random()
        if chance < 0.005:
            core.land(call)
            reference.land(same)
        elif chance < 0.01:
            core.keep_open(call)
            reference.keep_open(same)
        elif (failure := service.outcome(same, self.rng)) is not None:
            self._fail(call, same, failure, now)
        else:
            core.settle(call, now)
            reference.settle(same, now)
            self._take_proven(0.9)
            if chance < 0.05:
                asks = reference.ask_rest(same, now)
                assert core.ask_rest(call, now) == asks
                self.reached["ask the rest" if asks else "leave the rest"] += 1

    def _take_proven(self, chance: float) -> None:
        # A run looks for them after an answer, and now and then others fail before.
        if self.rng.random() < chance:
            proven = seen(self._reference.take_proven())
            assert seen(self._core.take_proven()) == proven
            self.reached["proven"] += bool(proven)

    def _fail(self, call: _core.Call, same: ref.Call, failure: ref.Failure, now: float) -> None:
        reference, had_begun = self._reference, self._reference.search.has_begun
        wanted = reference.fail(same, failure, now)
        self.tell(f"at {now} {same.start}..{same.stop}, {failure}: {wanted}")
        assert self._core.fail(call, failure, now) == wanted
        self.reached[NAMES[wanted]] += 1
        self.reached["search"] += reference.search.has_begun and not had_begun
        self.reached["silence"] += reference.answered and reference.is_silent(now)
        if wanted in (RetryDecision.FATAL, RetryDecision.STALL) and self.rng.random() < 0.3:
            self._stop()

    def _happen(self) -> None:
        """Let the time jump, exactly to the end of a limit too, or do what a run does at its end."""
        limits, what = self.setting.limits, self.rng.random()
        base_s, asking_s = limits.retry.back_off_base_s, limits.retry.asking_s
        if what < 0.8:
            self._now += self.rng.choice([1.0, ref.LATELY * base_s, limits.outage_s, asking_s])
        elif what < 0.85:
            assert seen(self._core.take_suspects()) == seen(self._reference.take_suspects())
        elif what < 0.9:
            self._take_proven(1.0)
        elif what < 0.95:
            self._core.forget_in_flight()
            self._reference.forget_in_flight()
            self._calls.clear()
        else:
            self._stop()

    def _stop(self) -> None:
        self._core.stop()
        self._reference.stop()

    def _compare(self) -> None:
        core, reference, now = self._core, self._reference, self._now
        assert core.due(now) == reference.due(now)
        assert core.cursor == reference.cursor
        assert core.finished == reference.finished
        assert core.answered == reference.answered
        assert core.is_calm == reference.is_calm
        assert core.in_flight == len(reference.in_flight)
        assert core.stuck_s(now) == reference.stuck_s(now)
        assert seen(core.suspects) == seen(reference.suspects)
        assert sorted(seen(core.pending())) == sorted(seen(list(reference.pending())))
        assert sorted(seen(core.started_before(now))) == sorted(seen(reference.started_before(now)))


def seen(calls: list[_core.Call] | list[ref.Call]) -> list[Any]:
    """Return what both sides show of calls."""
    return list(map(of_call, calls))


def changing_run(rng: random.Random, tell: Callable[[str], None]) -> Run:
    """Make a run with a service that changes a few times."""
    run = Run(any_setting(rng), rng, tell)
    if rng.random() < 0.5:
        run.go(Service(0.97, RESET), rng.choice([2, 20]))
    for _ in range(rng.randint(1, 5)):
        run.go(any_service(rng, run.numbers), rng.choice([10, 60, 300]))
    return run


def run_with_bad_digests(rng: random.Random, tell: Callable[[str], None]) -> Run:
    """Make a run that spends the credit for halvings, and whose service may change in the last round."""
    setting = any_setting(rng)
    limits, base_s = setting.limits, setting.limits.retry.back_off_base_s
    retry = replace(limits.retry, asking_s=rng.choice([100.0, 1e4]), attempts=rng.randint(1, 2))
    setting = replace(
        setting,
        limits=replace(limits, retry=retry, outage_failures=rng.choice([limits.outage_failures, 1_000])),
        known=[False] * rng.randint(1, 200),
        goes_on=False,
        batch_size=rng.choice([3, 4, 8, 16]),
        pace_s=rng.choice([0.0, base_s, setting.pace_s]),
    )
    run = Run(setting, rng, tell)
    service = Service(
        rng.choice([0.4, 0.7, 0.95, 1.0]),
        rng.choice([RESET, RESET, RESET, THROTTLED, None]),
        any_bad(rng, run.numbers),
    )
    run.go(service, 600, until="last round")
    run.go(service, rng.choice([10, 50, 300]))
    run.go(rng.choice([any_service(rng, run.numbers), Service(0.0, rng.choice(DOWN))]), 100)
    return run


def any_run(seed: int, tell: Callable[[str], None] = lambda text: None) -> Run:
    """Make a run in which everything is drawn."""
    rng = random.Random(seed)
    return rng.choice([changing_run, run_with_bad_digests])(rng, tell)


@settings(max_examples=1_200)
@given(st.integers(0, 2**32 - 1))
def test_any_run_is_scheduled_as_the_reference_schedules_it(seed: int) -> None:
    any_run(seed, note)


def test_random_runs_reach_every_decision() -> None:
    reached: Counter[str] = Counter()
    for seed in range(300):
        reached += any_run(seed).reached
    others = {"last round", "probe", "begin again", "search", "silence", "ask the rest", "leave the rest"}
    assert set(reached) == {*NAMES.values(), *others, "proven"}


def long_run(numbers: int, batch_size: int, service: Service) -> Run:
    """Make a run until it is finished or has ended, in which no outage is seen and no time passes."""
    limits = Limits(retry=RetryPolicy(attempts=1, half_attempts=1), outage_failures=10_000)
    run = Run(Setting(limits, [False] * numbers, batch_size), random.Random(5))
    run.go(service, 10_000)
    return run


def test_a_thousand_signatures_are_made_again_as_in_the_reference() -> None:
    run = long_run(1_100, 1, ServiceWithAnotherClock(1.0))
    assert run.reached["retry"] == ref.SIGNED_AGAIN


def test_many_lone_digests_may_be_refused_by_name_as_in_the_reference() -> None:
    run = long_run(300, 1, Service(0.0, BAD_DIGEST))
    assert run.reached["suspect"] >= ref.LONE_REFUSALS_NAMED - 1


def test_a_long_good_time_earns_no_more_credit_than_in_the_reference() -> None:
    run = long_run(1_040, 4, Service(1.0, RESET, frozenset(range(940, 1_040))))
    assert run.reached["split"] == ref.MOST_CREDIT // ref.HALVING_COST


def test_the_last_new_calls_in_an_outage_come_from_anywhere_as_in_the_reference() -> None:
    # After the first batch, a short batch and 30 packed digests are left: together less than a batch.
    known = [False] * 100 + [True] * 70 + [False] * 30 + [False] * 30
    limits = Limits(retry=RetryPolicy(throttle_attempts=1), outage_failures=1)
    reached: Counter[str] = Counter()
    for seed in range(20):
        run = Run(Setting(limits, known, batch_size=100, slots=1, goes_on=True), random.Random(seed))
        run.go(Service(0.0, THROTTLED), 10)
        reached += run.reached
    assert reached["probe"] >= 20
