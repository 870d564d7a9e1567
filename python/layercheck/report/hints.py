"""Says why a whole report is probably not what the caller wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layercheck.report.report import Report

_FEWEST = 10
"""Digests from which it means something that all are unavailable. A few digests may just be missing."""

ALL_UNAVAILABLE = (
    "every digest is unavailable: they may be digests of manifests (imageDigest), diffIDs of unpacked "
    "layers, or layers of another repository, region or account"
)

NOTHING_ASKED = "the input has no rows, so nothing was asked"


def hint_of(report: Report) -> str | None:
    """What is odd about a report without rows or with nothing available; else the hint of the plan."""
    if not report.rows:
        return NOTHING_ASKED
    unique = report.plan.unique
    if unique >= _FEWEST and report.unique_counts["unavailable"] == unique:
        return ALL_UNAVAILABLE
    return report.plan.hint
