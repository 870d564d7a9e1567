"""kill -9 at random instants and at every step: the run goes on, and ends with the same report."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from journal import kill_loop, killed_run
from layercheck.journal import store


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_report(journal: Path) -> None:
    cost = kill_loop.journey(5, random.Random(1), journal)
    assert cost.kills >= 3


def test_every_step_is_on_the_list() -> None:
    text = Path(store.__file__).read_text(encoding="utf-8")
    assert sorted(set(re.findall(r'reached\("(\w+)"\)', text))) == sorted(killed_run.STEPS)


@pytest.mark.parametrize("step", killed_run.STEPS)
def test_a_run_killed_at_a_step_goes_on(step: str, journal: Path) -> None:
    with kill_loop.server() as ecr:
        once = step in ("begun", "created", "part", "ready", "closing", "merged")
        assert kill_loop.kill_at(ecr, journal, step, 1 if once else 5)
        assert kill_loop.sound(journal)
        kill_loop.finish(ecr, journal)
        repeated = kill_loop.answered_again(ecr)
        ecr.set_faults([])
        assert kill_loop.found(journal) == kill_loop.expected(ecr)
    if once:
        # Either nothing was asked yet, or all of it was written.
        assert repeated == 0
    else:
        assert repeated <= killed_run.SLOTS + killed_run.UNSAVED
