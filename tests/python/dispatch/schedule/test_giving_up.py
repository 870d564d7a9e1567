"""While the service answers other calls, no digest is given up because of errors that are not its own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.schedule.service_in_virtual_time import THROTTLED, TRANSIENT, UNREACHED, at_random, play
from layercheck._core import Call, RetryDecision
from layercheck.aws.classify import Failure
from layercheck.limits import Limits

DIGESTS = 200_000
LIMITS = Limits()
RETRY = LIMITS.retry


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("slots", [1, 32])
@pytest.mark.parametrize("percent", [30, 40, 50, 60, 70])
def test_random_errors_leave_no_digest_unanswered(percent: int, slots: int, seed: int) -> None:
    played = play(DIGESTS, at_random(percent / 100, seed=seed), slots=slots, seed=seed)
    assert len(played.given_up) <= (0 if percent <= 50 else DIGESTS // 1000)
    assert len(played.answered) + len(played.given_up) == DIGESTS
    assert RetryDecision.STALL not in played.decisions
    # 1 / (1 - share) requests for each batch are needed at least.
    assert played.requests < 1.5 * DIGESTS / 100 / (1 - percent / 100)


@pytest.mark.parametrize("failure", [THROTTLED, UNREACHED], ids=["throttled", "no connection"])
def test_errors_that_no_digest_can_cause_are_asked_again_as_whole_batches(failure: Failure) -> None:
    chance = random.Random(5)
    played = play(20_000, lambda call, now: failure if chance.random() < 0.8 else None)
    assert RetryDecision.SPLIT not in played.decisions
    assert not played.given_up
    assert len(played.answered) == 20_000


@pytest.mark.parametrize("percent", [0, 50])
@pytest.mark.parametrize("digests", [200, 5_000, DIGESTS])
def test_a_digest_that_always_fails_is_given_up_alone_and_soon(digests: int, percent: int) -> None:
    healthy = play(digests, at_random(percent / 100))
    played = play(digests, at_random(percent / 100, poison=frozenset({digests - 150})))
    assert set(played.given_up) == {digests - 150}
    assert len(played.answered) == digests - 1
    assert played.seconds < healthy.seconds + 15
    if not percent:
        assert played.requests <= healthy.requests + 2 * RETRY.attempts + 14 * RETRY.half_attempts


@pytest.mark.parametrize("dead", [0.1, 0.5])
def test_a_service_that_fails_for_many_digests_costs_a_few_requests_for_each_answer(dead: float) -> None:
    batches = DIGESTS // 100
    lost = frozenset(random.Random(3).sample(range(1, batches), int(batches * dead)))

    def mixed(call: Call, now: float) -> Failure | None:
        return TRANSIENT if call.start // 100 in lost else None

    played = play(DIGESTS, mixed)
    assert {digest // 100 for digest in played.given_up} == lost
    assert len(played.answered) == DIGESTS - len(played.given_up)
    assert played.requests <= 5 * (batches - len(lost)) + 2 * RETRY.attempts * len(lost)


@given(
    digests=st.integers(1, 3_000),
    share=st.floats(0.0, 0.95),
    poison=st.frozensets(st.integers(0, 2_999), max_size=40),
    slots=st.integers(1, 40),
    latency_s=st.sampled_from([0.0, 0.01, 1.0, 45.0]),
    kind=st.sampled_from([TRANSIENT, THROTTLED, UNREACHED]),
    seed=st.integers(0, 1 << 30),
)
def test_every_digest_is_answered_once_or_given_up_in_bounded_time(
    digests: int,
    share: float,
    poison: frozenset[int],
    slots: int,
    latency_s: float,
    kind: Failure,
    seed: int,
) -> None:
    rule = at_random(share, poison=poison, seed=seed)
    played = play(
        digests,
        lambda call, now: None if rule(call, now) is None else kind,
        slots=slots,
        latency_s=latency_s,
        seed=seed,
    )
    settled = played.answered + played.given_up
    assert set(settled.values()) <= {1}
    if not {RetryDecision.STALL, RetryDecision.FATAL} & set(played.decisions):
        assert set(settled) == set(range(digests))
    assert not poison & set(played.answered)
    # Each call for some of the digests ends within the two spans of asking, a delay and a call for each.
    batches_at_a_time = 1 + digests // 100 // slots
    span_s = RETRY.asking_s + RETRY.back_off_cap_s + (1 + 200 // slots) * latency_s
    assert played.seconds <= (batches_at_a_time + 1) * span_s


def poisoned(digests: int, each: int, *, since: int = 0) -> frozenset[int]:
    """Draw so many digests of each batch, which every call that asks about them fails for."""
    chance = random.Random(digests * each)
    batches = (range(start, min(start + 100, digests)) for start in range(since, digests, 100))
    return frozenset(digest for batch in batches for digest in chance.sample(batch, each))


@pytest.mark.parametrize("since", [0, 100], ids=["from the first call on", "after one answer"])
@pytest.mark.parametrize("each", [1, 2, 5])
@pytest.mark.parametrize("digests", [500, 20_000])
def test_a_digest_that_always_fails_in_each_batch_does_not_end_a_run(
    digests: int, each: int, since: int
) -> None:
    poison = poisoned(digests, each, since=since)
    played = play(digests, at_random(0, poison=poison))
    assert not {RetryDecision.STALL, RetryDecision.FATAL} & set(played.decisions)
    assert set(played.given_up) == poison
    assert len(played.answered) == digests - len(poison)


def test_a_plan_of_one_batch_is_searched_for_the_digest_that_always_fails() -> None:
    played = play(100, at_random(0, poison=frozenset({41})))
    assert set(played.given_up) == {41}
    assert len(played.answered) == 99


def test_a_digest_that_always_fails_in_each_batch_beside_random_errors_costs_only_itself() -> None:
    poison = poisoned(20_000, 1)
    played = play(20_000, at_random(0.5, poison=poison))
    assert set(played.given_up) == poison


@pytest.mark.parametrize("dead", [100, 1_000])
def test_neighbouring_batches_that_fail_one_and_all_do_not_end_a_run(dead: int) -> None:
    # New batches that are asked while many requests fail are from all over the plan.
    played = play(DIGESTS, lambda call, now: TRANSIENT if 1 <= call.start // 100 < dead else None)
    assert RetryDecision.STALL not in played.decisions
    assert len(played.answered) == DIGESTS - 100 * (dead - 1)


@pytest.mark.parametrize("digests", [100, 1_000, 5_000, DIGESTS])
def test_a_service_that_never_answers_is_reported_in_seconds(digests: int) -> None:
    played = play(digests, lambda call, now: TRANSIENT)
    assert not played.answered
    assert played.seconds <= 6.0
    assert played.requests <= 200


def test_a_service_that_never_answers_and_is_slow_costs_little_more_than_one_call_at_a_time() -> None:
    # `outage_s` ends the search: with 30 s for each failing call, it is one call.
    played = play(100, lambda call, now: TRANSIENT, latency_s=30.0)
    assert played.requests <= RETRY.attempts + 3
    assert played.seconds <= RETRY.attempts * 30.0 + 2 * 30.0 + 10.0


def test_twenty_failures_in_a_row_by_chance_do_not_end_a_run() -> None:
    fails = iter([True] * 25 + [False] * 30)
    played = play(DIGESTS, lambda call, now: TRANSIENT if next(fails, False) and call.start else None)
    assert not played.given_up
    assert RetryDecision.STALL not in played.decisions


def test_an_outage_of_five_seconds_loses_nothing_and_an_endless_one_ends_the_run() -> None:
    def between(since: float, until: float) -> dict[str, object]:
        played = play(DIGESTS, lambda call, now: TRANSIENT if since < now < until else None)
        return {
            "unanswered": DIGESTS - len(played.answered),
            "stalled": RetryDecision.STALL in played.decisions,
        }

    assert between(1.0, 6.0) == {"unanswered": 0, "stalled": False}
    assert between(1.0, float("inf"))["stalled"]


@pytest.mark.parametrize("latency_s", [0.01, 1.0, 3.0])
def test_a_few_failing_batches_of_a_slow_service_are_not_taken_for_an_outage(latency_s: float) -> None:
    # Each of eight slots has a batch that always fails. The service has stopped only if new ones fail too.
    failing = range(1, 9)
    played = play(
        40_000,
        lambda call, now: TRANSIENT if call.start // 100 in failing else None,
        slots=8,
        latency_s=latency_s,
    )
    assert RetryDecision.STALL not in played.decisions
    assert {digest // 100 for digest in played.given_up} == set(failing)
    assert len(played.answered) == 40_000 - 800


def test_an_outage_that_begins_with_the_last_calls_is_waited_for_too() -> None:
    # At 500 calls a second, the last of 2,000 batches starts after 4 seconds.
    played = play(DIGESTS, lambda call, now: TRANSIENT if 3.99 < now < 8.0 else None)
    assert not played.given_up


def test_a_call_that_hangs_each_time_does_not_hold_up_a_run_longer_than_before() -> None:
    # Each attempt takes 30 s, and `asking_s` ends them; the rest of the run is answered long before.
    played = play(200, lambda call, now: TRANSIENT if call.start else None, latency_s=30.0)
    assert len(played.given_up) == 100
    assert played.seconds <= 2 * (RETRY.asking_s + RETRY.back_off_cap_s + 30.0)
