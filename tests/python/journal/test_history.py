"""A journal keeps each of its runs: its verdicts, its statistics, and how it ended."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

import layercheck as lc
from cli.conftest import Layercheck, environment, layercheck  # noqa: F401 - fixtures
from fake_account import digests
from journal.conftest import ROWS, Check, table
from journal.interrupted_runs import SMALL, InterruptedRuns, rows
from layercheck.testing import Fault, LocalEcr


def change(journal: Path, statement: str, *values: object) -> None:
    base = sqlite3.connect(journal)
    base.execute(statement, values)
    base.commit()
    base.close()


def test_the_report_of_a_journal_equals_the_report_of_its_run(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    """Also the digests without an answer, their causes, and the errors of the batches."""
    ecr.set_faults([Fault("omit", share=0.3), Fault("poison", digests=(digests(5)[4],))])
    given = check(max_in_flight=2)
    assert given.unique_counts["unanswered"] > 50
    with lc.Journal(journal) as opened:
        read, status = opened.report(), opened.status()
    assert table(read) == table(given)
    assert read.errors == given.errors
    assert (read.complete, read.counts) == (False, given.counts)
    expected = asdict(given.stats) | {"transport": "journal"}
    assert asdict(read.stats) == expected
    assert status.settled == 1_000 - given.unique_counts["unanswered"]
    assert [(run.ended, run.stats, run.errors) for run in status.runs] == [
        ("done", given.stats, given.errors)
    ]
    assert status.created_at <= status.runs[0].started_at <= status.runs[0].written_at
    assert isinstance(status.runs[0], lc.JournalRun)


def test_an_unanswered_digest_keeps_its_cause_until_it_is_asked_again(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    ecr.set_faults([Fault("omit", share=0.3)])
    first = check()
    # The next run gets one answer; then the service denies access.
    ecr.set_faults([Fault("access_denied", calls=(first.stats.requests + 2, None))])
    with pytest.raises(lc.AccessDeniedError) as caught:
        check(lc.plan(ROWS, batch_size=10), max_in_flight=1)
    second = caught.value.report
    assert second is not None
    assert second.unique_counts["not_checked"] == 0
    assert second.unique_counts["unanswered"] == first.unique_counts["unanswered"] - 10
    reasons = {line["reason"] for line in table(second) if line["verdict"] == "unanswered"}
    assert "asked, but not in the answer" in reasons
    assert [reason for reason in reasons if str(reason).startswith("AccessDenied")]
    with lc.Journal(journal) as opened:
        assert table(opened.report()) == table(second)


def test_each_run_keeps_its_statistics_and_the_report_adds_them_up(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    ecr.set_faults([Fault("access_denied", calls=(4, None))])
    with pytest.raises(lc.AccessDeniedError) as caught:
        check(max_in_flight=1)
    ecr.set_faults([])
    first, last = caught.value.report, check()
    assert first is not None
    with lc.Journal(journal) as opened:
        runs, stats = opened.status().runs, opened.report().stats
    assert [run.ended for run in runs] == ["fatal", "done"]
    assert [run.stats.calls for run in runs] == [first.stats.calls, last.stats.calls] == [4, 7]
    assert runs[0].errors == first.errors != ()
    assert (stats.calls, stats.ended) == (11, "done")
    assert stats.seconds == pytest.approx(first.stats.seconds + last.stats.seconds)


def test_a_killed_run_is_marked_as_killed(tmp_path: Path) -> None:
    with InterruptedRuns(tmp_path, SMALL, rows(SMALL)) as runs:
        with runs.start("committed", 4) as run:
            run.wait()
        with lc.Journal(runs.journal) as opened:
            (killed,) = opened.status().runs
            report = opened.report()
        assert (killed.ended, report.stats.ended) == ("killed", "killed")
        assert 0 < killed.stats.calls <= runs.ecr.counters.calls
        runs.finish()
    with lc.Journal(runs.journal) as opened:
        assert [run.ended for run in opened.status().runs] == ["killed", "done"]


def test_a_running_run_is_marked_as_running(ecr: LocalEcr, journal: Path) -> None:
    ecr.set_latency(5)
    seen: list[str] = []

    def read_journal(_: lc.Progress) -> None:
        with lc.Journal(journal) as opened:
            seen.append(opened.report().stats.ended)
            seen.extend(run.ended for run in opened.status().runs)

    with lc.Checker("app", endpoint_url=ecr.endpoint_url, rate=100, max_in_flight=2) as checker:
        checker.check(lc.plan(digests(200), batch_size=5), journal=journal, progress=read_journal)
    assert set(seen[:-2]) == {"running"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stats", "{"),
        ("stats", "[" * 100_000),
        ("stats", '{"calls": 1}'),
        ("stats", b"\xff"),
        ("ended", "melted"),
        ("ended", "running"),
        ("errors", "[[1]]"),
        ("errors", '[[0, 1, "melted", "", "", 1]]'),
        ("errors", '[["0", 1, "answer", "", "", 1]]'),
        ("started_at", "yesterday"),
        ("started_at", 1e300),
    ],
)
def test_an_unreadable_run_leaves_the_verdicts_readable(
    check: Check, ecr: LocalEcr, journal: Path, column: str, value: object
) -> None:
    first = check()
    change(journal, f"UPDATE runs SET {column} = ?", value)  # noqa: S608
    with lc.Journal(journal) as opened:
        assert opened.verify() == ["1 of its runs cannot be read; their statistics are lost"]
        assert table(opened.report()) == table(first)
        assert opened.status().runs == ()
    calls = ecr.counters.calls
    assert table(check()) == table(first)
    assert ecr.counters.calls == calls
    with lc.Journal(journal) as opened:
        assert [run.ended for run in opened.status().runs] == ["done"]


def test_the_command_shows_the_runs(
    check: Check,
    ecr: LocalEcr,
    journal: Path,
    layercheck: Layercheck,  # noqa: F811 - the fixture
) -> None:
    ecr.set_faults([Fault("access_denied", calls=(4, None))])
    with pytest.raises(lc.AccessDeniedError):
        check(max_in_flight=1)
    ecr.set_faults([])
    for _ in range(5):
        check()
    shown = layercheck("journal", "show", journal).out
    assert "6 runs with 11 calls, the last ones:" in shown
    assert shown.count(" UTC: ") == 5
    assert "7 calls in " in shown
    listed = json.loads(layercheck("journal", "show", journal, "--format", "jsonl").out)["runs"]
    assert [(run["ended"], run["calls"]) for run in listed] == [("fatal", 4), ("done", 7)] + [("done", 0)] * 4
    assert listed[0]["errors"] == 1


def test_a_run_killed_after_its_last_write_left_a_complete_report(check: Check, journal: Path) -> None:
    first = check()
    change(journal, "UPDATE runs SET ended = 'running', stats = replace(stats, '\"done\"', '\"running\"')")
    with lc.Journal(journal) as opened:
        assert [run.ended for run in opened.status().runs] == ["killed"]
        report = opened.report()
    assert (report.complete, report.stats.ended) == (True, "done")
    assert table(report) == table(first)


def test_the_error_of_a_repeated_batch_names_its_range_in_the_plan(check: Check, ecr: LocalEcr) -> None:
    ecr.set_faults([Fault("omit", share=0.2)])
    first = check()
    codes = first.unique_verdicts.tolist()
    left_out = [at for at, code in enumerate(codes) if code == lc.Verdict.UNANSWERED]
    ecr.set_faults([Fault("omit", share=1.0)])
    # Without any answer the batch is halved, and each part has its error.
    errors = check().errors
    assert len(left_out) <= 100
    assert min(error.start for error in errors) == left_out[0]
    assert max(error.stop for error in errors) == left_out[-1] + 1
