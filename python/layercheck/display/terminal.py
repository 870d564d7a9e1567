"""The width of a terminal, and the bars there: for `progress=True` and for the command."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import IO

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from layercheck.display import wording
from layercheck.display.animation import NARROWEST, given_number
from layercheck.types import Progress as RunState

_WIDEST = 1_000
_SHORTEST_BAR = 4


class Terminal(Console):
    """A console that is never too narrow for a number.

    `COLUMNS=0` stands for an unknown width, and rich would write nothing then. A terminal of a few columns
    would lose digits. Markup, emoji and highlighting are off, because text from outside is no markup.
    """

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False) -> None:
        environment = dict(os.environ)
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
            number = given_number(name)
            if number is not None:
                environment[name] = str(number)
        super().__init__(
            file=file, stderr=stderr, highlight=False, markup=False, emoji=False, _environ=environment
        )

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines, within bounds."""
        width, height = super().size
        return ConsoleDimensions(min(max(width, NARROWEST), _WIDEST), height)

    @size.setter
    def size(self, new: tuple[int, int]) -> None:
        self._width, self._height = new


class TwoLines(Progress):
    """A bar with the state of a run beside it, and a second line below it."""

    below: Text | None = None

    def __init__(self, console: Terminal, *, auto_refresh: bool, transient: bool) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=console,
            auto_refresh=auto_refresh,
            refresh_per_second=8,
            transient=transient,
            redirect_stdout=transient,
            redirect_stderr=transient,
            expand=True,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """See `rich.progress.Progress`."""
        yield from super().get_renderables()
        if self.below is not None:
            yield self.below

    def show(self, task: TaskID, progress: RunState) -> None:
        """Shows the state of a run in the bar of `task`."""
        width = self.console.width
        self.below = effort(progress, width)
        # Two spaces stand between the three columns.
        room = width - len(self._tasks[task].description) - 2 - _SHORTEST_BAR
        self.update(task, completed=progress.settled, numbers=numbers(progress, room))


class CheckBar:
    """The callback of `progress=True` in a terminal: shows a bar on standard error until the run ends.

    It draws when it is called, without a thread of its own, so that a failed run leaves nothing behind.
    """

    def __init__(self) -> None:
        self._bar = TwoLines(Terminal(stderr=True), auto_refresh=False, transient=False)
        self._task: TaskID | None = None

    def __call__(self, progress: RunState) -> None:
        """See `layercheck.types.ProgressCallback`."""
        if self._task is None:
            self._task = self._bar.add_task("layercheck", total=progress.unique, numbers="")
            self._bar.start()
        self._bar.show(self._task, progress)
        self._bar.refresh()
        if progress.done:
            self._bar.stop()


def numbers(progress: RunState, room: int) -> str:
    """The settled digests and the time left, in the longest form that fits into `room` columns."""
    settled = f"{progress.settled:,} of {progress.unique:,}"
    percent = wording.percent(progress.settled, progress.unique)
    left = wording.time_left(progress.seconds_left)
    return _longest(
        (
            "  ".join(filter(None, (f"{settled} digests", left))),
            "  ".join(filter(None, (settled, left))),
            "  ".join(filter(None, (percent, left))),
            percent,
        ),
        room,
    )


def _longest(forms: Sequence[str], room: int) -> str:
    return next((form for form in forms if len(form) <= room), forms[-1])


def effort(progress: RunState, width: int) -> Text:
    """The line below the bar: calls per second, throttles and verdict counts, as many as fit as a whole."""
    parts = [(f"{progress.calls_per_second:,.0f} calls/s", "")]
    if progress.throttles:
        parts.append((f"{progress.throttles:,} throttled", "yellow"))
    line = Text("  ", no_wrap=True)
    for number, (text, style) in enumerate((*parts, *wording.counts_line(wording.settled(progress.counts)))):
        between = " · " if number else ""
        if number and len(line) + len(between) + len(text) > width:
            break
        line.append(between, style="dim")
        line.append(text, style=style)
    return line
