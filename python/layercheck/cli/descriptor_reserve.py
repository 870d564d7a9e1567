"""Descriptors that the command keeps for its end, so that a finished run can be written."""

from __future__ import annotations

import contextlib
import os

_COUNT = 6
"""The report and its temporary file, a pipe, the folder, and two more for a library that writes the file."""


class DescriptorReserve:
    """Holds descriptors from its making until `release`; fewer if the process gets no more."""

    def __init__(self) -> None:
        self._held: list[int] = []
        with contextlib.suppress(OSError):
            for _ in range(_COUNT):
                self._held.append(os.open(os.devnull, os.O_RDONLY))

    def release(self) -> None:
        """Close them. Safe to repeat."""
        while self._held:
            os.close(self._held.pop())
