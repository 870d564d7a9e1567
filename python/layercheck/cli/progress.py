"""What the command shows on standard error while it works: a progress bar, plain lines, or notes alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from layercheck.cli.exit_codes import say
from layercheck.display.plain_lines import PlainLines

if TYPE_CHECKING:
    from layercheck.types import Progress

ProgressStyle: TypeAlias = Literal["auto", "bar", "plain", "none"]
"""`--progress`. `auto` is the bar where standard error can show one, and plain lines elsewhere."""


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
    """A display of notes, and with `lines` of a plain line from time to time."""

    def __init__(self, *, quiet: bool = False, lines: PlainLines | None = None) -> None:
        self._quiet = quiet
        self._lines = lines

    def reading(self, total: int | None) -> None:
        """Reading of `total` bytes begins; None if the size is unknown."""
        if self._lines is not None:
            self._lines.reading(total)

    def on_bytes(self, count: int) -> None:
        """`count` more bytes were read."""
        if self._lines is not None:
            self._lines.on_bytes(count)

    def on_progress(self, progress: Progress) -> None:
        """The progress callback of `Checker.check`."""
        if self._lines is not None:
            self._lines(progress)

    def note(self, text: str) -> None:
        """Writes one line, unless `--quiet`."""
        if not self._quiet:
            say(text)


def display(*, quiet: bool, progress: ProgressStyle = "auto") -> AbstractContextManager[Display]:
    """The display that the options ask for; a bar only where standard error can show one."""
    if quiet or progress == "none":
        return nullcontext(NotesOnly(quiet=quiet))
    if progress != "plain":
        from layercheck.display.animation import can_animate

        if can_animate():
            from layercheck.cli.progress_bar import ProgressBar

            return ProgressBar()
    return nullcontext(NotesOnly(lines=PlainLines(say)))
