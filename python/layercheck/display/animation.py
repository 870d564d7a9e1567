"""Whether standard error can show a bar. Loads no library, because most runs in scripts show none."""

from __future__ import annotations

import os
import sys

NARROWEST = 40
"""Columns that any output gets. A narrower terminal breaks the lines itself, and shows no bar."""


def can_animate() -> bool:
    """Whether standard error is a terminal that can redraw lines and has room for a bar."""
    try:
        if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM", "") in {"", "dumb"}:
            return False
        columns = given_number("COLUMNS") or os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return False
    # A terminal that says 0 does not know its width.
    return not 0 < columns < NARROWEST


def given_number(name: str) -> int | None:
    """The positive number in an environment variable such as COLUMNS; None for anything else."""
    text = os.environ.get(name, "")[:9]
    return int(text) or None if text.isascii() and text.isdecimal() else None
