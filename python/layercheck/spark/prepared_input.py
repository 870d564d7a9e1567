"""The input of an audit, prepared once and kept: the different digests, in one folder for each slice."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from layercheck import shard
from layercheck.errors import JournalError
from layercheck.spark import tasks
from layercheck.spark.paths_there import paths_there

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

DIGESTS = "digests"
_ROWS = "rows"
_PART_DIGESTS = 1_000_000
"""Digests of a partition of the shuffle, about."""


class PreparedInput:
    """The digests of an input in a folder of its run.

    Args:
        rows: A frame with one column, `digest`.
        raw: Binary values are raw digests.
        strict: Accept only the canonical spelling.
        work: The folder of the run's own files, as a path of Spark.
        folder: The same folder, as the driver reaches it.
    """

    def __init__(self, rows: DataFrame, *, raw: bool, strict: bool, work: str, folder: shard.Folder) -> None:
        self._rows = rows
        self._spark = rows.sparkSession
        self._prepare = functools.partial(tasks.prepare, raw=raw, strict=strict)
        self._work = work
        self._folder = folder

    def prepare(self, rate: float, slices: int | None) -> shard.Preparation:
        """Prepare the input, or make sure that it is what an earlier call prepared.

        Args:
            rate: Calls per second of all askers together.
            slices: How many slices; None for as many as suit the rate.

        Raises:
            JournalError: The input or the number of slices is not that of the run that began here.
        """
        found = shard.Preparation.read(self._folder)
        if found is None:
            return self._persist(rate, slices)
        if slices is not None and slices != found.slices:
            raise JournalError(
                f"the run that began in {self._folder!r} has {found.slices:,} slices instead of {slices:,}; "
                "leave slices out to go on, or pass another path to begin anew"
            )
        notes = self._rows.mapInArrow(functools.partial(self._prepare, digests=False), tasks.PREPARED)
        found.check_input(_counts(notes))
        return found

    def slice(self, number: int) -> DataFrame:
        """Return the raw digests of a slice, each once.

        Raises:
            JournalError: They were deleted.
        """
        path = f"{self._work}/{DIGESTS}/slice={number}"
        if not paths_there(self._spark, [path], "digest binary"):
            raise JournalError(
                f"the digests of slice {number} are gone from {self._work!r}; pass another path to begin anew"
            )
        return self._spark.read.schema("digest binary").parquet(path)

    def _persist(self, rate: float, slices: int | None) -> shard.Preparation:
        """Write what each partition has, without a shuffle, and then each digest once into its slice.

        The counts come from what was written. Spark would count a partition of a stage before a shuffle twice
        if it ran it twice, because an executor died.
        """
        from pyspark.sql import functions

        path = f"{self._work}/{_ROWS}"
        self._rows.mapInArrow(self._prepare, tasks.PREPARED).write.mode("overwrite").parquet(path)
        if _ROWS not in self._folder.names():
            raise JournalError(
                f"Spark writes {self._work!r} to another place than {self._folder!r}, where this program "
                "looks for it; pass a path that both reach, such as s3://bucket/audit, or folder="
            )
        prepared = self._spark.read.schema(tasks.PREPARED).parquet(path)
        digests = prepared.where(functions.col("digest").isNotNull()).select("digest")
        counts = _counts(prepared.where(functions.col("digest").isNull()))
        unique = counts.seen.digests
        if slices is None and shard.slice_count(unique, rate) > 1:
            unique = digests.agg(functions.approx_count_distinct("digest")).collect()[0][0]
        number = shard.slice_count(unique, rate) if slices is None else slices
        self._write_slices(digests, number, parts=max(1, unique // number // _PART_DIGESTS))
        preparation = shard.Preparation(counts, number, self._fingerprints(number))
        preparation.write(self._folder)
        self._spark.createDataFrame([], tasks.PREPARED).write.mode("overwrite").parquet(path)
        return preparation

    def _write_slices(self, digests: DataFrame, slices: int, parts: int) -> None:
        from pyspark.sql import functions

        sliced = digests.withColumn("slice", slice_number(functions.col("digest"), slices))
        third = functions.conv(functions.hex(functions.expr("substring(digest, 3, 1)")), 16, 10).cast("int")
        sliced = sliced.withColumn("part", third % parts)
        # One shuffle serves both: equal digests meet in one partition, and a slice is in few files.
        once = sliced.repartition(slices * parts, "slice", "part").dropDuplicates(["slice", "part", "digest"])
        # A session that overwrites partitions one by one would leave slices of an unrecorded attempt.
        written = once.drop("part").write.mode("overwrite").option("partitionOverwriteMode", "static")
        written.partitionBy("slice").parquet(f"{self._work}/{DIGESTS}")

    def _fingerprints(self, slices: int) -> dict[int, shard.Fingerprint]:
        written = self._spark.read.schema("digest binary").parquet(f"{self._work}/{DIGESTS}")
        task = functools.partial(tasks.fingerprints, slices=slices)
        found: dict[int, shard.Fingerprint] = {}
        for row in written.mapInArrow(task, tasks.FINGERPRINTS).collect():
            part = shard.Fingerprint(row["digests"], row["high"] << 32 | row["low"])
            found[row["slice"]] = found.get(row["slice"], shard.Fingerprint()) + part
        return found


def slice_number(digest: Column, slices: int) -> Column:
    """Return the slice of a raw digest, as `shard.slice_numbers` does."""
    from pyspark.sql import functions

    first = functions.conv(functions.hex(digest.substr(1, 2)), 16, 10).cast("int")
    return functions.shiftright(first * slices, 16)


def _counts(prepared: DataFrame) -> shard.Counts:
    from pyspark.sql import functions

    column = functions.col("name")
    sums = [
        functions.sum(functions.when(column == name, functions.col("value"))).alias(name)
        for name in shard.PREPARED_NOTES
    ]
    return shard.Counts.of_notes(prepared.agg(*sums).collect()[0].asDict())
