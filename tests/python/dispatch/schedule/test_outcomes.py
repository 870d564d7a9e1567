"""Every subscriber of a run sees the end of each call once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from fake_account import digests
from layercheck._core import Call
from layercheck.dispatch.outcome import Answer, Outcome, OutcomeKind
from layercheck.dispatch.schedule import execution
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

ROWS = digests(2_000)
QUICK = Limits(retry=RetryPolicy(back_off_base_s=0.001, back_off_cap_s=0.01), tick_s=0.01)


class Recording:
    """A subscriber that keeps all outcomes."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def record_answers(self, answers: Sequence[Answer]) -> None:
        self.outcomes += (
            Outcome(OutcomeKind.ANSWERED, Call(start, stop, requests=1, started_at=started_at), at)
            for start, stop, started_at, at in answers
        )

    def of(self, kind: OutcomeKind) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind is kind]


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Subscribes to the next run."""
    subscriber = Recording()
    made = execution.Execution.__init__

    def make(self: execution.Execution, *arguments: Any, **keywords: Any) -> None:
        made(self, *arguments, subscribers=[subscriber], **keywords)

    monkeypatch.setattr(execution.Execution, "__init__", make)
    return subscriber


def faulty(asked: Asked) -> Reply:
    """Throttles, fails and refuses some requests; one digest is refused always."""
    if ROWS[777] in asked.digests:
        return fault("InvalidParameterException", "a digest is invalid")
    if asked.number % 5 == 1:
        return fault("ThrottlingException", "slow down")
    if asked.number % 7 == 2:
        return fault("ServerException", "no", status=500)
    return good(asked)


def asked_once(outcomes: list[Outcome], unique: int) -> bool:
    """Whether the final outcomes cover each digest at most once; halves cover a split call."""
    seen = Counter(
        index
        for outcome in outcomes
        if outcome.kind.is_final
        for index in range(outcome.call.start, outcome.call.stop)
    )
    return set(seen.values()) <= {1} and set(seen) <= set(range(unique))


def test_a_subscriber_sees_one_final_outcome_for_each_digest(recording: Recording) -> None:
    with ScriptedServer(faulty) as server:
        report = lc.Checker("team/app", endpoint_url=server.url, _limits=QUICK).check(ROWS)
    assert report.complete
    assert asked_once(recording.outcomes, len(ROWS))
    covered = sum(outcome.call.size for outcome in recording.outcomes if outcome.kind.is_final)
    assert covered == len(ROWS)
    assert len(recording.of(OutcomeKind.REFUSED)) == 1


def test_the_statistics_are_what_the_outcomes_add_up_to(recording: Recording) -> None:
    with ScriptedServer(faulty) as server:
        report = lc.Checker("team/app", endpoint_url=server.url, _limits=QUICK).check(ROWS)
    outcomes, stats = recording.outcomes, report.stats
    assert stats.requests == len(outcomes) == len(server.asked)
    assert stats.retries == len(recording.of(OutcomeKind.RETRIED))
    assert stats.halvings == len(recording.of(OutcomeKind.SPLIT)) > 0
    assert stats.calls == stats.halvings + sum(outcome.kind.is_final for outcome in outcomes)
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    assert stats.throttles == sum(failure.kind == "throttled" for failure in failures) > 0


def test_suspects_that_are_proven_are_told_as_refused_after_the_answer(recording: Recording) -> None:
    def script(asked: Asked) -> Reply:
        return fault("InvalidParameterException", "no") if ROWS[0] in asked.digests else good(asked)

    with ScriptedServer(script) as server:
        report = lc.Checker("team/app", endpoint_url=server.url, max_in_flight=1, _limits=QUICK).check(
            ROWS[:2]
        )
    assert report.counts["refused"] == 1
    kinds = [outcome.kind for outcome in recording.outcomes]
    assert kinds == [OutcomeKind.SPLIT, OutcomeKind.SUSPECTED, OutcomeKind.REFUSED, OutcomeKind.ANSWERED]
    assert report.stats.calls == 3


def test_what_a_cancelled_run_leaves_is_told_as_left_and_is_no_call(recording: Recording) -> None:
    def script(asked: Asked) -> Reply:
        return good(asked) if asked.number < 3 else fault("ServerException", "no", status=500)

    slow = Limits(retry=RetryPolicy(back_off_base_s=60.0), tick_s=0.01)
    with (
        ScriptedServer(script) as server,
        lc.Checker("team/app", endpoint_url=server.url, max_in_flight=1, _limits=slow) as checker,
    ):
        run = checker.submit(ROWS)
        while len(recording.of(OutcomeKind.RETRIED)) < 2:
            run._wait(0.01)
        run.cancel()
        with pytest.raises(lc.RunCancelled) as caught:
            run.result(60)
    report = caught.value.report
    assert report is not None
    assert asked_once(recording.outcomes, len(ROWS))
    left = recording.of(OutcomeKind.LEFT)
    assert sum(outcome.call.size for outcome in left) == report.counts["unanswered"]
    assert report.stats.calls == 3


def test_an_outcome_cannot_be_changed(recording: Recording) -> None:
    with ScriptedServer() as server:
        lc.Checker("team/app", endpoint_url=server.url).check(ROWS[:1])
    with pytest.raises(AttributeError):
        recording.outcomes[0].kind = OutcomeKind.LEFT  # type: ignore[misc]


def test_a_digest_that_always_fails_in_each_batch_is_alone_without_an_answer() -> None:
    failing = frozenset(ROWS[41::100])

    def script(asked: Asked) -> Reply:
        fails = not failing.isdisjoint(asked.digests)
        return fault("ServerException", "no", status=500) if fails else good(asked)

    with ScriptedServer(script) as server:
        report = lc.Checker("team/app", endpoint_url=server.url, rate="max", _limits=QUICK).check(ROWS)
    assert set(report.digests("unanswered")) == failing
    assert report.stats.ended == "done"
