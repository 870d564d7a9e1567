"""Crafted or corrupted journals give one clear error or fewer verdicts, and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import layercheck as lc
from journal.conftest import ROWS, Check, table
from layercheck.journal import database
from layercheck.testing import LocalEcr

ENDLESS = (
    "CREATE VIEW {} AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
    "SELECT x AS id, 0 AS start, 1 AS stop, 1.0 AS answered_at FROM c"
)


def change(journal: Path, *statements: str) -> None:
    base = sqlite3.connect(journal, isolation_level=None)
    for statement in statements:
        base.execute(statement)
    base.close()


@pytest.fixture
def whole(check: Check) -> list[dict[str, object]]:
    """Make a journal, and return the rows of its report."""
    return table(check())


TABLES = "is damaged: its tables are not those of a journal"
HIGH = "is damaged: its row numbers are too high"


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["DROP TABLE meta"], TABLES),
        (["DROP TABLE plan"], TABLES),
        (["DROP TABLE batches"], TABLES),
        (["DROP TABLE runs"], TABLES),
        (["DROP TABLE batches", ENDLESS.format("batches")], TABLES),
        (["DROP TABLE runs", ENDLESS.format("runs")], TABLES),
        (["ALTER TABLE meta RENAME TO other", "CREATE VIEW meta AS SELECT * FROM other"], TABLES),
        (["CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM batches; END"], TABLES),
        (["ALTER TABLE runs ADD COLUMN more"], TABLES),
        (["DROP TABLE runs", "CREATE TABLE runs (id, started_at, written_at, ended, stats, errors)"], TABLES),
        (["UPDATE runs SET id = 9223372036854775807"], HIGH),
        # After this id SQLite would pick ids at random, but the last row of a digest must count.
        (["UPDATE batches SET id = 9223372036854775807 WHERE id = 1"], HIGH),
        (["UPDATE meta SET value = 'reody' WHERE key = 'state'"], "its plan is not marked as whole"),
        (["UPDATE meta SET key = 'stote' WHERE key = 'state'"], "its plan is not marked as whole"),
        (["UPDATE meta SET value = x'ff' WHERE key = 'digests_sha256'"], "its digests_sha256 is not text"),
        (["UPDATE meta SET value = 1.5 WHERE key = 'registry_id'"], "its registry_id is not text"),
        (["UPDATE meta SET value = 'many' WHERE key = 'rows'"], "its rows is not a number"),
        (["UPDATE meta SET value = NULL WHERE key = 'public'"], "its public is not a number"),
        (["UPDATE meta SET value = zeroblob(2000000) WHERE key = 'created_by'"], "too big"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_a_crafted_journal_is_refused_by_runs_and_readers_and_not_changed(
    check: Check,
    ecr: LocalEcr,
    journal: Path,
    whole: object,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(database, "_MAX_VALUE_BYTES", 1 << 20)
    change(journal, *statements)
    before, calls = journal.read_bytes(), ecr.counters.calls
    with pytest.raises(lc.JournalError, match=said):
        check()
    with pytest.raises(lc.JournalError, match=said):
        lc.Journal(journal)
    assert (journal.read_bytes(), ecr.counters.calls) == (before, calls)
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]


def test_additional_tables_in_a_journal_are_ignored(check: Check, journal: Path, whole: object) -> None:
    change(journal, "CREATE TABLE mine (data)", "CREATE INDEX times ON batches (answered_at)", "ANALYZE")
    again = check()
    assert (table(again), again.stats.calls) == (whole, 0)


@pytest.mark.parametrize("value", ["'yesterday'", "9e999", "-9e999", "x'00'"])
def test_a_batch_with_an_invalid_time_is_unreadable_and_asked_again(
    check: Check, ecr: LocalEcr, journal: Path, whole: object, value: str
) -> None:
    change(journal, f"UPDATE batches SET answered_at = {value} WHERE id = 4")  # noqa: S608
    with lc.Journal(journal) as opened:
        assert opened.verify() == ["1 batch cannot be read; a resumed run asks these digests again"]
        assert opened.report().unique_counts["not_checked"] == 100
        status = opened.status()
        assert (status.settled, status.batches) == (900, 10)
        assert status.first_answer_at is not None
        assert status.first_answer_at <= status.runs[0].written_at
    calls = ecr.counters.calls
    assert table(check(max_age_s=3_600)) == whole
    assert ecr.counters.calls == calls + 1


@pytest.mark.parametrize("value", ["'yesterday'", "1e300", "NULL", "x'00'"])
def test_an_invalid_creation_time_is_reported_as_damage(journal: Path, whole: object, value: str) -> None:
    change(journal, f"UPDATE meta SET value = {value} WHERE key = 'created_at'")  # noqa: S608
    with lc.Journal(journal) as opened:
        assert table(opened.report()) == whole
        with pytest.raises(lc.JournalError, match="is damaged"):
            opened.status()


@pytest.mark.parametrize("key", ["rows", "unique", "invalid"])
def test_a_row_count_that_does_not_match_the_plan_is_reported_as_damage(
    journal: Path, whole: object, key: str
) -> None:
    change(journal, f"UPDATE meta SET value = value - 1 WHERE key = '{key}'")  # noqa: S608
    with lc.Journal(journal) as opened:
        assert len(opened.verify()) == 1
        for read in (opened.report, opened.status):
            with pytest.raises(lc.JournalError, match="its plan does not match its fingerprint"):
                read()


def test_text_that_is_not_utf_8_makes_only_its_own_row_unreadable(
    check: Check, ecr: LocalEcr, journal: Path, whole: object
) -> None:
    change(
        journal,
        "UPDATE batches SET payload = CAST(x'ff' AS TEXT) WHERE id = 4",
        "UPDATE runs SET stats = CAST(x'ff' AS TEXT)",
        "INSERT INTO meta VALUES (CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT))",
    )
    with lc.Journal(journal) as opened:
        assert len(opened.verify()) == 2
        assert (opened.status().settled, opened.status().runs) == (900, ())
    calls = ecr.counters.calls
    assert table(check()) == whole
    assert ecr.counters.calls == calls + 1


@pytest.mark.parametrize("age", [float("inf"), 1e308, 10**400], ids=["inf", "large", "huge"])
def test_a_maximum_age_can_be_infinite_or_huge(check: Check, whole: object, age: float) -> None:
    again = check(max_age_s=age)
    assert (table(again), again.stats.calls) == (whole, 0)


def test_an_empty_file_is_not_said_to_be_a_journal_of_a_process_that_ended(tmp_path: Path) -> None:
    empty = tmp_path / "digests.txt"
    empty.touch()
    with pytest.raises(lc.JournalError, match="the file is empty: it is not a journal, or"):
        lc.Journal(empty)


def test_a_journal_with_an_unfinished_plan_is_created_anew(
    check: Check, journal: Path, whole: object
) -> None:
    change(
        journal,
        "DELETE FROM batches",
        "DELETE FROM runs",
        "DELETE FROM meta WHERE key = 'state'",
        "DELETE FROM plan WHERE part > 0",
    )
    with pytest.raises(lc.JournalError, match="holds no run"):
        lc.Journal(journal)
    assert check(ROWS[:10]).stats.restored == 0
