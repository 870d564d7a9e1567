"""A bar on the terminal for `progress=True`, and what the command's bar shares with it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from layercheck.display import wording
from layercheck.types import Progress as RunSnapshot


class TwoLines(Progress):
    """A bar with a second line under it."""

    below: Text | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """See `rich.progress.Progress`."""
        yield from super().get_renderables()
        if self.below is not None:
            yield self.below


class CheckBar:
    """The callback behind `progress=True` in a terminal: it shows a bar on standard error, until the end.

    It is drawn when it is called and by no thread of its own, so nothing is left behind if a run ends badly.
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

    def __call__(self, progress: RunSnapshot) -> None:
        """See `layercheck.types.ProgressCallback`."""
        if self._task is None:
            self._task = self._bar.add_task("layercheck", total=progress.unique, numbers="")
            self._bar.start()
        self._bar.below = effort(progress)
        self._bar.update(self._task, completed=progress.settled, numbers=numbers(progress))
        self._bar.refresh()
        if progress.done:
            self._bar.stop()


def numbers(progress: RunSnapshot) -> str:
    """How far, and how much longer."""
    text = f"{progress.settled:,} of {progress.unique:,} digests"
    left = progress.seconds_left
    if not left:
        return text
    # An estimate has no tenths.
    return f"{text}  {f'{left:.0f} s' if left < 59.5 else wording.duration(left)} left"


def effort(progress: RunSnapshot) -> Text:
    """The line below: how fast, and which verdicts."""
    line = Text("  ")
    line.append(f"{progress.calls_per_second:,.0f} calls/s")
    if progress.throttles:
        line.append(f", {progress.throttles:,} throttled", style="yellow")
    # Digests that wait for their turn are what is left of the bar; counting them again says nothing.
    settled = {word: count for word, count in progress.counts.items() if word != "not_checked"}
    for text, style in wording.counts_line(settled):
        line.append(" · ", style="dim")
        line.append(text, style=style)
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
