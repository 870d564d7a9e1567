"""`lc.diff`, as a user would call it."""

from __future__ import annotations

import pyarrow.ipc
import pyarrow.parquet  # noqa: F401 - importing it is not part of what is measured

import layercheck as lc
from offline.data.comparisons import answer

__all__ = ["answer", "compare"]


def compare(files: list[str]) -> tuple[dict[str, int], list[str]]:
    changes = lc.diff(*files)
    return changes.counts, changes.digests("vanished")
