"""What `layercheck images` shows on standard error while it works."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from layercheck.cli.exit_codes import say
from layercheck.cli.progress import ProgressStyle
from layercheck.display.plain_lines import INTERVAL_S
from layercheck.images.progress_display import ImageStatusLine, progress_line

if TYPE_CHECKING:
    from layercheck.images.image_progress import ImageProgress


class ImagesDisplay(Protocol):
    """Shows the state of a check of images."""

    def on_progress(self, progress: ImageProgress) -> None:
        """The progress callback of `ImageChecker.check`."""

    def note(self, text: str) -> None:
        """Writes one line to standard error."""


class _Lines:
    """Notes, and a plain line from time to time."""

    def __init__(self, *, quiet: bool, lines: bool) -> None:
        self._quiet = quiet
        self._lines = lines
        self._due = time.monotonic() + INTERVAL_S

    def on_progress(self, progress: ImageProgress) -> None:
        if self._lines and not progress.done and time.monotonic() >= self._due:
            self._due = time.monotonic() + INTERVAL_S
            say(progress_line(progress))

    def note(self, text: str) -> None:
        if not self._quiet:
            say(text)


class _Status(ImageStatusLine):
    """One line with a spinner that follows the check, with lines above it."""

    def on_progress(self, progress: ImageProgress) -> None:
        self(progress)

    def note(self, text: str) -> None:
        from rich.text import Text

        from layercheck.redact import visible

        self.console.print(Text(f"layercheck: {visible(text)}"), soft_wrap=True)


def images_display(*, quiet: bool, progress: ProgressStyle) -> AbstractContextManager[ImagesDisplay]:
    """The display that the options ask for."""
    if quiet or progress == "none":
        return nullcontext(_Lines(quiet=quiet, lines=False))
    if progress != "plain":
        from layercheck.display.animation import can_animate

        if can_animate():
            return _Status()
    return nullcontext(_Lines(quiet=False, lines=True))
