"""The rate budget, on a clock of the test's own."""

import itertools
import math

import pytest

from layercheck.dispatch.pacer import Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def starts(pacer: Pacer, clock: Clock, seconds: float) -> list[float]:
    """When calls start if somebody always wants one and waits exactly as told."""
    end = clock.now + seconds
    times = []
    while clock.now < end:
        delay = pacer.reserve()
        if delay:
            clock.now += delay
        else:
            times.append(clock.now)
    return times


@pytest.mark.parametrize("rate", [0.2, 1.0, 7.0, 100.0, 500.0, 5000.0])
def test_no_second_holds_more_calls_than_the_rate_and_one_burst(rate: float) -> None:
    clock = Clock()
    seconds = max(3.0, 4 / rate)
    times = starts(Pacer(rate, clock=clock, burst_s=0.02), clock, seconds)
    burst = max(1.0, rate * 0.02)
    assert len(times) == pytest.approx(rate * seconds, abs=burst + 1)
    for first, last in itertools.combinations(range(0, len(times), max(1, len(times) // 50)), 2):
        assert last - first <= rate * (times[last] - times[first]) + burst + 1e-6


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


def test_throttling_slows_down_once_per_hold_off() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock, hold_off_s=1.0)
    for _ in range(50):
        pacer.throttled()
    assert pacer.rate == pytest.approx(70)
    clock.now += 1.0
    pacer.throttled()
    assert pacer.rate == pytest.approx((70 + 2) * 0.7)


def test_the_rate_recovers_to_its_ceiling_and_not_beyond() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock)
    pacer.throttled()
    slow = len(starts(pacer, clock, 1.0))
    assert slow <= 74
    starts(pacer, clock, 20.0)
    assert pacer.rate == 100.0


def test_the_rate_never_falls_to_zero() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock=clock, floor=0.5, hold_off_s=0.0)
    for _ in range(1000):
        pacer.throttled()
    assert pacer.rate == 0.5
    assert 0 < pacer.reserve() <= 2.0 + 1e-9


def test_a_rate_below_the_floor_is_kept() -> None:
    pacer = Pacer(0.1, clock=Clock())
    pacer.throttled()
    assert pacer.rate == 0.1


def test_without_a_limit_the_first_throttle_sets_seven_tenths_of_what_was_sent() -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock)
    for _ in range(3000):
        assert pacer.reserve() == 0
        clock.now += 0.001
    assert pacer.rate is None
    pacer.throttled()
    assert pacer.rate == pytest.approx(700, rel=0.02)
    starts(pacer, clock, 1.0)
    assert pacer.rate is not None
    assert 700 < pacer.rate < 730


def test_without_a_limit_a_throttle_soon_after_the_start_is_not_mistaken_for_a_slow_flow() -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock)
    for _ in range(200):
        pacer.reserve()
        clock.now += 0.001
    pacer.throttled()
    assert pacer.rate == pytest.approx(700, rel=0.05)


def test_a_throttle_before_any_call_leaves_a_rate_above_zero() -> None:
    pacer = Pacer(None, clock=Clock())
    pacer.throttled()
    assert pacer.rate is not None
    assert 0 < pacer.rate < math.inf
