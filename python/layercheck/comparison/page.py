"""The page of two audits: what changed between them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from layercheck.comparison import plot_tables
from layercheck.comparison.kinds_of_change import CHANGE_NOTES, LISTED
from layercheck.display.wording import counted
from layercheck.page.content import Bar, Column, Findings, Mood, Page, Part
from layercheck.page.place import place_of, without_folders

if TYPE_CHECKING:
    from layercheck.comparison.changes import Changes

_COLUMNS = (
    Column("change", "word"),
    Column("digest", "code"),
    Column("before", "word"),
    Column("after", "word"),
)
HOW = (
    "Everything: add -o FILE.parquet to the command, and no --format, or write it in Python with "
    'changes.write("FILE.parquet").'
)


def page_of(
    changes: Changes,
    *,
    names: tuple[str, str] | None = None,
    files: tuple[tuple[str, str], ...] = (),
    written: datetime | None = None,
) -> Page:
    """Return the page of two audits.

    Args:
        changes: What changed.
        names: What the two audits are called, such as their files; None if that is not known.
        files: Address and name of the files with all changes.
        written: When the page is written; now, if it is None.
    """
    if names is not None:
        names = without_folders(names[0]), without_folders(names[1])
    repositories = dict.fromkeys(target.repository_name for target in changes.targets if target is not None)
    return Page(
        kind="Two audits compared",
        name=" and ".join(repositories) or " and ".join(names or ()) or "two reports",
        headline=_headline(changes),
        mood=_mood(changes),
        warnings=tuple(_warnings(changes)),
        facts=tuple(_facts(changes, names)),
        bar=_bar(changes),
        figures=tuple(table for table in plot_tables.all_of(changes) if table.kind != "verdicts"),
        findings=_findings(changes, files),
        written=written or datetime.now(UTC),
    )


def _compared(changes: Changes) -> int:
    """The digests with a final verdict in both audits."""
    counts = changes.counts
    return sum(counts.values()) - counts["unknown"] - counts["added"] - counts["removed"]


def _headline(changes: Changes) -> str:
    counts, compared = changes.counts, _compared(changes)
    if not compared:
        return "Nothing can be compared: no digest has a final verdict in both audits."
    vanished = counts["vanished"]
    both = f"{counted(compared, 'digest')} with a verdict in both audits"
    if not vanished:
        return f"Nothing vanished: of {both}, none that was in the repository is unavailable now."
    was = "digest that was" if vanished == 1 else "digests that were"
    is_ = "is" if vanished == 1 else "are"
    return f"{vanished:,} {was} in the repository {is_} not in it any more, of {both}."


def _mood(changes: Changes) -> Mood:
    if changes.counts["vanished"]:
        return "bad"
    return "open" if any(changes.unsettled) or not _compared(changes) else "good"


def _warnings(changes: Changes) -> Iterator[str]:
    first, second = changes.targets
    if first is not None and second is not None and first != second:
        yield "The two audits are of two places, so a change may be a difference between the places."
    for which, open_, size in zip(
        ("A, the first audit,", "B, the second audit,"), changes.unsettled, changes.sizes, strict=True
    ):
        if open_:
            yield (
                f"{which} is incomplete: {open_:,} of {counted(size, 'digest')} without a final "
                "verdict are not compared."
            )
    if all(changes.sizes) and sum(changes.sizes) == changes.plan.unique:
        yield "The two audits have no digest in common."


def _facts(
    changes: Changes, names: tuple[str, str] | None
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for at, which in enumerate(("A: the first audit", "B: the second audit")):
        target = changes.targets[at]
        facts = [("file", names[at])] if names is not None else []
        facts += place_of(target) if target is not None else [("place", "not in a report file")]
        facts += [("digests", f"{changes.sizes[at]:,}")]
        facts += [("without a final verdict", f"{changes.unsettled[at]:,}")]
        yield which, tuple(facts)


def _bar(changes: Changes) -> Bar:
    parts = tuple(
        Part(change, count, CHANGE_NOTES[change])
        for change, count in changes.counts.items()
        if count or change in LISTED[:2]
    )
    return Bar("Changes", "change", "digests", parts)


def _findings(changes: Changes, files: tuple[tuple[str, str], ...]) -> Findings:
    counts = changes.counts
    lines = chain.from_iterable(changes.lines((change,)) for change in LISTED)
    return Findings.of(
        "What changed",
        "digests that changed",
        _COLUMNS,
        ((line.change, line.digest, line.before, line.after) for line in lines),
        sum(counts[change] for change in LISTED),
        none="No digest changed its verdict.",
        files=files,
        how=HOW,
    )
