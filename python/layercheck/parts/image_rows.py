"""The repositories of a check of images, out of what an engine takes as a table."""

from __future__ import annotations

from typing import Any

from layercheck.errors import InvalidParameterError
from layercheck.parts.pieces import batches_of, listed
from layercheck.shard.table import arrow

COLUMNS = ("registry_id", "region", "repository")
"""The columns of such a table. The first two may be missing."""

Row = tuple[Any, Any, Any]


def rows_of(table: Any) -> list[Row] | None:
    """Return the rows of a table that is not of an engine; None if it is none of these.

    Args:
        table: The path of a Parquet file or of a folder with such files, a list of paths or of Arrow tables,
            a dataset of pyarrow, an Arrow table, or a pandas frame.

    Raises:
        InvalidParameterError: It has no column `repository`.
        TypeError: A column is not text.
    """
    pieces = listed(table)
    if pieces is None:
        return None
    return [row for piece in pieces for batch in batches_of(piece, None) for row in rows_of_batch(batch)]


def rows_of_batch(batch: Any) -> list[Row]:
    """Return the rows of an Arrow table or record batch; see `rows_of`."""
    names = batch.schema.names
    check_columns(names)
    columns = []
    for name in COLUMNS:
        if name not in names:
            columns.append([None] * batch.num_rows)
            continue
        column = batch.column(name)
        if not _is_text(column.type):
            raise TypeError(
                f"the column {name!r} is {column.type}; expected text, as '012345678901' for an account"
            )
        columns.append(column.to_pylist())
    return list(zip(*columns, strict=True))


def check_columns(names: list[str]) -> None:
    """Refuse a table that names no repositories.

    Raises:
        InvalidParameterError: It has no column `repository`.
    """
    if "repository" not in names:
        shown = ", ".join(repr(str(name)[:80]) for name in names[:20])
        raise InvalidParameterError(
            f"no column 'repository'; there are {shown or 'none'}, and expected are repository, and if there "
            "are several accounts or regions registry_id and region"
        )


def _is_text(kind: Any) -> bool:
    types = arrow().types
    while types.is_dictionary(kind):
        kind = kind.value_type
    views = getattr(types, "is_string_view", lambda _: False)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind) or views(kind))
