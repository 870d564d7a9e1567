"""Frames of digests, and what is compared of a verdict table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

import audited_images
from audited import COLUMNS, Line
from layercheck import shard


def frame_of(spark: SparkSession, rows: Sequence[Any], kind: str = "string", parts: int = 4) -> DataFrame:
    """A frame with the column `digest`, in so many partitions."""
    made: DataFrame = spark.createDataFrame([(row,) for row in rows], f"digest {kind}").repartition(parts)
    return made


def lines_of(table: DataFrame) -> list[Line]:
    """The lines of a verdict table in order of their digests, without the time of the answer."""
    collected = table.select(*COLUMNS).collect()
    return sorted((tuple(row) for row in collected), key=lambda line: line[0])


def image_lines(tables: shard.ImageTables[DataFrame]) -> audited_images.Lines:
    """The lines of the tables of a check of images."""
    found = {}
    for name, each in zip(shard.IMAGE_TABLES, tables, strict=True):
        rows = [row.asDict() for row in each.collect()]
        found[name] = pa.Table.from_pylist(rows, schema=shard.image_table_schema(name))
    return audited_images.lines_of(found)
