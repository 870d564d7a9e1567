"""The column of a Spark frame that holds the digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layercheck.errors import InvalidParameterError
from layercheck.redact import clean
from layercheck.shard.arguments import kind_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def digest_column(frame: DataFrame, column: str | Column, *, raw: bool) -> DataFrame:
    """Return a frame with one column, `digest`.

    Args:
        frame: Any frame that is not a stream.
        column: The name of the column, or an expression.
        raw: Binary values are raw digests.

    Raises:
        TypeError: `frame` is not a Spark frame, or `column` is neither a name nor an expression.
        InvalidParameterError: The frame has no such column, or it has a type that holds no digests.
    """
    check_frame("frame", frame)
    if frame.isStreaming:
        raise InvalidParameterError("frame is a stream; pass one batch of it, for instance in foreachBatch")
    return checked_column(frame, column, raw=raw)


def check_frame(name: str, frame: object) -> None:
    """Refuse what is not a frame of Spark.

    Raises:
        TypeError: It is something else.
    """
    if not hasattr(frame, "mapInArrow"):
        raise TypeError(
            f"{name} is a {kind_of(frame)}; expected a DataFrame of Spark 3.5 or newer, such as "
            "spark.createDataFrame makes"
        )


def expression(column: str | Column) -> Any:
    """Return the column as an expression of Spark.

    Raises:
        TypeError: It is neither a name nor an expression.
    """
    from pyspark.sql import functions

    if isinstance(column, str):
        return functions.col(column)
    # The class of Spark Connect is another one than pyspark.sql.Column, at least in Spark 3.5.
    if type(column).__name__ != "Column" or not type(column).__module__.startswith("pyspark.sql."):
        raise TypeError(f"column is a {kind_of(column)}; expected a name or a Column of Spark")
    return column


def checked_column(frame: DataFrame, column: str | Column, *, raw: bool) -> DataFrame:
    """Return a frame with one column, `digest`, of a frame that may be a stream.

    Args:
        frame: A frame of Spark.
        column: The name of the column, or an expression.
        raw: Binary values are raw digests.

    Raises:
        TypeError: `column` is neither a name nor an expression.
        InvalidParameterError: The frame has no such column, or it is neither a string nor, with `raw`,
            binary.
    """
    from pyspark.errors import AnalysisException

    try:
        rows = frame.select(expression(column).alias("digest"))
        kind = rows.schema[0].dataType.simpleString()  # Connect resolves names not before this
    except AnalysisException as error:
        raise _unresolved(frame, column, error) from None
    shown = column if isinstance(column, str) else "column"
    if kind == "binary" and not raw:
        raise InvalidParameterError(
            f"column {shown!r} is binary; pass raw=True if it holds raw digests of 32 bytes, or cast it to "
            "string"
        )
    if kind != "binary" and not kind.startswith(("string", "varchar", "char")):
        raise InvalidParameterError(
            f"column {shown!r} is {kind[:100]}; expected string, or binary with raw=True"
        )
    return rows


def _unresolved(frame: DataFrame, column: object, error: Any) -> InvalidParameterError:
    """Return what to raise where Spark does not know a column."""
    there = ", ".join(repr(name[:80]) for name in frame.columns[:20]) or "none"
    if isinstance(column, str) and str(error).startswith("[UNRESOLVED_COLUMN"):
        return InvalidParameterError(f"no column {column!r}; there are {there}")
    said = clean(str(error).partition("\n")[0].partition(" SQLSTATE")[0], 300)
    shown = repr(column) if isinstance(column, str) else clean(str(column), 200)
    return InvalidParameterError(f"column {shown} cannot be read: {said}; there are {there}")
