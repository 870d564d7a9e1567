"""The verdict bar: one line on a terminal that shows the shares, and nothing in a file or a pipe."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from rich.console import Console, Group

from layercheck.cli.verdict_bar import VerdictBar
from layercheck.testing import LocalEcr

from .conftest import COMMAND
from .test_terminal import on_a_terminal

STYLES = {"available": "green", "unavailable": "red", "invalid": "blue"}


def lines(counts: dict[str, int], *, width: int = 80, terminal: bool = True) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Console(file=file, width=width, force_terminal=terminal, no_color=True).print(
        Group(VerdictBar(counts, STYLES))
    )
    file.seek(0)
    return file.read().splitlines()


@pytest.mark.parametrize("width", [5, 20, 48, 200])
def test_a_bar_fills_its_line_and_shows_the_smallest_part_without_colours(width: int) -> None:
    bar = lines({"available": 1_000_000, "unavailable": 1, "invalid": 2}, width=width)[0]
    room = min(width, 48)
    assert bar.rstrip() == "█" * (room - 2) + "▒▓"


def test_parts_have_their_shares_in_the_order_of_the_styles() -> None:
    assert (
        lines({"invalid": 25, "available": 50, "unavailable": 25})[0].rstrip()
        == "█" * 24 + "▒" * 12 + "▓" * 12
    )


def test_a_file_and_a_run_without_rows_get_no_bar() -> None:
    assert lines({"available": 3}, terminal=False) == []
    assert lines({"available": 0}) == []


def test_a_check_a_journal_and_a_diff_show_the_bar_on_a_terminal_and_not_in_a_pipe(
    environment: dict[str, str], local_ecr: LocalEcr, digests: Path, tmp_path: Path
) -> None:
    journal = str(tmp_path / "run.journal")
    check = ["check", "app", str(digests), "--endpoint-url", local_ecr.endpoint_url, "--journal", journal]
    for arguments in (check, ["journal", "show", journal], ["diff", journal, journal]):
        _, written = on_a_terminal(environment, *arguments)
        assert any(len(line) <= 48 and "█" in line for line in plain(written))
        piped = subprocess.run(
            [*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert "█" not in piped.stdout


def plain(written: str) -> list[str]:
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", written).splitlines()
