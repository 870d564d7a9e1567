"""The command, ended at random instants and at every step, resumes and gives the same report."""

from __future__ import annotations

import random
import re
from pathlib import Path

from journal import interrupted_runs, kill_loop, killed_run
from journal.interrupted_runs import SMALL, InterruptedRuns
from layercheck.journal import store


def test_a_check_that_is_ended_again_and_again_gives_the_same_report(tmp_path: Path) -> None:
    interrupted_runs.accept_interrupts()
    text = interrupted_runs.rows(SMALL)
    expected, interrupter = kill_loop.prepare(SMALL, tmp_path, text, random.Random(1))
    with InterruptedRuns(tmp_path, SMALL, text, expected) as runs:
        ends = kill_loop.end_at_random_instants(runs, interrupter, 8)
    assert len(ends) >= 4
    assert any(0 < end.last_call < 600 for end in ends)


def test_every_failpoint_of_the_store_is_listed() -> None:
    text = Path(store.__file__).read_text(encoding="utf-8")
    assert sorted(set(re.findall(r'failpoint\("(\w+)"\)', text))) == sorted(killed_run.STEPS)


def test_a_check_that_is_killed_at_every_step_gives_the_same_report(tmp_path: Path) -> None:
    text = interrupted_runs.rows(SMALL)
    with InterruptedRuns(tmp_path, SMALL, text) as runs:
        runs.expected = runs.finish(journal=False)
        runs.report.unlink()
        runs.ecr.reset()
        assert {end.when for end in kill_loop.kill_at_each_step(runs)} == set(killed_run.STEPS)
