"""The tables of docs/speed.md and of the README are those of the results that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import headlines
from calls import tables as calls_tables
from offline.harness import summary, tables
from offline.harness.page import PAGE, insert_table
from studies import failing_calls, journal

ROOT = Path(__file__).parents[3]
SPEED = PAGE.read_text()


def test_the_offline_table_is_that_of_the_newest_result() -> None:
    table = tables.as_markdown(headlines.newest(""))
    assert insert_table(SPEED, table, begin=summary.BEGIN, end=summary.END) == SPEED


def test_the_table_of_calls_is_that_of_the_newest_result() -> None:
    table = calls_tables.as_markdown(headlines.newest("calls-"))
    assert insert_table(SPEED, table, begin=calls_tables.BEGIN, end=calls_tables.END) == SPEED


def test_the_table_of_journals_is_that_of_the_result() -> None:
    table = journal.table(json.loads(journal.RESULT.read_text()))
    assert insert_table(SPEED, table, begin=journal.BEGIN, end=journal.END) == SPEED


def test_the_table_of_failing_calls_is_that_of_the_result() -> None:
    table = failing_calls.table(json.loads(failing_calls.RESULT.read_text()))
    assert insert_table(SPEED, table, begin=failing_calls.BEGIN, end=failing_calls.END) == SPEED


def test_every_lost_case_is_on_the_page() -> None:
    lost = tables.lost(headlines.newest("")) + [
        f"* {each}" for each in calls_tables.lost(headlines.newest("calls-"))
    ]
    assert lost
    assert [each for each in lost if f"\n{each}\n" not in SPEED] == []


def test_the_readme_has_three_rows_and_the_peer_that_comes_nearest() -> None:
    page = (ROOT / "README.md").read_text()
    table = headlines.table(headlines.newest(""), headlines.newest("calls-"))
    assert insert_table(page, table, begin=headlines.BEGIN, end=headlines.END) == page
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 3
    (nearest,) = (row for row in rows if "| AWS SDK for Rust |" in row)
    ratio = float(nearest.split("|")[-2].strip(" *"))
    assert ("**" in nearest) == (ratio < 1.0), "a row that layercheck lost is bold"
    assert min(float(row.split("|")[-2].strip(" *")) for row in rows) == ratio


def test_without_its_marks_a_page_is_not_written() -> None:
    with pytest.raises(ValueError, match="no lines"):
        insert_table("a page", "a table", begin=headlines.BEGIN, end=headlines.END)
