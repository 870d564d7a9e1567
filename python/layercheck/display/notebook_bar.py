"""The bar for `progress=True` in a notebook: one output that is replaced until the run ends.

It needs IPython alone, which every kernel has. The bars of tqdm and rich are widgets, and these show nothing
where the front end lacks the extension for them, or where the notebook is opened later.
"""

from __future__ import annotations

import importlib
import sys
import uuid
from html import escape
from typing import Any

from layercheck.display import wording
from layercheck.display.colours import COLOURS
from layercheck.display.plain_lines import checking_line
from layercheck.types import Progress


def in_notebook() -> bool:
    """True in a Jupyter kernel; IPython on a terminal has no kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class NotebookBar:
    """The callback of `progress=True` in a notebook."""

    def __init__(self) -> None:
        self._display: Any = importlib.import_module("IPython.display").display
        self._id = f"layercheck-{uuid.uuid4().hex}"
        self._shown = False

    def __call__(self, progress: Progress) -> None:
        """See `layercheck.types.ProgressCallback`."""
        forms = {"text/plain": checking_line(progress), "text/html": html(progress)}
        self._display(forms, raw=True, display_id=self._id, update=self._shown)
        self._shown = True


def html(progress: Progress) -> str:
    """The state of a run as a bar and a line. Styles are inline, so that no style sheet changes it."""
    done, total = progress.settled, progress.unique
    share = 100.0 if total == 0 else 100 * done / total
    parts = "".join(
        f'<div style="flex:{count};background:{COLOURS[word]}"></div>'
        for word, count in wording.settled(progress.counts).items()
        if count
    )
    return (
        '<div style="font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;color:inherit;'
        'max-width:60em;text-align:left">'
        f'<div role="progressbar" aria-valuenow="{share:.0f}" aria-valuemin="0" aria-valuemax="100" '
        'style="height:8px;border-radius:4px;overflow:hidden;background:rgba(128,128,128,.25)">'
        f'<div style="display:flex;height:100%;width:{share:.2f}%">{parts}</div></div>'
        f"<div>{escape(checking_line(progress))}</div></div>"
    )
