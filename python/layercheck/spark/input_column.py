"""The column of a Spark frame that holds the digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layercheck.errors import InvalidParameterError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def digest_column(frame: DataFrame, column: str | Column, *, raw: bool) -> DataFrame:
    """Return a frame with one column, `digest`.

    Args:
        frame: Any frame that is not a stream.
        column: The name of the column, or an expression.
        raw: Binary values are raw digests.

    Raises:
        TypeError: `frame` is not a Spark frame.
        InvalidParameterError: The column has a type that holds no digests.
    """
    from pyspark.sql import functions

    if not hasattr(frame, "mapInArrow"):
        raise TypeError(f"frame is a {type(frame).__name__}; expected a DataFrame of Spark 3.5 or newer")
    if frame.isStreaming:
        raise InvalidParameterError("frame is a stream; pass one batch of it, for instance in foreachBatch")
    chosen = functions.col(column) if isinstance(column, str) else column
    rows = frame.select(chosen.alias("digest"))
    check_type(rows, shown=column if isinstance(column, str) else "column", raw=raw)
    return rows


def check_type(rows: DataFrame, *, shown: str, raw: bool) -> None:
    """Refuse a column that holds no digests.

    Args:
        rows: A frame whose first column it is.
        shown: The name that the caller gave.
        raw: Binary values are raw digests.

    Raises:
        InvalidParameterError: The column is neither a string nor, with `raw`, binary.
    """
    kind = rows.schema[0].dataType.simpleString()
    if kind == "binary" and not raw:
        raise InvalidParameterError(
            f"column {shown!r} is binary; pass raw=True if it holds raw digests of 32 bytes, or cast it to "
            "string"
        )
    if kind != "binary" and not kind.startswith(("string", "varchar", "char")):
        raise InvalidParameterError(
            f"column {shown!r} is {kind[:100]}; expected string, or binary with raw=True"
        )
