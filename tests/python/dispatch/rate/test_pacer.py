"""The rate budget, on a clock of the test's own."""

import gc
import math
import weakref

import pytest

from dispatch.rate.virtual_time import Clock, assert_smooth
from layercheck._core import Pacer

DECREASE, OUTGROWN, PLATEAU_S = 0.8, 4.0, 2.0
"""The numbers of the curves, as in `src/dispatch/recovery.rs`."""
CERTAIN = 4
"""So many throttles count at once, as in `src/dispatch/pacer.rs`."""


def starts(pacer: Pacer, clock: Clock, seconds: float) -> list[float]:
    """When calls start if a caller always wants one and waits exactly as told."""
    end = clock.now + seconds
    times = []
    while clock.now < end:
        delay = pacer.reserve()
        if delay:
            clock.now += delay
        else:
            times.append(clock.now)
    return times


def throttle(pacer: Pacer, clock: Clock, times: int = 1) -> None:
    """The service refuses calls that were started just now."""
    clock.now += 1e-6
    for _ in range(times):
        pacer.throttled(clock.now)


@pytest.mark.parametrize("rate", [0.2, 1.0, 7.0, 100.0, 500.0, 5000.0])
def test_no_second_holds_more_calls_than_the_rate_and_one_burst(rate: float) -> None:
    clock = Clock()
    seconds = max(3.0, 4 / rate)
    times = starts(Pacer(rate, clock=clock), clock, seconds)
    assert len(times) == pytest.approx(rate * seconds, abs=max(1.0, rate * 0.02) + 1)
    assert_smooth(times, rate)


@pytest.mark.parametrize("rate", [7.0, 100.0, 5000.0])
def test_no_burst_follows_a_pause_or_a_throttle(rate: float) -> None:
    clock = Clock()
    pacer = Pacer(rate, clock=clock)
    times = starts(pacer, clock, 1.0)
    clock.now += 3600
    times += starts(pacer, clock, 1.0)
    throttle(pacer, clock, 50)
    times += starts(pacer, clock, 1.0)
    clock.now += 7200
    times += starts(pacer, clock, 1.0)
    assert_smooth(times, rate)


def test_after_a_throttle_nothing_starts_at_once() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock)
    clock.now += 60  # a burst is saved up
    throttle(pacer, clock)
    assert pacer.reserve() == pytest.approx(1 / 80, rel=0.01)


def test_a_pause_saves_up_no_more_than_one_burst() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock, burst_s=0.05)
    starts(pacer, clock, 1.0)
    clock.now += 3600
    assert sum(1 for _ in range(1000) if pacer.reserve() == 0) == 5


def test_a_refused_reservation_books_nothing() -> None:
    clock = Clock()
    pacer = Pacer(10.0, clock=clock)
    assert pacer.reserve() == 0
    assert [pacer.reserve() for _ in range(100)] == pytest.approx([0.1] * 100)


def test_calls_from_before_the_last_decrease_do_not_lead_to_another() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock)
    started = clock.now
    throttle(pacer, clock)
    clock.now += 5.0
    rate = pacer.rate
    for _ in range(50):
        pacer.throttled(started)
    assert pacer.rate == rate


def test_one_throttle_within_the_hold_off_may_be_chance_and_several_are_not() -> None:
    clock = Clock()
    pacer = Pacer(1000.0, clock=clock, hold_off_s=1.0)
    throttle(pacer, clock)
    assert pacer.rate == pytest.approx(800, rel=1e-3)
    throttle(pacer, clock, CERTAIN - 1)
    assert pacer.rate == pytest.approx(800, rel=1e-3)
    throttle(pacer, clock)
    # Of these not one was accepted, so it falls further than by the usual fifth.
    assert pacer.rate == pytest.approx(400, rel=1e-2)


def test_a_decrease_is_as_deep_as_the_share_that_was_refused() -> None:
    clock = Clock()
    pacer = Pacer(1000.0, clock=clock)
    throttle(pacer, clock)
    clock.now += 0.2
    for _ in range(96):
        pacer.answered(clock.now)
    throttle(pacer, clock, 3)  # the first of them takes effect at once
    mild = pacer.rate
    assert mild is not None
    assert mild > 600


def test_only_answers_to_calls_since_the_decrease_count() -> None:
    clock = Clock()
    pacer = Pacer(1000.0, clock=clock, hold_off_s=1.0)
    for _ in range(50):
        pacer.answered(clock.now)  # nothing is adapted, so they say nothing
    pacer.throttled(clock.now)
    before = clock.now
    clock.now += 0.2
    for started_at in [before] * 100 + [clock.now] * 8:
        pacer.answered(started_at)
    rate = pacer.rate or 0.0
    for _ in range(12):
        pacer.throttled(clock.now)
    # Four are taken as given, eight were answered, four refused.
    assert pacer.rate == pytest.approx(rate * 0.75)


def test_a_pacer_and_what_its_clock_holds_are_collected() -> None:
    class Holder:
        def __init__(self) -> None:
            self.pacer = Pacer(10.0, clock=lambda: float(id(self)))

    held = weakref.ref(Holder())
    gc.collect()
    assert held() is None


def test_the_rate_recovers_to_its_ceiling_and_not_beyond() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock)
    throttle(pacer, clock)
    rates = []
    for _ in range(60):
        clock.now += 0.1
        rates.append(pacer.rate or 0.0)
    assert 80 < rates[0] < 90
    assert rates == sorted(rates)
    # Back at what was too much, which here is the ceiling, after the plateau's time.
    assert rates[18] < 100.0
    assert rates[-1] == rates[20] == 100.0


def test_the_rate_lingers_where_it_was_too_much_before_it_asks_for_more() -> None:
    clock = Clock()
    pacer = Pacer(1000.0, clock=clock, hold_off_s=0.0)
    for _ in range(4):
        throttle(pacer, clock)
    peak = (pacer.rate or 0) / DECREASE
    assert peak < 520
    clock.now += PLATEAU_S
    at_peak = pacer.rate or 0
    assert at_peak == pytest.approx(peak, rel=0.001)
    clock.now += 0.5
    assert (pacer.rate or 0) < at_peak * 1.05
    clock.now += 5.0
    assert pacer.rate == 1000.0


def test_the_rate_never_falls_to_zero() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock, floor=0.5, hold_off_s=0.0)
    for _ in range(1000):
        throttle(pacer, clock)
    assert pacer.rate == pytest.approx(0.5, rel=1e-3)
    assert 0 < pacer.reserve() <= 2.0 + 1e-3


def test_a_rate_below_the_floor_is_kept() -> None:
    clock = Clock()
    pacer = Pacer(0.1, clock=clock)
    throttle(pacer, clock)
    assert pacer.rate == pytest.approx(0.1)


def flood(pacer: Pacer, clock: Clock, calls: int) -> None:
    for _ in range(calls):
        assert pacer.reserve() == 0
        clock.now += 0.001


@pytest.mark.parametrize("calls", [200, 3000], ids=["soon", "later"])
def test_without_a_limit_the_first_throttle_starts_from_what_was_really_sent(calls: int) -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock)
    flood(pacer, clock, calls)
    assert pacer.rate is None
    throttle(pacer, clock)
    assert pacer.rate == pytest.approx(1000 * DECREASE, rel=0.05)


def test_a_limit_that_was_outgrown_is_gone() -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock)
    flood(pacer, clock, 3000)
    throttle(pacer, clock)
    rates = []
    while (rate := pacer.rate) is not None:
        rates.append(rate)
        clock.now += 0.1
        assert len(rates) < 200
    assert rates == sorted(rates)
    assert rates[-1] < 1000 * OUTGROWN
    # The flow is measured anew: what counts at the next throttle is what is sent now.
    clock.now += 60
    for _ in range(500):
        pacer.reserve()
        clock.now += 0.01
    throttle(pacer, clock)
    assert pacer.rate == pytest.approx(100 * DECREASE, rel=0.05)


def test_a_throttle_before_any_call_leaves_a_rate_above_zero() -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock)
    throttle(pacer, clock)
    assert pacer.rate is not None
    assert 0 < pacer.rate < math.inf


def test_a_ceiling_may_change_while_the_rate_is_adapted() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock)
    pacer.ceiling = 300.0
    assert pacer.rate == 300.0
    throttle(pacer, clock)
    pacer.ceiling = 50.0
    clock.now += 0.1
    assert pacer.rate == 50.0
    pacer.ceiling = None
    assert pacer.rate is None
