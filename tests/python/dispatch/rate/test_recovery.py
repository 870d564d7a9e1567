"""Curves by which a rate comes back, chosen by name."""

from __future__ import annotations

import pytest

from dispatch.rate.virtual_time import Clock
from layercheck._core import Pacer


@pytest.mark.parametrize(
    ("name", "factors"), [("cubic", [0.8, 0.975, 1.0, 1.1]), ("linear", [0.8, 0.9, 1.0, 1.1])]
)
def test_a_pacer_follows_the_curve_of_its_name(name: str, factors: list[float]) -> None:
    clock = Clock()
    pacer = Pacer(1000.0, clock=clock, recovery=name, hold_off_s=0.0)
    clock.now += 1e-6
    pacer.throttled(clock.now)
    clock.now += 1e-6
    pacer.throttled(clock.now)
    peak = 1000 * 0.8  # that of the first decrease, so that the curve goes on beyond it
    for factor in factors:
        assert pacer.rate == pytest.approx(peak * factor, rel=1e-4)
        clock.now += 1.0
    clock.now += 10.0
    assert pacer.rate == 1000.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match='recovery is \'square\'; expected one of "cubic", "linear"'):
        Pacer(None, recovery="square")
