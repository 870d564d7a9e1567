"""The argument `progress`: a callback, True for a bar, or None."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from layercheck.types import Progress, ProgressCallback


def as_callback(progress: object) -> ProgressCallback | None:
    """The callback for the argument `progress`; None if there is nothing to call.

    True shows tqdm's bar in a notebook if tqdm is installed, and rich's bar on a terminal. Elsewhere, for
    instance in a log file, it shows nothing.

    Raises:
        TypeError: The argument is not a callable, a bool or None.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return _bar()
    if callable(progress):
        return progress
    raise TypeError(f"progress is a {type(progress).__name__}; expected a callable, True or None")


def _bar() -> ProgressCallback | None:
    if _in_notebook():
        return _notebook_bar()
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM", "") in {"", "dumb"}:
        return None
    from layercheck.display.terminal import CheckBar

    return CheckBar()


def _in_notebook() -> bool:
    """True in a Jupyter kernel, by the same test as tqdm's; IPython on a terminal has no kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _notebook_bar() -> ProgressCallback | None:
    try:
        with warnings.catch_warnings():
            # Without ipywidgets, tqdm warns and then shows a text bar.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError:
        return None
    bar: Any = None

    def show(state: Progress) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=state.unique, unit=" digests", unit_scale=True, desc="layercheck")
        bar.update(state.settled - bar.n)
        bar.set_postfix(
            calls_per_s=round(state.calls_per_second),
            missing=state.counts.get("unavailable", 0),
            throttled=state.throttles,
        )
        if state.done:
            bar.close()

    return show
