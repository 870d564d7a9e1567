"""The view of a plan in a notebook: its numbers, its spellings, and its first rejected rows."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from layercheck.display import fragment

if TYPE_CHECKING:
    from layercheck._core import Plan


def render(plan: Plan) -> str:
    """The plan as an HTML fragment. The native class calls it for its `_repr_html_`."""
    return fragment.view(
        fragment.title("Plan", f"{plan.rows:,} rows", f"{len(plan):,} calls of up to {plan.batch_size:,}"),
        fragment.hint(plan.hint),
        fragment.table(
            ("rows", "digests", "duplicates", "invalid"),
            [(f"{plan.rows:,}", f"{plan.unique:,}", f"{plan.duplicates:,}", f"{plan.invalid:,}")],
            numbers=range(4),
        ),
        _kinds("accepted as", plan.spellings),
        _kinds("rejected as", plan.reject_counts),
        _rejects(plan),
    )


def _kinds(head: str, counts: dict[str, int]) -> str:
    found = ((fragment.text(kind), f"{rows:,}") for kind, rows in counts.items() if rows)
    return fragment.table((head, "rows"), found, numbers=(1,))


def _rejects(plan: Plan) -> str:
    first = list(islice(plan.rejects, fragment.MAX_ROWS))
    rows = (
        (f"{each.row:,}", fragment.text(each.kind), f"{each.offset:,}", fragment.code(each.text))
        for each in first
    )
    note = f"{len(first):,} of the {plan.invalid:,} invalid rows" if len(first) < plan.invalid else ""
    shown = fragment.table(("row", "invalid as", "offset", "input"), rows, numbers=(0, 2))
    return shown + fragment.note(note)
