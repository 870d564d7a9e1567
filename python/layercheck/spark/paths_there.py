"""Which folders of tables are still there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def paths_there(spark: SparkSession, paths: Sequence[str], schema: str) -> list[str]:
    """Return the paths that are there, as Spark itself sees them, in one attempt if all are.

    Args:
        spark: The session.
        paths: Folders of Parquet files.
        schema: Their columns.
    """
    try:
        # Through Connect a missing path is noticed only when the frame is analysed.
        _ = spark.read.schema(schema).parquet(*paths).schema if paths else None
    except Exception as error:
        # Nothing but the name of the error class is the same in all releases, and it does not tell the path.
        if "PATH_NOT_FOUND" not in str(error):
            raise
        half = len(paths) // 2
        parts = (paths[:half], paths[half:]) if half else ()
        return [path for part in parts for path in paths_there(spark, part, schema)]
    return list(paths)
