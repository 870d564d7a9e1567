"""The verdict table of an audit as a Dask DataFrame."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from layercheck.parts.ask_parts import VerdictFile
from layercheck.parts.files import Files
from layercheck.parts.layout import VerdictFiles, read_verdicts, verdict_files
from layercheck.shard import schema

if TYPE_CHECKING:
    import dask.dataframe as dd


def read(path: str | os.PathLike[str]) -> dd.DataFrame:
    """Return the verdict table of an audit as a Dask DataFrame, as far as it is done.

    Args:
        path: The path that was given to `audit`.

    Raises:
        JournalError: No audit began there, or its files are not whole.
    """
    files = Files.at(path)
    return table_of(files, verdict_files(files))


def table_of(files: Files, found: VerdictFiles) -> dd.DataFrame:
    """Return the verdicts in some files of a run as a Dask DataFrame."""
    import dask.dataframe as dd

    listed = [*found.slices, *found.last]
    final_only = [bool(found.last)] * len(found.slices) + [False] * len(found.last)
    if not listed:
        return dd.from_pandas(frame_of(schema().empty_table()), npartitions=1)
    meta = frame_of(schema().empty_table())
    return dd.from_map(_read, listed, final_only, path=files.path, meta=meta)


def frame_of(table: Any) -> Any:
    """Return a verdict table as a pandas frame of Arrow types, so that sizes stay int64 beside nulls."""
    import pandas as pd

    return table.replace_schema_metadata().to_pandas(types_mapper=pd.ArrowDtype)


def _read(file: VerdictFile, final_only: bool, *, path: str) -> Any:
    return frame_of(read_verdicts(path, file, final_only=final_only))
