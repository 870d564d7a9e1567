"""The verdict bar of a summary: one line that shows the shares, on a terminal only."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_WIDEST = 48
"""Columns of the bar, which is meant for a terminal of any width."""

_SHADES = "█▒▓░"
"""In turn, so that neighbours differ without colours too."""


class VerdictBar:
    """The shares of words as one line of blocks, in the order of the table below it.

    A file or a pipe gets nothing, nor does a terminal without these characters. What is there at all has at
    least one column.

    Args:
        counts: Word to number.
        styles: Word to its style, in the order of the bar.
    """

    def __init__(self, counts: Mapping[str, int], styles: Mapping[str, str]) -> None:
        self._parts = [(counts[word], style) for word, style in styles.items() if counts.get(word)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich's protocol of renderables."""
        if not self._parts or not console.is_terminal or not options.encoding.startswith("utf"):
            return
        line = Text()
        for at, columns in enumerate(_columns([count for count, _ in self._parts], options.max_width)):
            line.append(_SHADES[at % len(_SHADES)] * columns, style=self._parts[at][1])
        yield line
        yield Text()


def _columns(counts: list[int], room: int) -> list[int]:
    """The columns of each part: at least one, and together the width of the bar."""
    width = min(_WIDEST, room)
    total = sum(counts)
    columns = [max(count * width // total, 1) for count in counts]
    # The rest belongs to the largest part, which also pays for parts that are too small to be seen.
    largest = max(range(len(counts)), key=counts.__getitem__)
    columns[largest] = max(columns[largest] + width - sum(columns), 1)
    return columns
