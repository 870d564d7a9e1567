"""The comparison of audits in `bench/`, on small ones: every contestant finds what is true of them."""

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


def test_the_contestants_agree(folder: Path) -> None:
    answers = [
        measure.here(Task("compare", module, [str(folder / f"{day}.{form}") for day in ("before", "after")]))
        for module, form in diff.CONTESTANTS.values()
    ]
    counts = answers[0]["counts"]
    assert all(answer == answers[0] for answer in answers)
    assert (counts["added"], counts["removed"]) == (COUNT // 100,) * 2
    assert sum(counts.values()) == COUNT
    # One in twenty goes, by the rule of the endpoint; none comes back.
    assert 0.02 < counts["vanished"] / COUNT < 0.08
    assert "appeared" not in counts
