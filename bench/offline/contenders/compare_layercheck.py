"""`lc.diff`, as a user calls it."""

from __future__ import annotations

import pyarrow.ipc
import pyarrow.parquet  # noqa: F401 - imported here, so that no trial measures it

import layercheck as lc
from offline.data.comparisons import answer

__all__ = ["answer", "compare"]


def compare(files: list[str]) -> tuple[dict[str, int], list[str]]:
    changes = lc.diff(*files)
    return changes.counts, changes.digests("vanished")
