"""What the documentation says is in a journal is in it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import layercheck as lc
from layercheck.testing import LocalEcr

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "journals.md"


def test_the_tables_of_a_journal_are_those_on_the_page(tmp_path: Path) -> None:
    with LocalEcr(("app",)) as ecr:
        lc.check(["ab" * 32], "app", client=ecr.client(), journal=tmp_path / "x.journal")
    base = sqlite3.connect(tmp_path / "x.journal")
    tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: [column[1] for column in base.execute(f"PRAGMA table_info({table})")] for table in tables}
    base.close()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {table: re.findall(r"`(\w+)`", columns) for table, columns in rows} == found


def test_any_sqlite_reads_how_the_runs_went(tmp_path: Path) -> None:
    with LocalEcr(("app",)) as ecr:
        lc.check(["ab" * 32], "app", client=ecr.client(), journal=tmp_path / "x.journal")
    (query,) = re.findall(r'^sqlite3 .*"(SELECT .*)"$', PAGE.read_text(), re.MULTILINE)
    base = sqlite3.connect(tmp_path / "x.journal")
    ((_, ended, calls),) = base.execute(query)
    base.close()
    assert (ended, calls) == ("done", 1)
