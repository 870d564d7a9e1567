"""The bar itself; apart from `progress` so that a run without one does not load rich for it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from layercheck.cli import progress as words
from layercheck.types import Progress as Standing


class _TwoLines(Progress):
    """A bar with a second line under it."""

    below: Text | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.below is not None:
            yield self.below


class Bar:
    """Reading first, by bytes; then checking, by digests. Gone from the screen when left."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._bar = _TwoLines(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=self.console,
            transient=True,
            refresh_per_second=8,
            expand=True,
        )
        self._task: TaskID | None = None
        self._checking = False
        self._bytes = 0
        self._total: int | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def reading(self, total: int | None) -> None:
        """Reading of `total` bytes begins; None if the size cannot be known."""
        self._total = total or None
        self._started = time.monotonic()
        self._task = self._bar.add_task("reading", total=self._total, numbers="")

    def on_bytes(self, count: int) -> None:
        """So many more bytes are read."""
        if self._task is None:
            return
        self._bytes += count
        seconds = time.monotonic() - self._started
        speed = f"{_size(self._bytes / seconds)}/s" if seconds > 0.2 else ""
        numbers = f"{_size(self._bytes)}  {speed}"
        self._bar.update(self._task, completed=self._bytes, numbers=numbers)

    def on_progress(self, progress: Standing) -> None:
        """The callback for `Checker.check`."""
        numbers = f"{progress.settled:,} of {progress.unique:,} digests"
        left = _time_left(progress)
        if left:
            numbers += f"  {left} left"
        if self._task is not None and not self._checking:
            self._bar.remove_task(self._task)
            self._task = None
        if self._task is None:
            self._checking = True
            self._task = self._bar.add_task("checking", total=progress.unique, numbers="")
        self._bar.below = _below(progress)
        self._bar.update(self._task, completed=progress.settled, numbers=numbers)

    def note(self, text: str) -> None:
        """One line above the bar."""
        self._bar.console.print(Text(f"layercheck: {text}"), soft_wrap=True)


def _below(progress: Standing) -> Text:
    line = Text("  ")
    speed = progress.requests / progress.seconds if progress.seconds > 0 else 0.0
    line.append(f"{speed:,.0f} calls/s")
    if progress.throttles:
        line.append(f", {progress.throttles:,} throttled", style="yellow")
    # Digests that wait for their turn are what is left of the bar; counting them again says nothing.
    settled = {word: count for word, count in progress.counts.items() if word != "not_checked"}
    for text, style in words.counts_line(settled):
        line.append(" · ", style="dim")
        line.append(text, style=style)
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line


def _time_left(progress: Standing) -> str:
    # The first second says little about the rest.
    if progress.seconds < 1 or not progress.settled or progress.settled >= progress.unique:
        return ""
    seconds = (progress.unique - progress.settled) * progress.seconds / progress.settled
    # An estimate has no tenths.
    return f"{seconds:.0f} s" if seconds < 59.5 else duration(seconds)


def duration(seconds: float) -> str:
    """Seconds for a person.

    Examples:
        >>> [duration(s) for s in (0.004, 0.04, 7.25, 83, 7300)]
        ['under 0.01 s', '0.04 s', '7.2 s', '1 min 23 s', '2 h 1 min']
    """
    if 0 < seconds < 0.01:
        return "under 0.01 s"
    if seconds < 0.1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
