"""`canonical` and `attach`: join rows with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from layercheck.parts.join_rows import ADDED, KEY, added_columns, canonical_column, filled_verdicts
from layercheck.shard.arguments import kind_of
from layercheck.shard.table import arrow, schema

if TYPE_CHECKING:
    import dask.dataframe as dd


def canonical(column: dd.Series, *, raw: bool = False, strict: bool = False) -> dd.Series:
    """Return the 32 bytes of each row's digest, null where a row has none: one value for every spelling.

    Args:
        column: A Dask Series of text, or of bytes with `raw`.
        raw: Bytes are raw digests.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.

    Returns:
        A lazy Dask Series of `binary[pyarrow]`, for joins. It asks nothing.

    Raises:
        TypeError: `column` is something else.
    """
    import dask.dataframe as dd
    import pandas as pd

    if not isinstance(column, dd.Series):
        raise TypeError(f"column is a {kind_of(column)}; expected a Dask Series, such as frame['digest']")
    meta = pd.Series([], dtype=pd.ArrowDtype(arrow().binary()), name=column.name)
    return column.map_partitions(_canonical, raw, strict, meta=meta)


def attach(
    frame: dd.DataFrame,
    verdicts: dd.DataFrame,
    *,
    column: str = "digest",
    raw: bool = False,
    strict: bool = False,
    columns: Sequence[str] = ADDED,
) -> dd.DataFrame:
    """Return the rows of a frame, each with its verdict.

    Args:
        frame: Rows with a column of digests in any spelling.
        verdicts: What `audit`, `read` or `verdicts` returned. If a digest has several lines, because tables
            were put together, one of them counts.
        column: The column with the digests.
        raw: Bytes are raw digests.
        strict: Accept one spelling only.
        columns: Which columns the rows get; `verdict` is always one of them.

    Returns:
        A lazy Dask DataFrame with all rows, in any order: their columns, and `verdict`, `size`, `media_type`,
        `code`, `reason`, `asked_at`. A row without a digest is `invalid`, one whose digest has no line in the
        table is `not_checked`; `verdict` is never null.

    Raises:
        TypeError: `frame` or `verdicts` is not a Dask DataFrame.
        InvalidParameterError: The frame lacks the column, or has a column of one of these names; or the
            table lacks one.
    """
    for name, given in (("frame", frame), ("verdicts", verdicts)):
        _check_frame(name, given)
    added = added_columns(list(frame.columns), column, columns, list(verdicts.columns))
    left = frame.assign(**{KEY: canonical(frame[column], raw=raw, strict=strict)})
    right = verdicts.assign(**{KEY: canonical(verdicts["digest"])})[[KEY, *added]]
    # Equal keys meet in one partition, as they do for the join.
    right = right.drop_duplicates(subset=[KEY], split_out=right.npartitions)
    joined = left.merge(right, on=KEY, how="left")
    kept = [*frame.columns, *added]
    return joined.map_partitions(_filled, kept, added, meta=joined._meta[kept])


def _check_frame(name: str, given: object) -> None:
    import dask.dataframe as dd

    if not isinstance(given, dd.DataFrame):
        raise TypeError(
            f"{name} is a {kind_of(given)}; expected a Dask DataFrame, which dask.dataframe.from_pandas "
            "makes of a pandas DataFrame"
        )


def _canonical(series: Any, raw: bool, strict: bool) -> Any:
    import pandas as pd

    values = canonical_column(arrow().Array.from_pandas(series), raw=raw, strict=strict)
    return pd.Series(pd.arrays.ArrowExtensionArray(values), index=series.index, name=series.name)


def _filled(joined: Any, columns: list[str], added: list[str]) -> Any:
    import pandas as pd

    # Dask's shuffle between workers gives a partition without lines, and columns of nulls, other types.
    values = {name: arrow().array(joined[name], from_pandas=True) for name in [KEY, *added]}
    values["verdict"] = filled_verdicts(values["verdict"], values[KEY])
    typed = {
        name: pd.Series(
            pd.arrays.ArrowExtensionArray(values[name].cast(schema().field(name).type)), index=joined.index
        )
        for name in added
    }
    return joined.assign(**typed)[columns]
