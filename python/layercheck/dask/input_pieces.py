"""What an audit on Dask takes as a table, in pieces."""

from __future__ import annotations

from typing import Any

from layercheck.parts.pieces import listed
from layercheck.shard.arguments import kind_of


def pieces_of(table: Any, column: str) -> list[Any]:
    """Return the pieces of the input, as `ListedPieces` takes them.

    Raises:
        ValueError: A frame lacks the column.
        TypeError: `table` is something else.
    """
    import dask

    if hasattr(table, "to_delayed") and hasattr(table, "to_frame"):  # a Series, which has columns too
        return list(table.to_frame(name=column).to_delayed())
    if hasattr(table, "to_delayed") and hasattr(table, "columns"):
        if column not in table.columns:
            shown = ", ".join(repr(str(name)[:80]) for name in list(table.columns)[:20])
            raise ValueError(f"no column {column!r}; there are {shown or 'none'}")
        return list(table[[column]].to_delayed())
    if dask.is_dask_collection(table):
        return [table]
    found = listed(table)
    if found is None:
        raise TypeError(
            f"table is a {kind_of(table)}; expected a Dask or pandas DataFrame, paths of Parquet files, a "
            "dataset of pyarrow, an Arrow table, or a list of such tables, delayed values or futures"
        )
    return found
