"""An audit beside one process, beside SQL, and beside a script with boto3."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engines.spark_cluster import Server, audit, cluster, digests, of_one_process
from layercheck import shard
from layercheck import spark as lcs
from layercheck.spark.prepared_input import PreparedInput
from on_spark import session


def overhead(rate: int = 1000, count: int = 1_000_000) -> Iterator[dict[str, Any]]:
    """Seconds of an audit and of one process, from rows in memory to a written table."""
    with cluster("local-cluster[2,1,2048]") as spark, Server(latency_ms=10) as server:
        frame = digests(spark, count)
        rows = [row["digest"] for row in frame.collect()]
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            of_one_process(server, rows, rate).write(f"{folder}/report.parquet", unique=True)
            yield {"name": "one process", "seconds": round(time.perf_counter() - began, 1)}
        for name in ("audit, first", "audit, second", "audit, third"):
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                table = audit(server, frame, f"{folder}/audit", rate=rate, askers=2)
                seconds = time.perf_counter() - began
                summary = shard.summary(f"{folder}/audit")
                began = time.perf_counter()
                lcs.attach(frame, table, columns=["verdict"]).groupBy("verdict").count().collect()
                attached = time.perf_counter() - began
            line = {"name": name, "seconds": round(seconds, 1), "asking": round(summary.seconds, 1)}
            line |= {"attach": round(attached, 1), "slices": summary.slices, "calls": summary.calls}
            yield line


def sql(count: int = 2_000_000, rounds: int = 2) -> Iterator[dict[str, Any]]:
    """Preparation and join beside SQL: seconds, and what each shuffles. Each digest is there twice."""
    from pyspark.sql import functions

    found: list[dict[str, Any]] = []
    windows: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        spark = session.start(Path(folder), master="local[2]")
        spark.sparkContext.setLogLevel("OFF")
        try:
            digests(spark, count, copies=2).write.parquet(f"{folder}/rows")
            rows = spark.read.parquet(f"{folder}/rows")
            half = functions.col("digest") < "sha256:8"
            verdict = functions.when(half, "available").otherwise("unavailable").alias("verdict")
            rows.dropDuplicates(["digest"]).select("digest", verdict).write.parquet(f"{folder}/table")
            table = spark.read.parquet(f"{folder}/table")
            unhex = functions.unhex(functions.expr("substring(digest, 8)")).alias("digest")
            spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")  # as for a table that is large

            def prepared() -> None:
                work = tempfile.mkdtemp(dir=folder)
                kept = shard.open_folder(work)
                PreparedInput(rows, raw=False, strict=False, work=work, folder=kept).prepare(500.0, None)

            def written(frame: Any) -> Callable[[], None]:
                return lambda: frame.write.parquet(f"{tempfile.mkdtemp(dir=folder)}/out")

            def counted(frame: Any) -> Callable[[], None]:
                return lambda: frame.groupBy("verdict").count().collect()

            contenders = [
                ("prepare: audit", prepared),
                ("prepare: dropDuplicates on text", written(rows.dropDuplicates(["digest"]))),
                ("prepare: unhex, dropDuplicates", written(rows.select(unhex).dropDuplicates(["digest"]))),
                ("join: attach", counted(lcs.attach(rows, table, columns=["verdict"]))),
                ("join: on text", counted(rows.join(table, on="digest", how="left"))),
            ]
            for _ in range(rounds):
                for name, act in contenders:
                    began = time.time()
                    act()
                    windows.append((began, time.time()))
                    found.append({"name": name, "rows": 2 * count, "seconds": round(time.time() - began, 1)})
        finally:
            spark.stop()
        for line, window in zip(found, windows, strict=True):
            line |= shuffled(Path(folder) / "events", *window)
            yield line


def shuffled(events: Path, began: float, ended: float) -> dict[str, int]:
    """Records and bytes that tasks wrote for shuffles in a span of time, from Spark's event log."""
    records = size = 0
    for path in events.rglob("*"):
        if not path.is_file() or path.suffix == ".crc":
            continue
        for text in path.read_text().splitlines():
            event = json.loads(text)
            if event.get("Event") == "SparkListenerTaskEnd":
                at = event["Task Info"]["Finish Time"] / 1000
                written = event.get("Task Metrics", {}).get("Shuffle Write Metrics", {})
                if began <= at <= ended:
                    records += written.get("Shuffle Records Written", 0)
                    size += written.get("Shuffle Bytes Written", 0)
    return {"shuffle_records": records, "shuffle_mb": round(size / 1e6)}


def script(count: int = 300_000, quota: int = 500) -> Iterator[dict[str, Any]]:
    """The way scripts have it, and an audit, where the server throttles above a quota."""
    throttle = (float(quota), float(quota) / 5)
    with (
        cluster("local-cluster[4,2,1024]") as spark,
        Server(latency_ms=10, throttle=throttle) as server,
    ):
        frame = digests(spark, count)
        contenders: list[tuple[str, Callable[[str], Any]]] = [
            ("boto3, 8 partitions", lambda folder: by_script(frame, server, threads=1)),
            ("boto3, 8 partitions x 16 threads", lambda folder: by_script(frame, server, threads=16)),
            ("audit, rate = half the quota", lambda folder: audit(server, frame, folder, rate=quota / 2)),
            ("audit, rate = the quota", lambda folder: audit(server, frame, folder, rate=quota)),
            ("audit, rate = 4 x the quota", lambda folder: audit(server, frame, folder, rate=quota * 4)),
        ]
        for name, act in contenders:
            server.ask("reset")
            lines: int | str
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                try:
                    lines = act(f"{folder}/audit").count()
                except Exception as error:  # noqa: BLE001 (that a script fails is a result)
                    lines = f"{type(error).__name__}: {str(error)[:200]}"
                seconds = time.perf_counter() - began
            line = {"name": name, "quota": quota, "lines": lines, "seconds": round(seconds, 1)}
            yield line | {"calls": server.ask("calls"), "throttled": server.ask("throttled")}


def by_script(frame: Any, server: Server, *, threads: int) -> Any:
    """A client for each partition, 100 digests a call, adaptive retries, no budget."""
    url = server.endpoint_url

    def ask(batches: Any) -> Any:
        from concurrent.futures import ThreadPoolExecutor

        import boto3
        import pyarrow as pa
        from botocore.config import Config

        config = Config(retries={"mode": "adaptive", "max_attempts": 10}, max_pool_connections=threads)
        client = boto3.client("ecr", endpoint_url=url, region_name="us-east-1", config=config)

        def call(digests: list[str]) -> list[tuple[str, str]]:
            answer = client.batch_check_layer_availability(repositoryName="team/app", layerDigests=digests)
            return [(each["layerDigest"], each["layerAvailability"]) for each in answer["layers"]]

        with ThreadPoolExecutor(threads) as pool:
            for batch in batches:
                values = batch.column(0).to_pylist()
                parts = [values[start : start + 100] for start in range(0, len(values), 100)]
                lines = [line for answered in pool.map(call, parts) for line in answered]
                columns = {"digest": [line[0] for line in lines], "verdict": [line[1] for line in lines]}
                yield pa.RecordBatch.from_pydict(columns)

    return frame.repartition(8, "digest").mapInArrow(ask, "digest string, verdict string")
