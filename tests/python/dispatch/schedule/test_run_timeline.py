"""The requests of a run over time: every request counts once, in bounded memory."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import layercheck as lc
from fake_account import digests
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.schedule.metrics import Metrics
from layercheck.dispatch.schedule.run_timeline import RunTimeline
from layercheck.limits import Limits
from layercheck.report.timeline import MAX_INTERVALS, Interval, Timeline, merged
from layercheck.retry import RetryPolicy
from layercheck.testing import EvenDigests, Fault, LocalEcr

QUICK = Limits(
    retry=RetryPolicy(attempts=12, incomplete_attempts=8, back_off_base_s=0.001, back_off_cap_s=0.01),
    tick_s=0.02,
)
ROWS = digests(3_000)


class FixedRate:
    """A limiter of which only the rate is read."""

    rate = 500.0

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def recorded(answers: list[Answer], *, at_once: int = 40) -> Timeline:
    metrics = Metrics()
    metrics.first_at = 1_000.0
    timeline = RunTimeline(metrics, FixedRate())
    for at in range(0, len(answers), at_once):
        timeline.record_answers(answers[at : at + at_once])
    return timeline.timeline()


def totals(timeline: Timeline) -> tuple[int, int, int]:
    return (
        sum(each.requests for each in timeline),
        sum(each.throttles for each in timeline),
        sum(each.digests for each in timeline),
    )


@pytest.mark.parametrize("transport", ["plain", "slim", "wire", "native"])
def test_every_request_throttle_and_answered_digest_of_a_run_counts_once(transport: str) -> None:
    faults = [
        Fault("throttle", probability=0.02),
        Fault("server_error", probability=0.02),
        Fault("poison", digests=(ROWS[0], ROWS[1_234])),
    ]
    options: dict[str, Any] = {"transport": transport, "rate": "max", "_limits": QUICK}
    with (
        LocalEcr({"app": EvenDigests()}, faults=faults, seed=7) as ecr,
        lc.Checker("app", session=ecr.session(), endpoint_url=ecr.endpoint_url, **options) as checker,
    ):
        report = checker.check(lc.plan(ROWS, batch_size=10))
    stats, counts = report.stats, report.unique_counts
    assert counts["refused"] == 2
    assert stats.throttles > 0
    answered = counts["available"] + counts["unavailable"]
    assert totals(report.timeline) == (stats.requests, stats.throttles, answered)
    assert report.timeline.seconds >= stats.seconds


def test_digests_that_are_refused_after_a_suspicion_count_once() -> None:
    poison = ROWS[:3]
    with LocalEcr({"app": ROWS}, faults=[Fault("poison", digests=tuple(poison))]) as ecr:
        report = lc.check(poison, "app", client=ecr.client())
    assert report.unique_counts["refused"] == 3
    assert totals(report.timeline)[0] == report.stats.requests


def test_a_run_of_any_length_has_at_most_120_intervals_and_no_answer_is_lost() -> None:
    rng = random.Random(5)
    now, answers = 1_000.0, []
    for at in range(30_000):
        now += rng.expovariate(1 / (0.001 * (1 + at / 100)))
        answers.append((at, at + 1, now, now + rng.random() * 0.01))
    for number in (1, 50, 3_000, 30_000):
        timeline = recorded(answers[:number])
        last = max(at for *_, at in answers[:number]) - 1_000.0
        assert totals(timeline) == (number, 0, number)
        assert len(timeline) <= MAX_INTERVALS
        assert timeline.interval_s == 1 / 64 or len(timeline) > MAX_INTERVALS // 2
        assert last < timeline.seconds <= last + timeline.interval_s
        assert [each.second for each in timeline] == [at * timeline.interval_s for at in range(len(timeline))]
        assert {each.rate for each in timeline} == {500.0}


def test_a_day_of_silence_and_then_an_answer_are_one_timeline() -> None:
    timeline = recorded([(0, 100, 1_000.0, 1_000.1), (100, 200, 87_000.0, 87_400.0)])
    assert totals(timeline) == (2, 0, 200)
    assert len(timeline) <= MAX_INTERVALS
    assert [each.requests for each in timeline if each.requests] == [1, 1]


def test_an_answer_that_is_counted_late_counts_in_its_own_interval() -> None:
    timeline = recorded([(0, 1, 1_000.0, 1_000.03), (1, 2, 1_000.0, 1_000.001)])
    assert [each.requests for each in timeline] == [1, 1]


def test_a_timeline_is_a_table_for_pandas_and_polars_and_survives_a_pickle() -> None:
    with LocalEcr({"app": ROWS}) as ecr:
        report = lc.check(ROWS, "app", client=ecr.client())
    timeline = report.timeline
    for frame in (pd.DataFrame(timeline), pl.DataFrame(timeline)):
        assert list(frame.columns) == ["second", "requests", "throttles", "digests", "rate"]
        assert int(frame["requests"].sum()) == report.stats.requests
    assert pickle.loads(pickle.dumps(report)).timeline == timeline  # noqa: S301
    assert len(pickle.dumps(timeline)) < 10_000


def test_a_run_that_goes_on_with_a_journal_has_its_own_requests_only(tmp_path: Path) -> None:
    journal = tmp_path / "run.journal"
    with LocalEcr({"app": ROWS}) as ecr:
        lc.check(ROWS, "app", client=ecr.client(), journal=journal)
        again = lc.check(ROWS, "app", client=ecr.client(), journal=journal)
    assert again.stats.restored == len(ROWS)
    assert len(again.timeline) == 0
    with lc.Journal(journal) as opened:
        assert len(opened.report().timeline) == 0


def test_the_timelines_of_several_runs_are_one_on_the_clock_of_the_machine() -> None:
    one = Timeline(100.0, 1.0, (Interval(0.0, 5, 0, 500, 500.0), Interval(1.0, 3, 1, 200, 250.0)))
    other = Timeline(101.0, 0.5, (Interval(0.0, 2, 0, 20, 250.0), Interval(0.5, 4, 0, 40, 300.0)))
    both = merged([Timeline(), other, one])
    assert both.started_at == 100.0
    assert list(both) == [Interval(0.0, 5, 0, 500, 500.0), Interval(1.0, 9, 1, 260, 300.0)]
    assert merged([]) == Timeline()


def test_a_shorter_timeline_has_the_same_totals() -> None:
    timeline = recorded([(at, at + 1, 1_000.0, 1_000.0 + at / 100) for at in range(5_000)])
    short = timeline.within(50)
    assert totals(short) == totals(timeline)
    assert len(short) <= 50
    assert short.seconds >= timeline.seconds
