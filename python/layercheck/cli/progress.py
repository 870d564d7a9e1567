"""The progress bar on standard error: how far, how fast, which verdicts, how much longer."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from layercheck.cli.exit_codes import say

if TYPE_CHECKING:
    from layercheck.types import Progress


class Display(Protocol):
    """What the command tells about a run while it goes on."""

    def reading(self, total: int | None) -> None:
        """Reading of `total` bytes begins; None if the size cannot be known."""

    def on_bytes(self, count: int) -> None:
        """So many more bytes are read."""

    def on_progress(self, progress: Progress) -> None:
        """The callback for `Checker.check`."""

    def note(self, text: str) -> None:
        """One line on standard error, above the bar if there is one."""


class Silent:
    """No bar: `--quiet`, `--no-progress`, or standard error is not a terminal that can show one."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def reading(self, total: int | None) -> None:
        """Nothing to show."""

    def on_bytes(self, count: int) -> None:
        """Nothing to show."""

    def on_progress(self, progress: Progress) -> None:
        """Nothing to show."""

    def note(self, text: str) -> None:
        """One plain line, unless `--quiet`."""
        if not self._quiet:
            say(text)


def can_animate() -> bool:
    """Whether standard error is a terminal on which lines can be drawn over."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def display(*, quiet: bool, no_progress: bool) -> AbstractContextManager[Display]:
    """The bar, or something silent in its place."""
    if quiet or no_progress or not can_animate():
        return nullcontext(Silent(quiet=quiet))
    from layercheck.cli.progress_bar import Bar

    return Bar()
