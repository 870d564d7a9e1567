"""The argument `progress`: a callback, True for a bar, or None."""

from __future__ import annotations

from layercheck.display.animation import can_animate
from layercheck.display.notebook_bar import NotebookBar, in_notebook
from layercheck.display.plain_lines import PlainLines, to_stderr
from layercheck.types import Progress, ProgressCallback


def as_callback(progress: object) -> ProgressCallback | None:
    """The callback for the argument `progress`; None if there is nothing to call.

    True shows a bar in a notebook and on a terminal. Elsewhere, for instance in a log file, it writes a line
    to standard error every 30 seconds.

    Raises:
        TypeError: The argument is not a callable, a bool or None.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return _shown()
    if callable(progress):
        return progress
    raise TypeError(f"progress is a {type(progress).__name__}; expected a callable, True or None")


def _shown() -> ProgressCallback:
    if in_notebook():
        return _until_it_fails(NotebookBar())
    if can_animate():
        from layercheck.display.terminal import CheckBar

        return _until_it_fails(CheckBar())
    return PlainLines(to_stderr)


def _until_it_fails(bar: ProgressCallback) -> ProgressCallback:
    """The bar, until it raises, because a terminal that was closed must not end the run."""
    failed = False

    def show(progress: Progress) -> None:
        nonlocal failed
        if not failed:
            try:
                bar(progress)
            except Exception:  # noqa: BLE001 - whatever the terminal or the notebook raises
                failed = True

    return show
