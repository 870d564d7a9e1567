"""The share of each asker: together never more than the rate, and each enough to be steady."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import layercheck as lc
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
