"""The verdict table of an audit as a Dask DataFrame."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from layercheck.parts.files import Files
from layercheck.parts.layout import read_verdicts, verdict_files
from layercheck.shard import schema

if TYPE_CHECKING:
    import dask.dataframe as dd


def read(path: str | os.PathLike[str]) -> dd.DataFrame:
    """Return the verdict table of an audit as a Dask DataFrame, as far as it is done.

    Args:
        path: The path that was given to `audit`.

    Raises:
        JournalError: No audit began there.
    """
    import dask.dataframe as dd

    files = Files.at(path)
    found = verdict_files(files)
    names = [*found.slices, *found.last]
    final_only = [bool(found.last)] * len(found.slices) + [False] * len(found.last)
    if not names:
        return dd.from_pandas(frame_of(schema().empty_table()), npartitions=1)
    urls = [files.url(name) for name in names]
    return dd.from_map(_read, urls, final_only, meta=frame_of(schema().empty_table()))


def frame_of(table: Any) -> Any:
    """Return a verdict table as a pandas frame of Arrow types, so that sizes stay int64 beside nulls."""
    import pandas as pd

    return table.replace_schema_metadata().to_pandas(types_mapper=pd.ArrowDtype)


def _read(url: str, final_only: bool) -> Any:
    return frame_of(read_verdicts(url, final_only=final_only))
