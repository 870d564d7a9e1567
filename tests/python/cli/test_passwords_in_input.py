"""A password that stands in an input or in a wrong argument is not shown on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Layercheck, digest

URL = "https://bob:hunter2pass@registry.example/v2/app/x.txt"
SHOWN = "https://***@registry.example/v2/app/x.txt"


def test_the_summary_shows_a_rejected_row_without_its_password(check: Layercheck, tmp_path: Path) -> None:
    rows = tmp_path / "rows.txt"
    rows.write_text(f"{digest(0)}\n{URL}\n")
    ended = check("app", rows)
    assert ended.code == 3
    assert "hunter2pass" not in ended.out + ended.err
    assert SHOWN in ended.out


@pytest.mark.parametrize(
    "command",
    [
        ("check", "team/app", URL),
        ("plan", URL),
        ("layout", URL),
        ("push-plan", URL, "team/app"),
    ],
    ids=lambda words: " ".join(word.replace(URL, "URL") for word in words),
)
def test_a_url_in_the_place_of_a_file_is_named_without_its_password(
    command: tuple[str, ...], layercheck: Layercheck
) -> None:
    ended = layercheck(*command)
    assert ended.code in (1, 2)
    assert "hunter2pass" not in ended.out + ended.err
    assert "x.txt" in ended.err
