"""`verdicts`: the verdict table as a lazy frame; and the first look, with which every run begins."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from layercheck import shard
from layercheck.errors import LayercheckError
from layercheck.spark import cluster, tasks
from layercheck.spark.input_column import digest_column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def verdicts(
    frame: DataFrame,
    repository_name: str,
    *,
    column: str | Column = "digest",
    raw: bool = False,
    strict: bool = False,
    registry_id: str | None = None,
    region_name: str | None = None,
    public: bool = False,
    endpoint_url: str | None = None,
    session: str | Callable[..., Any] | None = None,
    rate: float | Literal["quota"] | None = None,
    askers: int | None = None,
) -> DataFrame:
    """Return the verdict table as a lazy frame: every action on it asks again.

    Use it for a small input that is written or collected once, and `audit` for everything else. One worker
    makes one call at once, so that wrong settings raise here. A fatal error that comes later raises nothing:
    the digests that were not asked are `not_checked`, with its code and reason.

    Args:
        frame: A frame with the digests.
        repository_name: As for `audit`, as is everything else.
        column: The column.
        raw: Binary values are raw digests.
        strict: Accept only the canonical spelling.
        registry_id: Account of the registry.
        region_name: Region.
        public: ECR Public.
        endpoint_url: Another endpoint.
        session: How the workers find credentials.
        rate: Calls per second of all tasks together.
        askers: How many tasks ask.

    Returns:
        A frame with the columns of `audit`, one line for each different digest.

    Raises:
        LayercheckError: As `audit`, before anything else is asked.
    """
    settings = shard.Settings(
        repository_name,
        registry_id=registry_id,
        region_name=region_name,
        public=public,
        endpoint_url=endpoint_url,
        session=session,
        rate=rate,
    )
    from pyspark.sql import functions

    rows = digest_column(frame, column, raw=raw)
    spark = frame.sparkSession
    settings, _ = first_look(spark, settings)
    share = share_of(spark, settings, askers)
    prepared = rows.mapInArrow(functools.partial(tasks.prepare, raw=raw, strict=strict), tasks.PREPARED)
    digests = prepared.where(functions.col("digest").isNotNull()).select("digest")
    parts = digests.repartition(share.askers, "digest").dropDuplicates(["digest"])
    asked = parts.mapInArrow(functools.partial(tasks.ask, settings=settings, share=share), tasks.LINES)
    return asked.where(functions.col("verdict").isNotNull())


def first_look(spark: SparkSession, settings: shard.Settings) -> tuple[shard.Settings, shard.Look]:
    """Let one worker ask for one digest, and return the settings for all others.

    Raises:
        LayercheckError: The worker cannot ask, or it has no layercheck or another version.
    """
    seen = shard.Look.from_json(first_found(spark, functools.partial(tasks.look, settings=settings)))
    return shard.accept(settings, seen), seen


def first_found(spark: SparkSession, task: Callable[..., Any]) -> str:
    """Return what a task of one row finds in one worker.

    Raises:
        LayercheckError: The worker has no layercheck, or not what it needs.
    """
    frame = spark.range(0, 1, 1, 1).mapInArrow(task, tasks.LOOK)
    try:
        (row,) = frame.collect()
    except Exception as error:
        missing = next((name for name in _NEEDED if f"No module named '{name}'" in str(error)), None)
        if missing is None:
            raise
        raise LayercheckError(
            f"a worker of the cluster cannot import {missing}; install layercheck[parquet] on every worker, "
            "with the version of the driver, and let PYSPARK_PYTHON name that Python"
        ) from None
    found: str = row["found"]
    return found


_NEEDED = ("layercheck", "pyarrow", "boto3", "numpy")


def share_of(spark: SparkSession, settings: shard.Settings, askers: int | None) -> shard.Share:
    """Return the share of each task that asks."""
    assert isinstance(settings.rate, float)  # noqa: S101 (accept has made it a number)
    return shard.share_of(
        settings.rate,
        slots=cluster.slots(spark),
        askers=askers,
        speculation=cluster.speculates(spark),
    )
