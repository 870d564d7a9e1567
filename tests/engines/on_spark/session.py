"""Spark sessions on 127.0.0.1, for the tests and for the programs that they start."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

ENGINES = Path(__file__).parents[1]
LOCAL_CLUSTER = "local-cluster[2,1,1024]"
"""Two executors with one core each: processes of their own that can be killed, and that Spark replaces."""


def prepare_environment() -> None:
    """Let the workers run this Python and find the modules of the tests. Before the first session."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ENGINES), *filter(None, [os.environ.get("PYTHONPATH")])])


def start(
    folder: Path,
    *,
    master: str | None = LOCAL_CLUSTER,
    remote: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> SparkSession:
    """Start a session that listens on 127.0.0.1 alone.

    Args:
        folder: Where Spark keeps what it spills, broadcasts and logs.
        master: A master, or
        remote: the address of Spark Connect.
        settings: More settings of Spark.
    """
    prepare_environment()
    for name in ("local", "events", "warehouse"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    chosen = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.local.dir": str(folder / "local"),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": (folder / "events").as_uri(),
        "spark.eventLog.compress": "false",  # Spark 4 compresses it, and readers here want text
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
        **(settings or {}),
    }
    builder = SparkSession.builder.appName("layercheck")
    for name, value in chosen.items():
        builder = builder.config(name, value)
    builder = builder.remote(remote) if remote is not None else builder.master(master)
    spark: SparkSession = builder.getOrCreate()
    return spark


def executor_logs(spark: SparkSession) -> Path:
    """The folder where the executors of a local cluster write what they say: it is in the package itself."""
    return Path(pyspark.__file__).parent / "work" / str(spark.sparkContext.applicationId)
