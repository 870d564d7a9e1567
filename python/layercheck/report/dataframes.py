"""Plans and reports as tables of other libraries, each imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from layercheck.optional import imported

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from layercheck._core import PlanTable, RecordTable, Table


def pyarrow(purpose: str) -> Any:
    """Import pyarrow, or raise an error that says which `purpose` needs it."""
    return imported("pyarrow", purpose, extra="parquet")


def to_arrow(table: Table | PlanTable | RecordTable) -> pa.Table:
    """The table as a pyarrow table."""
    return pyarrow("to_arrow()").table(table)


def to_pandas(table: Table | PlanTable | RecordTable) -> pd.DataFrame:
    """The table as a pandas DataFrame; verdict and media type are categories.

    Integers stay integers: a column that may have nulls has pandas' dtype `Int64`, because pandas would
    otherwise turn it into floats.
    """
    pandas = imported("pandas", "to_pandas()", extra="pandas")
    columns = to_arrow(table)
    frame: pd.DataFrame = columns.to_pandas()
    for field in columns.schema:
        if field.nullable and str(field.type) == "int64":
            frame[field.name] = columns[field.name].to_pandas(types_mapper=lambda _: pandas.Int64Dtype())
    return frame


def to_polars(table: Table | PlanTable | RecordTable) -> pl.DataFrame:
    """The table as a polars DataFrame."""
    polars = imported("polars", "to_polars()", extra="polars")
    frame: pl.DataFrame = polars.DataFrame(table)
    return frame
