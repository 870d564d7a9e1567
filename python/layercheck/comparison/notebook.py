"""The view of two audits in a notebook: what changed, and the first digests that vanished."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from layercheck.comparison import plot_tables
from layercheck.display import fragment

if TYPE_CHECKING:
    from layercheck.comparison.changes import Changes


def render(changes: Changes) -> str:
    """The changes as an HTML fragment."""
    counts = changes.counts
    first = list(islice(changes.lines(), fragment.MAX_ROWS))
    listed = sum(counts[change] for change in ("vanished", "appeared", "archived", "restored", "changed"))
    before, after = changes.sizes
    rows = (
        (f'<span class="w">{fragment.code(line.digest)}</span>', *map(fragment.word, line[1:]))
        for line in first
    )
    return fragment.view(
        fragment.title("Changes", f"{before:,} digests before", f"{after:,} after"),
        *(
            fragment.note(f"{side}: {fragment.text(target.repository_name)}")
            for side, target in zip(("before", "after"), changes.targets, strict=True)
            if target is not None
        ),
        fragment.bar({word: counts[word] for word in plot_tables.WORDS}),
        fragment.table(
            ("change", "digests"),
            [
                (fragment.word(change), f"{count:,}")
                for change, count in counts.items()
                if count or change == "vanished"
            ],
            numbers=(1,),
        ),
        fragment.table(("digest", "change", "before", "after"), rows),
        fragment.note(
            f"{len(first):,} of the {listed:,} digests that changed" if len(first) < listed else ""
        ),
    )
