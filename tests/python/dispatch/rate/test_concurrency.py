"""Calls in flight: rate x latency, and not more for a service that has become slow."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, good
from fake_account import digests
from layercheck._core import Call, Pacer
from layercheck.dispatch.outcome import Answer, Outcome, OutcomeKind
from layercheck.dispatch.rate.concurrency import ConcurrencyLimit


class FixedRate:
    """A rate that a test sets."""

    is_fastest_of_lane = False
    caller = 1
    pacer = Pacer(None)

    def __init__(self, rate: float | None = None) -> None:
        self.rate = self.own_rate = rate

    def reserve(self) -> float:
        return 0.0

    def record(self, outcome: Outcome) -> None:
        """Adapt nothing."""

    def record_answers(self, answers: Sequence[Answer]) -> None:
        """Adapt nothing."""


def answers(concurrency: ConcurrencyLimit, count: int, latency_s: float, now: float) -> float:
    """Record so many answers one after the other, with as many calls in flight as the limit allows."""
    for _ in range(count):
        now += latency_s / concurrency.limit
        call = Call(0, 100, started_at=now - latency_s)
        concurrency.record(Outcome(OutcomeKind.ANSWERED, call, now))
    return now


@pytest.mark.parametrize(
    ("rate", "latency_s", "expected"),
    [(1000.0, 0.01, 28), (500.0, 0.04, 48), (100.0, 0.001, 9), (10.0, 0.2, 12), (5000.0, 0.1, 128)],
)
def test_the_limit_is_rate_times_latency_with_headroom_and_capped(
    rate: float, latency_s: float, expected: int
) -> None:
    concurrency = ConcurrencyLimit(128, FixedRate(rate))
    answers(concurrency, 100, latency_s, 0.0)
    assert concurrency.limit == pytest.approx(expected, abs=1)
    assert concurrency.limit >= min(128, rate * latency_s)


def test_before_the_first_answer_only_a_few_calls_go_out() -> None:
    assert ConcurrencyLimit(128, FixedRate(500.0)).limit == ConcurrencyLimit.START
    assert ConcurrencyLimit(128, FixedRate()).limit == ConcurrencyLimit.START_WITHOUT_RATE
    assert ConcurrencyLimit(3, FixedRate()).limit == 3


def test_without_a_rate_the_limit_grows_to_all_slots_in_a_few_latencies() -> None:
    concurrency = ConcurrencyLimit(64, FixedRate())
    answers(concurrency, 64 - ConcurrencyLimit.START_WITHOUT_RATE, 0.01, 0.0)
    assert concurrency.limit == 64


def test_the_limit_follows_a_latency_that_rises() -> None:
    concurrency = ConcurrencyLimit(64, FixedRate(500.0))
    now = answers(concurrency, 100, 0.01, 0.0)
    assert concurrency.limit < 20
    answers(concurrency, 20, 0.1, now)
    assert concurrency.limit == 64


def test_without_a_rate_a_slow_service_is_given_fewer_calls_and_gets_them_back() -> None:
    concurrency = ConcurrencyLimit(64, FixedRate())
    now = answers(concurrency, 500, 0.01, 0.0)
    slow_until = now + ConcurrencyLimit.MEMORY_S
    while now < slow_until:
        now = answers(concurrency, 1, 1.0, now)
    assert concurrency.limit == ConcurrencyLimit.LEAST
    now = answers(concurrency, 500, 0.01, now)
    assert concurrency.limit == 64


def test_a_service_that_is_slow_for_good_is_taken_as_it_is() -> None:
    concurrency = ConcurrencyLimit(64, FixedRate())
    now = answers(concurrency, 500, 0.01, 0.0)
    answers(concurrency, 1000, 1.0, now)
    assert now + 2 * ConcurrencyLimit.MEMORY_S < 1000
    assert concurrency.limit == 64


def test_a_few_milliseconds_do_not_make_a_slow_service() -> None:
    concurrency = ConcurrencyLimit(64, FixedRate())
    now = answers(concurrency, 500, 0.001, 0.0)
    answers(concurrency, 500, 0.05, now)
    assert concurrency.limit == 64


def test_a_service_that_hangs_from_the_start_holds_few_calls() -> None:
    """At 500 calls a second all 32 slots would hang within a tenth of a second."""
    hanging, opened = threading.Event(), threading.Event()

    def script(asked: Asked) -> Reply:
        if asked.number == ConcurrencyLimit.START - 1:
            hanging.set()
        opened.wait(60)
        return good(asked)

    with ScriptedServer(script) as server, lc.Checker("team/app", endpoint_url=server.url) as checker:
        run = checker.submit(digests(5000))
        assert hanging.wait(60)
        # A pause in which 25 more calls would be due; it can only ever let a fault through, not make one.
        opened.wait(0.05)
        at_once = server.most_at_once
        opened.set()
        assert run.result().complete
    assert at_once == ConcurrencyLimit.START
