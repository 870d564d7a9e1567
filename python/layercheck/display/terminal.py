"""The terminal bar for `progress=True`, and the parts it shares with the command's bar."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from layercheck.display import wording
from layercheck.types import Progress as RunState


class TwoLines(Progress):
    """A progress bar with a second line below it."""

    below: Text | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """See `rich.progress.Progress`."""
        yield from super().get_renderables()
        if self.below is not None:
            yield self.below


class CheckBar:
    """The callback of `progress=True` in a terminal: shows a bar on standard error until the run ends.

    It draws when it is called, without a thread of its own, so that a failed run leaves nothing behind.
    """

    def __init__(self) -> None:
        self._bar = TwoLines(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=Console(stderr=True, highlight=False),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        self._task: TaskID | None = None

    def __call__(self, progress: RunState) -> None:
        """See `layercheck.types.ProgressCallback`."""
        if self._task is None:
            self._task = self._bar.add_task("layercheck", total=progress.unique, numbers="")
            self._bar.start()
        self._bar.below = effort(progress)
        self._bar.update(self._task, completed=progress.settled, numbers=numbers(progress))
        self._bar.refresh()
        if progress.done:
            self._bar.stop()


def numbers(progress: RunState) -> str:
    """The settled digests and the time left."""
    text = f"{progress.settled:,} of {progress.unique:,} digests"
    left = progress.seconds_left
    if not left:
        return text
    # Show no tenths, because the time left is an estimate.
    return f"{text}  {f'{left:.0f} s' if left < 59.5 else wording.duration(left)} left"


def effort(progress: RunState) -> Text:
    """The line below the bar: calls per second, throttles and verdict counts."""
    line = Text("  ")
    line.append(f"{progress.calls_per_second:,.0f} calls/s")
    if progress.throttles:
        line.append(f", {progress.throttles:,} throttled", style="yellow")
    # Leave out `not_checked`, because the rest of the bar shows it already.
    settled = {word: count for word, count in progress.counts.items() if word != "not_checked"}
    for text, style in wording.counts_line(settled):
        line.append(" · ", style="dim")
        line.append(text, style=style)
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
