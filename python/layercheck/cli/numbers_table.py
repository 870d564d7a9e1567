"""Tables of words and numbers, and how they reach a terminal, a file or a pipe of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Column, Table
from rich.text import Text

from layercheck.display.terminal import Terminal
from layercheck.redact import visible

_NARROWEST_NOTE = 12


def show(content: RenderableType, file: IO[str]) -> None:
    """Writes `content` to `file`, without interpreting markup or emoji and without rich's padding.

    A line that is too long is left to the terminal, which breaks it, instead of being cut.

    Raises:
        OSError: If the file is full, or its reader has left.
    """
    console = Terminal(file)
    with console.capture() as captured:
        console.print(content, crop=False)
    # rich pads each line with spaces, which a file or a pipe does not need.
    lines = captured.get().splitlines()
    file.write("".join(f"{line if console.is_terminal else line.rstrip()}\n" for line in lines))
    file.flush()


class NumbersTable(Table):
    """A table without borders that leaves out its last columns where they would cost a digit.

    rich itself cuts cells of all columns to make a table fit.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See `rich.table.Table`."""
        columns = self.columns
        try:
            # Words and a first column of numbers are always there.
            while len(self.columns) > 2 and _needed(self.columns) > options.max_width:
                self.columns = self.columns[:-1]
            width = max(options.max_width, _needed(self.columns))
            yield from super().__rich_console__(console, options.update(width=width))
        finally:
            self.columns = columns


def _needed(columns: Sequence[Column]) -> int:
    """The columns of a terminal without which a cell would be cut."""
    return sum(_least(column) + 3 for column in columns) - 3


def _least(column: Column) -> int:
    if not column.no_wrap:
        return _NARROWEST_NOTE
    cells = [column.header, *column.cells]
    return max(cell_len(cell.plain if isinstance(cell, Text) else str(cell)) for cell in cells)


def numbers_table(*columns: str) -> NumbersTable:
    """A table without borders, with words in the first column and numbers in the others."""
    table = NumbersTable(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    return table


def shortened(text: str, most: int) -> Text:
    """Text from outside for a cell: on one line, at most `most` columns wide, with `…` where it is cut.

    A name of 300 characters would take the room of the other columns. Files have the names as they are.
    """
    cell = Text(visible(text))
    cell.truncate(most, overflow="ellipsis")
    return cell
