"""The verdict table of an audit as a Dataset of Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from layercheck.parts.files import Files
from layercheck.parts.layout import read_verdicts, verdict_files
from layercheck.shard import schema
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    from ray.data import Dataset


def read(path: str | os.PathLike[str]) -> Dataset:
    """Return the verdict table of an audit as a Dataset, as far as it is done.

    Args:
        path: The path that was given to `audit`.

    Raises:
        JournalError: No audit began there.
    """
    import ray.data

    files = Files.at(path)
    found = verdict_files(files)
    names = [*found.slices, *found.last]
    if not names:
        return ray.data.from_arrow(schema().empty_table())
    final_only = [bool(found.last)] * len(found.slices) + [False] * len(found.last)
    listed_files = arrow().table({"file": [files.url(name) for name in names], "final_only": final_only})
    # Not by `read_parquet`, which takes the folders `slice=0001` for a column, and whose threads can fail
    # with an ImportError where aiohttp is not installed (Ray 2.60).
    parts = [listed_files.slice(at, 1) for at in range(len(names))]
    return ray.data.from_arrow(parts).map_batches(_read, batch_format="pyarrow", batch_size=None)


def _read(block: Any) -> Iterator[Any]:
    for line in block.to_pylist():
        yield read_verdicts(line["file"], final_only=line["final_only"])
