"""The verdict table of an audit as a Dataset of Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from layercheck.parts.ask_parts import VerdictFile
from layercheck.parts.files import Files
from layercheck.parts.layout import VerdictFiles, read_verdicts, verdict_files
from layercheck.shard import schema
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    from ray.data import Dataset


def read(path: str | os.PathLike[str]) -> Dataset:
    """Return the verdict table of an audit as a Dataset, as far as it is done.

    Args:
        path: The path that was given to `audit`.

    Raises:
        JournalError: No audit began there, or its files are not whole.
    """
    files = Files.at(path)
    return table_of(files, verdict_files(files))


def table_of(files: Files, found: VerdictFiles) -> Dataset:
    """Return the verdicts in some files of a run as a Dataset."""
    import ray.data

    listed = [*found.slices, *found.last]
    if not listed:
        return ray.data.from_arrow(schema().empty_table())
    final_only = [bool(found.last)] * len(found.slices) + [False] * len(found.last)
    rows = [{**asdict(file), "final_only": only} for file, only in zip(listed, final_only, strict=True)]
    table = arrow().Table.from_pylist(rows)
    # Not by `read_parquet`, which takes the folders `slice=0001` for a column, and whose threads can fail
    # with an ImportError where aiohttp is not installed (Ray 2.60).
    parts = [table.slice(at, 1) for at in range(len(listed))]
    return ray.data.from_arrow(parts).map_batches(
        _read, batch_format="pyarrow", batch_size=None, fn_args=(files.path,)
    )


def _read(block: Any, path: str) -> Iterator[Any]:
    for line in block.to_pylist():
        final_only = line.pop("final_only")
        yield read_verdicts(path, VerdictFile(**line), final_only=final_only)
