"""The share of each asker: together never more than the rate, and each enough to be steady."""

from __future__ import annotations

import heapq
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layercheck as lc
from layercheck._core import Pacer
from layercheck.shard import Share, share_of


@pytest.mark.parametrize(
    ("rate", "askers"),
    [(5, 1), (49, 1), (99, 1), (100, 2), (500, 2), (1000, 2), (1001, 3), (5000, 10), (0.5, 1)],
)
def test_there_are_two_askers_or_one_for_each_500_calls_and_each_gets_50(rate: float, askers: int) -> None:
    assert share_of(rate).askers == askers


@given(
    st.floats(0.1, 1e5),
    st.none() | st.integers(1, 500),
    st.none() | st.integers(1, 200),
    st.booleans(),
)
def test_all_askers_together_stay_within_the_rate_and_the_floor(
    rate: float, slots: int | None, askers: int | None, speculation: bool
) -> None:
    share = share_of(rate, slots=slots, askers=askers, speculation=speculation)
    copies = 2 if speculation else 1
    assert math.isclose(share.askers * copies * share.rate, rate)
    assert math.isclose(share.askers * copies * share.floor, 5.0)
    assert share.max_in_flight >= max(8, math.ceil(32 / share.askers))
    assert share.askers <= (slots or share.askers)
    if askers is None and share.askers > 1:
        assert rate / share.askers >= 50


def test_a_number_of_askers_is_taken_as_it_is() -> None:
    assert share_of(40.0, askers=4) == Share(askers=4, rate=10.0, max_in_flight=8, floor=1.25)


def test_numbers_of_numpy_make_the_share_of_those_of_python() -> None:
    share = share_of(np.float32(1000), slots=np.int64(4), askers=np.int64(2))  # type: ignore[arg-type]
    assert share == share_of(1000.0, slots=4, askers=2)
    assert [type(each) for each in (share.askers, share.rate)] == [int, float]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate": 0}, "rate is 0; expected calls per second"),
        ({"rate": math.inf}, "rate is inf"),
        ({"rate": "quota"}, "rate is 'quota'"),
        ({"rate": 10, "slots": 0}, "slots is 0; expected a whole number of at least 1"),
        ({"rate": 10, "askers": 1.5}, "askers is 1.5"),
    ],
)
def test_a_share_of_nothing_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(lc.InvalidParameterError) as refused:
        share_of(**given)  # type: ignore[arg-type]
    assert message in str(refused.value)


@settings(max_examples=60)
@given(
    st.sampled_from([50.0, 120.0, 400.0, 1_000.0]),
    st.integers(1, 8),
    st.floats(0.0, 0.6),
    st.integers(0, 2**32),
)
def test_stalls_and_successors_of_dead_askers_save_up_no_calls(
    rate: float, askers: int, stall_s: float, seed: int
) -> None:
    """In virtual time: an asker that was not scheduled, or that follows a dead one, makes up for nothing."""
    dice = random.Random(seed)
    share = share_of(rate, askers=askers)
    now = 0.0

    def pacer() -> Pacer:
        return Pacer(share.rate, clock=lambda: now, floor=share.floor)

    pacers = [pacer() for _ in range(askers)]
    wakes = [(0.0, number) for number in range(askers)]
    started: list[float] = []
    while now < 5.0:
        now, number = heapq.heappop(wakes)
        if dice.random() < 0.002:
            # It dies, and its successor begins anew one interval later, or after a longer start.
            pacers[number] = pacer()
            heapq.heappush(wakes, (now + max(1 / share.rate, dice.random()), number))
            continue
        wait = pacers[number].reserve()
        if not wait:
            started.append(now)
        late = dice.random() * stall_s if dice.random() < 0.01 else 0.0
        heapq.heappush(wakes, (now + wait + late, number))
    at_once = max(Pacer.BURST_S * share.rate, 1.0) * askers
    first = 0
    for last, at in enumerate(started):
        while at - started[first] >= 1.0:
            first += 1
        assert last - first + 1 <= rate + at_once + 1e-6
