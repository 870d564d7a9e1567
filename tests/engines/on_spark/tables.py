"""Frames of digests, and what is compared of a verdict table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from audited import COLUMNS, Line


def frame_of(spark: SparkSession, rows: Sequence[Any], kind: str = "string", parts: int = 4) -> DataFrame:
    """A frame with the column `digest`, in so many partitions."""
    made: DataFrame = spark.createDataFrame([(row,) for row in rows], f"digest {kind}").repartition(parts)
    return made


def lines_of(table: DataFrame) -> list[Line]:
    """The lines of a verdict table in order of their digests, without the time of the answer."""
    collected = table.select(*COLUMNS).collect()
    return sorted((tuple(row) for row in collected), key=lambda line: line[0])
