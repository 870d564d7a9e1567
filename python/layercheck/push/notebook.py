"""The view of a push plan in a notebook: the actions, what is in the way, and what is sent."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from layercheck.display import fragment
from layercheck.display.wording import bytes_text
from layercheck.push.wording import headline

if TYPE_CHECKING:
    from layercheck.push.actions import PushRow
    from layercheck.push.plan import PushPlan


def render(plan: PushPlan) -> str:
    """The plan as an HTML fragment."""
    counts, sizes, manifests = plan.counts, plan.bytes, plan.manifest_counts
    shown = [action for action in counts if counts[action] or manifests[action]]
    moving = [row for row in plan.rows if row.action not in ("skip", "external")]
    first = list(islice(moving, fragment.MAX_ROWS))
    tag = f":{plan.tag}" if plan.tag else ""
    return fragment.view(
        fragment.title("Push plan", plan.source, f"to {plan.target.repository_name}{tag}"),
        fragment.line(fragment.text(headline(plan))),
        *(fragment.hint(f"blocked: {reason}") for reason in plan.blocked[: fragment.MAX_ROWS]),
        fragment.bar(counts),
        fragment.table(
            ("action", "blobs", "size", "manifests"),
            (
                (
                    fragment.word(action),
                    f"{counts[action]:,}",
                    bytes_text(sizes[action]),
                    f"{manifests[action]:,}",
                )
                for action in shown
            ),
            numbers=(1, 2, 3),
        ),
        fragment.table(("action", "digest", "size", "role", "platforms", "note"), map(_row, first), (2,)),
        fragment.note(f"{len(first):,} of {len(moving):,} rows" if len(first) < len(moving) else ""),
        *(fragment.note(fragment.text(note)) for note in plan.notes[: fragment.MAX_ROWS]),
    )


def _row(row: PushRow) -> tuple[str, ...]:
    digest = row.digest or row.diff_id
    return (
        fragment.word(row.action),
        f'<span class="w">{fragment.code(digest)}</span>' if digest else "",
        bytes_text(row.size) if row.size is not None else "",
        row.role,
        fragment.text(", ".join(row.platforms)),
        fragment.text(row.note),
    )
