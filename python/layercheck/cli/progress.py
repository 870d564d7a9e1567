"""What the command shows on standard error while it works: a progress bar, or plain notes."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from layercheck.cli.exit_codes import say

if TYPE_CHECKING:
    from layercheck.types import Progress


class Display(Protocol):
    """Shows the state of a run while it goes on."""

    def reading(self, total: int | None) -> None:
        """Reading of `total` bytes begins; None if the size is unknown."""

    def on_bytes(self, count: int) -> None:
        """`count` more bytes were read."""

    def on_progress(self, progress: Progress) -> None:
        """The progress callback of `Checker.check`."""

    def note(self, text: str) -> None:
        """Writes one line to standard error, above the bar if there is one."""


class NotesOnly:
    """A display without a bar, for `--quiet`, `--no-progress` or a standard error that cannot show one."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def reading(self, total: int | None) -> None:
        """Shows nothing."""

    def on_bytes(self, count: int) -> None:
        """Shows nothing."""

    def on_progress(self, progress: Progress) -> None:
        """Shows nothing."""

    def note(self, text: str) -> None:
        """Writes one line, unless `--quiet`."""
        if not self._quiet:
            say(text)


def can_animate() -> bool:
    """Whether standard error is a terminal that can redraw lines."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def display(*, quiet: bool, no_progress: bool) -> AbstractContextManager[Display]:
    """The progress bar, or the display without a bar."""
    if quiet or no_progress or not can_animate():
        return nullcontext(NotesOnly(quiet=quiet))
    from layercheck.cli.progress_bar import ProgressBar

    return ProgressBar()
