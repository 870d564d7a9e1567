"""The retry policy, as a value: no run, no threads, no clock."""

from __future__ import annotations

import random
from dataclasses import FrozenInstanceError

import pytest

from layercheck.retry import RetryPolicy


def longest(low: float, high: float) -> float:
    assert low == 0.0
    return high


@pytest.mark.parametrize(
    ("kind", "reached", "limit"),
    [("transient", True, 7), ("transient", False, 4), ("throttled", True, 20), ("fatal", True, 8)],
)
def test_each_kind_of_failure_has_a_limit_of_its_own(kind: str, reached: bool, limit: int) -> None:
    policy = RetryPolicy()
    asked = [
        policy.delay_s(kind, tries=tries, asked_for_s=0.0, reached=reached, draw=longest) is not None
        for tries in range(1, 30)
    ]
    assert asked.index(False) + 1 == limit
    assert not any(asked[limit - 1 :])


def test_the_longest_delay_doubles_up_to_its_cap() -> None:
    policy = RetryPolicy(attempts=10, back_off_base_s=1.0, back_off_cap_s=10.0)
    delays = [
        policy.delay_s("transient", tries=tries, asked_for_s=0.0, reached=True, draw=longest)
        for tries in range(1, 7)
    ]
    assert delays == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_delays_are_drawn_evenly_from_zero() -> None:
    policy, rng = RetryPolicy(back_off_base_s=1.0), random.Random(3)
    delays = [
        policy.delay_s("transient", tries=1, asked_for_s=0.0, reached=True, draw=rng.uniform) or 0.0
        for _ in range(1000)
    ]
    assert min(delays) < 0.02
    assert max(delays) > 0.98
    assert sum(delays) / 1000 == pytest.approx(0.5, abs=0.05)


def test_nothing_is_asked_again_after_its_time() -> None:
    policy = RetryPolicy(asking_s=60.0)
    assert policy.delay_s("throttled", tries=1, asked_for_s=60.0, reached=True, draw=longest) is None


def test_a_policy_prints_what_it_does_and_cannot_be_changed() -> None:
    policy = RetryPolicy(attempts=3, asking_s=42.0)
    assert "3 transient" in str(policy)
    assert "within 42 s" in str(policy)
    with pytest.raises(FrozenInstanceError):
        policy.attempts = 4  # type: ignore[misc]
