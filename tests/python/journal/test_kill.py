"""The command is ended at random instants and at every step: it goes on, and ends with the same report."""

from __future__ import annotations

import random
import re
from pathlib import Path

from journal import audit, kill_loop, killed_run
from journal.audit import SMALL, Audit
from layercheck.journal import store


def test_an_audit_that_is_ended_again_and_again_ends_with_the_same_report(tmp_path: Path) -> None:
    audit.heed_interrupts()
    text = audit.rows(SMALL)
    whole, blows = kill_loop.prepare(SMALL, tmp_path, text, random.Random(1))
    with Audit(tmp_path, SMALL, text, whole) as small:
        ends = kill_loop.journey(small, blows, 8)
    assert len(ends) >= 4
    assert any(0 < end.last_call < 600 for end in ends)


def test_every_step_is_on_the_list() -> None:
    text = Path(store.__file__).read_text(encoding="utf-8")
    assert sorted(set(re.findall(r'failpoint\("(\w+)"\)', text))) == sorted(killed_run.STEPS)


def test_an_audit_that_is_killed_at_every_step_goes_on(tmp_path: Path) -> None:
    text = audit.rows(SMALL)
    with Audit(tmp_path, SMALL, text) as small:
        small.whole = small.finish(journal=False)
        small.report.unlink()
        small.ecr.reset()
        assert {end.when for end in kill_loop.steps(small)} == set(killed_run.STEPS)
