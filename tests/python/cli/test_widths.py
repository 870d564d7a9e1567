"""Output in terminals of any width: never empty, and never a number that lost digits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import layercheck as lc
from layercheck.display.terminal import effort, numbers

from .conftest import Layercheck, digest
from .test_terminal import on_a_terminal

WIDTHS = ["0", "5", "20", "40", "60", "99999999999", "-3", "²"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A thousand rows and more, of every kind that makes a number."""
    path = tmp_path / "many.txt"
    rows = [digest(number % 7) for number in range(12_000)] + ["junk"] * 3_456 + [digest(9)] * 1_234
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize("columns", WIDTHS)
def test_plan_shows_the_same_numbers_at_any_width(columns: str, layercheck: Layercheck, many: Path) -> None:
    usual = layercheck("plan", many)
    ended = layercheck("plan", many, env={"COLUMNS": columns})
    assert ended.code == 0
    assert numbers_in(ended.out) >= {"16,690", "3,456", "13,226", "13,234", "8", "1"}
    assert numbers_in(ended.out) <= numbers_in(usual.out)


@pytest.mark.parametrize("columns", WIDTHS)
def test_check_diff_and_journal_show_the_same_numbers_at_any_width(
    columns: str, check: Layercheck, layercheck: Layercheck, many: Path
) -> None:
    shown = check("app", many, "--journal", "j", env={"COLUMNS": columns})
    assert shown.code == 3
    assert {"1,234", "3,456", "16,690"} <= numbers_in(shown.out)
    assert "…" not in shown.out
    journal = layercheck("journal", "show", "j", env={"COLUMNS": columns})
    assert {"1,234", "3,456", "16,690"} <= numbers_in(journal.out)
    assert "…" not in journal.out
    changes = layercheck("diff", "j", "j", env={"COLUMNS": columns})
    assert "8 digests" in changes.out.replace("\n", " ")


def test_at_40_columns_lines_fit_and_only_notes_and_shares_are_left_out(
    check: Layercheck, many: Path
) -> None:
    narrow = check("app", many, env={"COLUMNS": "40"}).out.splitlines()
    assert max(map(len, narrow)) <= 71  # a digest stays whole
    table = [line for line in narrow if line.startswith(("verdict", "available", "invalid", "all"))]
    assert all(len(line) <= 40 for line in table)


@pytest.mark.parametrize("columns", ["0", "5", "30", "40", "80"])
def test_a_terminal_of_any_width_gets_the_result(
    columns: str, environment: dict[str, str], local_ecr: object, many: Path
) -> None:
    endpoint = local_ecr.endpoint_url  # type: ignore[attr-defined]
    arguments = ["check", "app", str(many), "--endpoint-url", endpoint]
    code, written = on_a_terminal({**environment, "COLUMNS": columns}, *arguments)
    assert code == 3
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", written)
    assert {"1,234", "3,456", "16,690"} <= numbers_in(text)


def state(settled: int, total: int) -> lc.Progress:
    counts = {"available": settled - 1_234_567, "unavailable": 1_234_567, "not_checked": total - settled}
    return lc.Progress(total, settled, counts, 98_765, 98_765, 4_321, 32, 100.0, 500.0, seconds_left=7_300.0)


@pytest.mark.parametrize("width", [*range(1, 40), 60, 80, 120])
def test_a_bar_shows_whole_numbers_or_none(width: int) -> None:
    now = state(98_765_432, 100_000_000)
    whole = numbers_in("98,765,432 of 100,000,000 digests  2 h 1 min left 98.8 %")
    whole |= numbers_in("988 calls/s 4,321 throttled 97,530,865 available 1,234,567 unavailable")
    assert numbers_in(numbers(now, width)) <= whole
    below = effort(now, width).plain
    assert numbers_in(below) <= whole
    assert len(below) <= max(width, len("  988 calls/s"))
    assert len(numbers(now, width)) <= max(width, len("98.8 %"))


def numbers_in(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*\d|\d", text))
