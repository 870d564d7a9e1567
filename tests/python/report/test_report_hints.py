"""A report of nothing but unavailable digests names the likely reasons; any other report does not."""

from __future__ import annotations

from typing import Any

import pytest

import layercheck as lc
from layercheck.testing import Fault, LocalEcr

MISSING = [f"sha256:{number:064x}" for number in range(10)]
PRESENT = "sha256:" + "ab" * 32


def report(rows: list[Any], *faults: Fault) -> lc.Report:
    with LocalEcr({"app": [PRESENT]}, faults=faults) as ecr:
        return lc.check(rows, "app", client=ecr.client())


def test_all_unavailable_digests_have_a_hint_that_the_notebook_shows() -> None:
    made = report([*MISSING, *MISSING, "latest"])
    assert made.hint is not None
    for reason in ("manifests", "diffIDs", "another repository, region or account"):
        assert reason in made.hint
    assert made.hint in made._repr_html_()


@pytest.mark.parametrize("rows", [MISSING[:9], [*MISSING, PRESENT]], ids=["few digests", "one is available"])
def test_another_report_has_no_hint(rows: list[str]) -> None:
    made = report(rows)
    assert made.hint is None
    assert "Note:" not in made._repr_html_()


def test_a_report_of_an_empty_input_says_that_nothing_was_asked() -> None:
    made = report([])
    assert made.complete
    assert made.hint == "the input has no rows, so nothing was asked"
    assert made.hint in made._repr_html_()


def test_a_report_without_digests_has_the_hint_of_its_plan() -> None:
    made = report([f'"{one}"' for one in MISSING])
    assert made.hint is not None
    assert made.hint == made.plan.hint
    assert made.hint in made._repr_html_()
    assert made.hint in made.plan._repr_html_()
    assert "Note:" not in lc.plan([PRESENT])._repr_html_()
