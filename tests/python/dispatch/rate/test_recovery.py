"""Curves by which a rate comes back: policies without state, chosen by name."""

from __future__ import annotations

import pytest

from dispatch.rate.virtual_time import Clock
from layercheck.dispatch.rate.pacer import Pacer
from layercheck.dispatch.rate.recovery import RECOVERIES, recovery_named

by_name = pytest.mark.parametrize("name", RECOVERIES)


@by_name
def test_a_curve_begins_at_its_decrease_and_never_falls(name: str) -> None:
    curve = recovery_named(name)
    assert curve.name == name
    rates = [curve.growth(tenth / 10) for tenth in range(100)]
    assert rates[0] == pytest.approx(curve.decrease)
    assert rates == sorted(rates)
    assert curve.growth(2.0) == pytest.approx(1.0)


@by_name
def test_a_pacer_follows_the_curve_of_its_name(name: str) -> None:
    clock, curve = Clock(), recovery_named(name)
    pacer = Pacer(1000.0, clock=clock, recovery=curve)
    clock.now += 1e-6
    pacer.throttled(clock.now)
    assert pacer.rate == pytest.approx(1000 * curve.decrease)
    clock.now += 1.0
    assert pacer.rate == pytest.approx(1000 * curve.growth(1.0))
    clock.now += 10.0
    assert pacer.rate == 1000.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match='"cubic", "linear"'):
        recovery_named("square")
