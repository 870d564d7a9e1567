"""What a page shows, as plain data. Each stage of the package fills it from its own report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from layercheck.page.text import CELL_LIMIT, shown

if TYPE_CHECKING:
    from layercheck.plots.table import PlotTable

Cell: TypeAlias = str | int | float | None
"""What stands in a cell; None for nothing."""

Kind: TypeAlias = Literal["text", "code", "word", "number", "bytes", "time"]
"""How a column is shown and sorted. `code` is a digest, `word` a verdict or an action."""

Mood: TypeAlias = Literal["good", "bad", "open"]
"""What the headline says: nothing is wrong, something is wrong, or not everything is known."""

MOST_LINES = 2_000
"""Findings on a page."""

MOST_BYTES = 1_200_000
"""Bytes of the findings in HTML, so that a page of hostile text stays under 2 MB too."""

_CELL_BYTES = 50
"""The tags around a cell, at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bar: a word, its number, and what the word means."""

    word: str
    count: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """The shares of words in a whole, as a bar and as a table.

    Attributes:
        title: Heading of the bar.
        label: What the words are, such as `verdict`.
        unit: What is counted, such as `rows`.
        parts: The words, in the order of the bar.
        more: Further columns of the table: a heading, and a text for each part.
    """

    title: str
    label: str
    unit: str
    parts: tuple[Part, ...]
    more: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(part.count for part in self.parts)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the findings."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Findings:
    """The lines that a reader looks through, what is wrong first.

    Attributes:
        title: Heading.
        unit: What a line is, in the plural.
        columns: The columns.
        lines: The first lines.
        total: All lines that there are.
        none: What is said in place of a table without lines.
        files: The files with all lines that stand beside the page: a relative address and a name each.
        how: How to make such a file, where `files` is empty.
        held: What the files hold.
    """

    title: str
    unit: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]
    total: int
    none: str
    files: tuple[tuple[str, str], ...] = ()
    how: str = ""
    held: str = "Everything"

    @classmethod
    def of(
        cls,
        title: str,
        unit: str,
        columns: tuple[Column, ...],
        lines: Iterable[Sequence[Cell]],
        total: int,
        *,
        none: str,
        how: str,
        files: tuple[tuple[str, str], ...] = (),
        held: str = "Everything",
    ) -> Findings:
        """Return the findings with the first lines, and without the columns that are empty in all of them."""
        first = bounded(lines)
        kept = [at for at in range(len(columns)) if any(line[at] not in (None, "") for line in first)]
        return cls(
            title,
            unit,
            tuple(columns[at] for at in kept),
            tuple(tuple(line[at] for at in kept) for line in first),
            total,
            none,
            files,
            how,
            held,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page.

    Attributes:
        kind: What kind of report it is, such as `Layer check`.
        name: What it is about, such as the name of a repository.
        headline: The answer in one sentence.
        mood: Whether the answer is good.
        warnings: Why the numbers may mean less than they seem to, each a sentence; shown first.
        facts: Groups of name and value: what was checked, and how the run went.
        bar: The shares of the verdicts.
        findings: The lines to look through.
        problems: What else is wrong, a line each, under a heading.
        figures: The plots, as tables.
        notes: What a reader should know, a line each.
        written: When the page was written.
    """

    kind: str
    name: str
    headline: str
    mood: Mood
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    bar: Bar
    findings: Findings
    written: datetime
    warnings: tuple[str, ...] = ()
    problems: tuple[tuple[str, tuple[str, ...]], ...] = ()
    figures: tuple[PlotTable, ...] = field(default=())
    notes: tuple[str, ...] = ()


def bounded(lines: Iterable[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Return the first lines: at most `MOST_LINES`, and at most `MOST_BYTES` bytes of HTML.

    Args:
        lines: All lines. No more than the first are taken.
    """
    found: list[tuple[Cell, ...]] = []
    left = MOST_BYTES
    for line in lines:
        left -= sum(map(_bytes, line))
        if left < 0:
            break
        found.append(tuple(line))
        if len(found) == MOST_LINES:
            break
    return tuple(found)


def _bytes(cell: Cell) -> int:
    text = shown(cell, CELL_LIMIT) if isinstance(cell, str) else str(cell)
    return _CELL_BYTES + len(escape(text).encode())
