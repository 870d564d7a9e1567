"""The judge of the core beside the slow, readable reference."""

from __future__ import annotations

from typing import Any

from images.reference_judge import Judged, judge
from images.repositories import Audit


def judged(audit: Audit, digest: str) -> Judged:
    """The verdict of an image, which the reference must share."""
    seen = audit.judged(digest)
    expected = judge(audit.known)[digest]
    assert seen[:2] == expected[:2]
    return seen


def lines(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.lines(0, len(table))
    return found
