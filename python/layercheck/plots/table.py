"""`PlotTable`: what one plot shows, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PlotKind: TypeAlias = Literal["verdicts", "ranked", "histogram", "timeline"]
"""How a table is drawn.

`verdicts`: one bar, divided by the words of the first column. `ranked`: a bar for each row, the largest
first. `histogram`: a column for each row, in the given order. `timeline`: lines over seconds."""

Cell: TypeAlias = str | int | float | None

MAX_ROWS = 64
"""The largest number of rows of a table."""

MAX_RANKED = 20
"""The largest number of rows of a ranked table."""


@dataclass(frozen=True, slots=True)
class PlotTable:
    """The numbers of one plot. Plain data: it can be pickled, and needs no plot library.

    A plot draws the second column over the first. A timeline draws all columns that have the unit of the
    second column. The other columns are for readers of the numbers.

    Attributes:
        kind: How it is drawn.
        name: A word of lower-case letters, digits and hyphens, unique among the plots of a report.
        title: A title of a few words.
        summary: One sentence that says what the plot shows, with the leading numbers.
        columns: The header of each column. The first column has the labels, or the seconds of a timeline.
        units: The unit of each column; empty for none.
        rows: The rows, each with a value for every column. None is an unknown value.
        omitted: Rows that were left out, because a plot has room for a few only.

    Examples:
        >>> table = PlotTable(
        ...     kind="ranked",
        ...     name="missing-layers",
        ...     title="Missing layers",
        ...     summary="One layer is missing, and 3 images need it.",
        ...     columns=("layer", "images"),
        ...     units=("", "images"),
        ...     rows=(("sha256:9f2c", 3),),
        ... )
        >>> table.drawn
        (1,)
    """

    kind: PlotKind
    name: str
    title: str
    summary: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    omitted: int = 0

    def __post_init__(self) -> None:
        """Check that every row has a value for every column.

        Raises:
            ValueError: It has not, or there is no second column.
        """
        width = len(self.columns)
        if width < 2 or len(self.units) != width or any(len(row) != width for row in self.rows):
            raise ValueError(f"the plot {self.name!r} needs two columns or more, and a value for each")

    @property
    def drawn(self) -> tuple[int, ...]:
        """The numbers of the columns that are drawn over the first."""
        if self.kind != "timeline":
            return (1,)
        return tuple(at for at in range(1, len(self.columns)) if self.units[at] == self.units[1])
