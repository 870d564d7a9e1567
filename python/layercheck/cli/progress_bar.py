"""The command's progress bar, in a module of its own so that a run without a bar does not load rich."""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import TaskID
from rich.text import Text

from layercheck.display.terminal import Terminal, TwoLines
from layercheck.display.wording import bytes_text
from layercheck.redact import visible
from layercheck.types import Progress


class ProgressBar:
    """A context that shows reading in bytes, then checking in digests, and removes the bar at its end."""

    def __init__(self) -> None:
        self.console = Terminal(stderr=True)
        self._bar = TwoLines(self.console, auto_refresh=True, transient=True)
        self._task: TaskID | None = None
        self._checking = False
        self._bytes = 0
        self._total: int | None = None
        self._started = time.monotonic()

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def reading(self, total: int | None) -> None:
        """Reading of `total` bytes begins; None if the size is unknown."""
        self._total = total or None
        self._started = time.monotonic()
        self._task = self._bar.add_task("reading", total=self._total, numbers="")

    def on_bytes(self, count: int) -> None:
        """`count` more bytes were read."""
        if self._task is None:
            return
        self._bytes += count
        seconds = time.monotonic() - self._started
        speed = f"{bytes_text(self._bytes / seconds)}/s" if seconds > 0.2 else ""
        numbers = f"{bytes_text(self._bytes)}  {speed}"
        self._bar.update(self._task, completed=self._bytes, numbers=numbers)

    def on_progress(self, progress: Progress) -> None:
        """The progress callback of `Checker.check`."""
        if self._task is not None and not self._checking:
            self._bar.remove_task(self._task)
            self._task = None
        if self._task is None:
            self._checking = True
            self._task = self._bar.add_task("checking", total=progress.unique, numbers="")
        self._bar.show(self._task, progress)

    def note(self, text: str) -> None:
        """Writes one line above the bar."""
        lines = "\n".join(visible(line) for line in text.split("\n"))
        self._bar.console.print(Text(f"layercheck: {lines}"), soft_wrap=True)
