"""The study of comparisons on small audits: every contender finds the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.harness import measure
from offline.harness.measure import Task
from studies import diff

COUNT = 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("audits")
    diff.audits(made, COUNT)
    return made


def test_the_contenders_agree(folder: Path) -> None:
    answers = [
        measure.here(Task("compare", module, [str(folder / f"{day}.{form}") for day in ("before", "after")]))
        for module, form in diff.CONTENDERS.values()
    ]
    counts = answers[0]["counts"]
    assert all(answer == answers[0] for answer in answers)
    assert (counts["added"], counts["removed"]) == (COUNT // 100,) * 2
    assert sum(counts.values()) == COUNT
    # By the rule of the endpoint one in twenty vanishes, and none appears.
    assert 0.02 < counts["vanished"] / COUNT < 0.08
    assert "appeared" not in counts
