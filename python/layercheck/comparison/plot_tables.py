"""The plots of a comparison of two checks, each as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.display.wording import counted, percent
from layercheck.plots.table import MAX_RANKED, PlotTable
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    from layercheck.comparison.changes import Changes

_LABELS = [*(verdict.label for verdict in Verdict), "absent"]
_WINDOW = 1 << 17  # digests that are counted at once

WORDS = ("same", "vanished", "appeared", "archived", "restored", "changed", "added", "removed", "unknown")
"""The changes in the order of a bar."""


def all_of(changes: Changes) -> tuple[PlotTable, ...]:
    """All plots of a comparison that have something to show, in the order of a page."""
    made = by_change(changes), transitions(changes)
    return tuple(table for table in made if table is not None)


def by_change(changes: Changes) -> PlotTable | None:
    """The digests for each change; None without digests."""
    counts = changes.counts
    total = sum(counts.values())
    if not total:
        return None
    found = [word for word in WORDS if counts[word]]
    others = ", ".join(f"{counts[word]:,} {word}" for word in found if word not in ("same", "vanished"))
    vanished = f"{counts['vanished']:,} of {counted(total, 'digest')} vanished"
    return PlotTable(
        kind="verdicts",
        name="changes",
        title="Digests by change",
        summary=f"{vanished} ({percent(counts['vanished'], total)}), {counts['same']:,} the same"
        f"{'; ' if others else ''}{others}.",
        columns=("change", "digests", "share"),
        units=("", "digests", "%"),
        rows=tuple((word, counts[word], 100 * counts[word] / total) for word in found),
    )


def transitions(changes: Changes) -> PlotTable | None:
    """The digests whose verdict is another, by the verdicts before and after; None if all are the same."""
    import numpy as np

    sides = len(_LABELS)
    counts = np.zeros(sides * sides, dtype=np.int64)
    for at in range(0, len(changes.before), _WINDOW):
        before, after = (
            codes[at : at + _WINDOW].astype(np.int64) for codes in (changes.before, changes.after)
        )
        counts += np.bincount(before * sides + after, minlength=sides * sides)
    found = [
        (-int(count), _spoken(pair // sides), _spoken(pair % sides))
        for pair, count in enumerate(counts)
        if count and pair // sides != pair % sides
    ]
    if not found:
        return None
    found.sort()
    most, before_word, after_word = found[0]
    total = -sum(count for count, _, _ in found)
    return PlotTable(
        kind="ranked",
        name="transitions",
        title="Digests with another verdict",
        summary=f"{counted(total, 'digest')} with another verdict; "
        f"most often {before_word}, then {after_word}: {-most:,}.",
        columns=("before and after", "digests", "before", "after"),
        units=("", "digests", "", ""),
        rows=tuple((f"{a} → {b}", -count, a, b) for count, a, b in found[:MAX_RANKED]),
        omitted=max(len(found) - MAX_RANKED, 0),
    )


def _spoken(code: int) -> str:
    return _LABELS[code].replace("_", " ")
