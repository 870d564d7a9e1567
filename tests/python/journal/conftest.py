"""Fixtures: a local endpoint, a path for a journal, and a check that uses both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import layercheck as lc
from fake_account import digests
from layercheck.testing import LocalEcr

ROWS = [*digests(1_000), digests(3)[1].upper(), "latest", digests(1)[0]]

Check = Callable[..., lc.Report]


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    """`app` holds every second digest; some are archived."""
    with LocalEcr({"app": digests(1_000)[::2], "other": ()}, region_name="eu-west-1") as server:
        server.put("app", digests(1_000)[1:100:4], availability="ARCHIVED")
        yield server


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "audit.journal"


@pytest.fixture
def check(ecr: LocalEcr, journal: Path) -> Check:
    """`lc.check` of `ROWS` against `ecr` with `journal`."""

    def run(rows: object = ROWS, repository: str = "app", **options: object) -> lc.Report:
        given = {"endpoint_url": ecr.endpoint_url, "journal": journal, "rate": "max", **options}
        return lc.check(rows, repository, **given)  # type: ignore[arg-type]

    return run


def table(report: lc.Report) -> list[dict[str, object]]:
    """Every row of the report, with everything in it."""
    return report.table().lines(0, report.rows)
