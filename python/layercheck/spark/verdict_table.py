"""The verdict table of an audit: asked slice by slice, each written by Spark itself."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from layercheck import shard
from layercheck.errors import JournalError
from layercheck.spark import cluster, tasks
from layercheck.spark.paths_there import paths_there

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_STAGED = "asked"


class VerdictTable:
    """Slices of a verdict table under the path of a run.

    Args:
        spark: The session.
        path: The path of the run.
        work: The folder of the run's own files.
        settings: What each worker gets.
        share: What each task that asks may do.
    """

    def __init__(
        self, spark: SparkSession, path: str, work: str, settings: shard.Settings, share: shard.Share
    ) -> None:
        self._spark = spark
        self._path = path
        self._work = work
        self._task = functools.partial(tasks.ask, settings=settings, share=share)
        self._askers = share.askers

    def ask(self, digests: DataFrame, number: int) -> shard.Outcome:
        """Ask for the digests of a slice, and write its lines over what is there.

        The write stands directly behind the asking. A shuffle between them would let Spark run a part of the
        asking again after other parts had been read, and mix two answers (apache/spark#37899).

        Args:
            digests: Raw digests, each once.
            number: Number of the slice.

        Returns:
            What was done. An error of a part is in it, and then lines are `not_checked`.
        """
        from pyspark.sql import Observation, functions

        asked = digests.repartition(self._askers, "digest").mapInArrow(self._task, tasks.LINES)
        is_line = functions.col("verdict").isNotNull()
        target = self._slice_path(number)
        if cluster.observes_writes(self._spark):
            observation = Observation()
            observed = asked.observe(observation, *_note_sums())
            observed.where(is_line).write.mode("overwrite").parquet(target)
            return shard.Outcome.of_notes(observation.get)
        staged = f"{self._work}/{_STAGED}"
        asked.write.mode("overwrite").parquet(staged)
        written = self._spark.read.schema(tasks.LINES).parquet(staged)
        notes = written.where(~is_line).agg(*_note_sums()).collect()[0].asDict()
        written.where(is_line).write.mode("overwrite").parquet(target)
        return shard.Outcome.of_notes(notes)

    def slice(self, number: int) -> DataFrame:
        """Return the lines of one slice that was written."""
        return self._spark.read.schema(tasks.LINES).parquet(self._slice_path(number))

    def open_digests(self, waves: shard.Waves) -> DataFrame:
        """Return the raw digests of all slices that have no final verdict."""
        from pyspark.sql import functions

        paths = [self._slice_path(number) for number in _with_open_digests(waves)]
        lines = self._spark.read.schema(tasks.LINES).parquet(*paths)
        open_lines = lines.where(functions.col("verdict").isin(*shard.OPEN)).select("digest")
        task = functools.partial(tasks.prepare, raw=False, strict=True)
        prepared = open_lines.mapInArrow(task, tasks.PREPARED)
        return prepared.where(functions.col("digest").isNotNull()).select("digest")

    def whole(self, waves: shard.Waves) -> DataFrame:
        """Return the table: one line for each different digest."""
        from pyspark.sql import functions

        lines = self._lines([*_of_table(waves)])
        if waves.has_last:
            settled = ~functions.col("verdict").isin(*shard.OPEN)
            lines = lines.where(settled | (functions.col("slice") == waves.last))
        return lines.drop("slice")

    def check_lines(self, waves: shard.Waves) -> None:
        """Make sure that the slices that are done have as many lines as their manifests say.

        A folder or a file may have been deleted since. The table would lack its lines then, and nobody would
        notice.

        Raises:
            JournalError: A slice has another number of lines; the message says how to ask it again.
        """
        done = _of_table(waves)
        paths = {self._slice_path(number): number for number in done}
        there = [paths[path] for path in paths_there(self._spark, list(paths), tasks.LINES)]
        rows = self._lines(there).groupBy("slice").count().collect() if there else []
        counted = {row["slice"]: row["count"] for row in rows}
        for number, manifest in done.items():
            wanted = manifest.outcome.asked.digests
            if counted.get(number, 0) != wanted:
                raise JournalError(
                    f"{self._slice_path(number)} has {counted.get(number, 0):,} lines and should have "
                    f"{wanted:,}; delete {self._work}/{manifest.name} and run the same audit again"
                )

    def _lines(self, numbers: list[int]) -> DataFrame:
        """Return the lines of some slices, with the column `slice`, and nothing else under the path."""
        schema = f"{tasks.LINES}, slice int"
        if not numbers:
            return self._spark.createDataFrame([], schema)
        read = self._spark.read.schema(schema).option("basePath", self._path)
        return read.parquet(*map(self._slice_path, numbers))

    def _slice_path(self, number: int) -> str:
        return f"{self._path}/slice={number}"


def _of_table(waves: shard.Waves) -> dict[int, shard.Manifest]:
    """Return the manifests of the slices whose lines the table has, by their numbers."""
    return {number: each for number, each in waves.done.items() if number != waves.last or waves.has_last}


def _with_open_digests(waves: shard.Waves) -> list[int]:
    """Return the slices, without the last, that have digests without a final verdict."""
    return [
        number
        for number, each in waves.done.items()
        if number != waves.last and any(each.outcome.counts[verdict] for verdict in shard.OPEN)
    ]


def _note_sums() -> list[Column]:
    """Aggregates that add up the notes among the lines, by name."""
    from pyspark.sql import functions

    is_note = functions.col("verdict").isNull()
    code = functions.col("code")
    sums = [
        functions.sum(functions.when(is_note & (code == name), functions.col("size"))).alias(name)
        for name in shard.NOTES
    ]
    error = functions.when(is_note & (code == shard.ERROR), functions.col("reason"))
    return [*sums, functions.max(error).alias(shard.ERROR)]
