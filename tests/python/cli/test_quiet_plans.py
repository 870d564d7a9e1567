"""`plan --quiet` and `check --dry-run --quiet`."""

from __future__ import annotations

from pathlib import Path

from .conftest import Layercheck, digest


def test_quiet_hides_the_summary_of_a_plan_and_keeps_its_rows(layercheck: Layercheck, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(f"{digest(0)}\n")
    for command in (("plan",), ("check", "team/app", "--dry-run")):
        ended = layercheck(*command, "one.txt", "-q")
        assert (ended.code, ended.out, ended.err) == (0, "", "")
    ended = layercheck("plan", "one.txt", "-q", "--format", "jsonl")
    assert '"unique": 1' in ended.out
