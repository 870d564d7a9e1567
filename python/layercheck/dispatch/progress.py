"""What `progress=` may be: a callback, True for a bar, or nothing."""

from __future__ import annotations

from typing import Any

from layercheck.types import Progress, ProgressCallback


def as_callback(progress: object) -> ProgressCallback | None:
    """The callback for `progress=`; None if there is nothing to call.

    True is a tqdm bar, in a notebook or a terminal, and nothing where tqdm is not installed.

    Raises:
        TypeError: Neither a callable nor a bool nor None.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return _bar()
    if callable(progress):
        return progress
    raise TypeError(f"progress is a {type(progress).__name__}; expected a callable, True or None")


def _bar() -> ProgressCallback | None:
    try:
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
            calls=state.calls, missing=state.counts.get("unavailable", 0), throttled=state.throttles
        )
        if state.done:
            bar.close()

    return show
