"""What the verdicts of images mean, on terminals and pages."""

from __future__ import annotations

IMAGE_VERDICT_NOTES = {
    "complete": "every part is there",
    "incomplete": "parts are missing",
    "unreadable": "the manifest cannot be read",
    "partial": "children are not listed: a pull-through cache, or that is not known",
    "archived": "archived, not pullable now",
    "gone": "deleted while it was checked",
    "undecided": "a part has no answer",
    "not_checked": "the check ended first",
}
"""Verdict word to what it means."""
