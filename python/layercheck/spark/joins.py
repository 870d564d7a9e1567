"""`canonical` and `attach`: from rows of any spelling to their line of the verdict table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from layercheck.errors import InvalidParameterError
from layercheck.parts.join_rows import column_names
from layercheck.spark import tasks
from layercheck.spark.input_column import check_frame, checked_column, expression

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_KEY = "_layercheck_digest"
_ADDED = ("verdict", "size", "media_type", "code", "reason", "asked_at")


def canonical(column: str | Column, *, raw: bool = False, strict: bool = False) -> Column:
    """Return the 32 bytes of each digest, or null for a row without a digest.

    It is pure: use it to join and to group rows of mixed spelling. It asks nobody.

    Args:
        column: A column of strings, or binary.
        raw: Binary values are raw digests of 32 bytes; else they are text.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.

    Returns:
        A column of binary.

    Raises:
        TypeError: `column` is neither a name nor an expression.

    Examples:
        >>> from layercheck import spark as lcs
        >>> layers.groupBy(lcs.canonical("digest")).count()  # doctest: +SKIP
    """
    from pyspark.sql import functions

    arrow_udf = getattr(functions, "arrow_udf", None)  # Spark 4.1 and newer
    function = _of_arrow(raw, strict) if arrow_udf is not None else _of_pandas(raw, strict)
    udf = (arrow_udf or functions.pandas_udf)(function, "binary")
    made: Column = udf(expression(column))
    return made


def attach(
    frame: DataFrame,
    verdicts: DataFrame,
    *,
    column: str | Column = "digest",
    raw: bool = False,
    strict: bool = False,
    columns: Sequence[str] = _ADDED,
) -> DataFrame:
    """Return every row of a frame with its verdict: each row once, and never a null verdict.

    A row without a digest is `invalid`. A digest without a line in the table is `not_checked`.

    Args:
        frame: Rows of any spelling.
        verdicts: What `audit` returned. If a digest has several lines, one of them counts.
        column: The column with the digests: a name, or an expression.
        raw: Binary values are raw digests, as they were for `audit`.
        strict: As it was for `audit`.
        columns: The columns to add, `verdict` among them.

    Returns:
        The frame with these columns behind its own.

    Raises:
        TypeError: `frame` or `verdicts` is not a Spark frame, or `column` is neither a name nor an
            expression.
        InvalidParameterError: The frame lacks the column or has one of such a name already, or the table has
            none.

    Examples:
        >>> from layercheck import spark as lcs
        >>> lcs.attach(layers, table, columns=["verdict"]).show()  # doctest: +SKIP
    """
    from pyspark.sql import functions

    check_frame("frame", frame)
    check_frame("verdicts", verdicts)
    checked_column(frame, column, raw=raw)
    columns = column_names(columns)
    _check_names(frame, verdicts, columns)
    rows = frame.withColumn(_KEY, canonical(column, raw=raw, strict=strict))
    digest = functions.unhex(functions.expr("substring(digest, 8)"))
    lines = verdicts.select(digest.alias(_KEY), *columns).dropDuplicates([_KEY])
    found = rows.join(lines, on=_KEY, how="left")
    verdict = (
        functions.when(functions.col(_KEY).isNull(), functions.lit("invalid"))
        .when(functions.col("verdict").isNull(), functions.lit("not_checked"))
        .otherwise(functions.col("verdict"))
    )
    return found.withColumn("verdict", verdict).drop(_KEY)


def _check_names(frame: DataFrame, verdicts: DataFrame, columns: Sequence[str]) -> None:
    if "verdict" not in columns:
        raise InvalidParameterError(f"columns is {columns!r}; expected names with 'verdict' among them")
    lacking = [name for name in ("digest", *columns) if name not in verdicts.columns]
    if lacking:
        raise InvalidParameterError(
            f"the verdict table has no column {lacking[0]!r}; pass what audit or verdicts returned"
        )
    own = {name.lower() for name in frame.columns}
    taken = [name for name in columns if name.lower() in own]
    if taken:
        raise InvalidParameterError(
            f"the frame has a column {taken[0]!r} already; rename it, or pass columns= without it"
        )


def _of_arrow(raw: bool, strict: bool) -> Any:
    import pyarrow as pa

    def canonical(column: pa.Array) -> pa.Array:
        return tasks.raw_digests(column, raw=raw, strict=strict)

    canonical.__annotations__ = {"column": pa.Array, "return": pa.Array}  # Spark reads them
    return canonical


def _of_pandas(raw: bool, strict: bool) -> Any:
    import pandas as pd
    import pyarrow as pa

    def canonical(column: pd.Series) -> pd.Series:
        # Spark 3.5 hands bytes in one column and text in another as objects, and pyarrow tells them apart.
        digests = tasks.raw_digests(pa.array(column, from_pandas=True), raw=raw, strict=strict)
        return pd.Series(digests.to_pylist(), dtype=object)

    canonical.__annotations__ = {"column": pd.Series, "return": pd.Series}
    return canonical
