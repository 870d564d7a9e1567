"""A server in a process of its own, clusters of Spark, and kills at a count of the server."""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3

import layercheck as lc
from audited import REPOSITORY
from layercheck import spark as lcs
from layercheck.testing import LocalEcr
from on_spark import session, test_kills
from processes import end, until


class Server:
    """`LocalEcr` in a process of its own, asked through a pipe."""

    def __init__(self, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, options), daemon=True)
        self._process.start()
        self._lock = threading.Lock()
        self.endpoint_url: str = self._pipe.recv()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join()

    def ask(self, name: str) -> Any:
        """Return `calls`, `throttled` or `times` (seconds since the first call), or do `reset`."""
        with self._lock:
            self._pipe.send(name)
            return self._pipe.recv()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.endpoint_url.rpartition(":")[2])


def serve(pipe: Connection, options: dict[str, Any]) -> None:
    """Answer until the pipe says None."""
    with LocalEcr([REPOSITORY], log_calls=2_000_000, **options) as ecr:
        ecr.set_rule(REPOSITORY, "fraction", fraction=0.5)
        pipe.send(ecr.endpoint_url)
        while (name := pipe.recv()) is not None:
            if name == "reset":
                ecr.reset()
                pipe.send(None)
            elif name == "times":
                at = [call.at_ns for call in ecr.calls]
                pipe.send([(each - at[0]) / 1e9 for each in at])
            else:
                pipe.send(getattr(ecr.counters, name))


@contextlib.contextmanager
def cluster(master: str) -> Iterator[Any]:
    """A cluster whose Python workers run, gone at the end with all its processes."""

    def same(batches: Any) -> Any:  # in here, so that Spark pickles it by value
        yield from batches

    with tempfile.TemporaryDirectory() as folder:
        spark = session.start(Path(folder), master=master)
        spark.sparkContext.setLogLevel("OFF")
        try:
            spark.range(8).repartition(8).mapInArrow(same, "id bigint").count()
            yield spark
        finally:
            spark.stop()


def digests(spark: Any, count: int, copies: int = 1) -> Any:
    """Made-up digests as text, each so often, computed by Spark once and kept in memory."""
    from pyspark.sql import functions

    text = functions.concat(functions.lit("sha256:"), functions.sha2(functions.col("n").cast("string"), 256))
    rows = spark.range(0, count * copies, 1, 8).withColumn("n", functions.col("id") % count)
    frame = rows.select(text.alias("digest")).cache()
    frame.count()
    return frame


def audit(server: Server, frame: Any, folder: str, **options: Any) -> Any:
    """An audit against the server."""
    given = {"endpoint_url": server.endpoint_url, "region_name": "us-east-1", "path": folder, **options}
    return lcs.audit(frame, REPOSITORY, **given)


def of_one_process(server: Server, rows: list[str], rate: Any = "max") -> lc.Report:
    """A check in this process."""
    made = boto3.Session(region_name="us-east-1")
    return lc.check(rows, REPOSITORY, session=made, endpoint_url=server.endpoint_url, rate=rate)


def is_right(server: Server, frame: Any, table: Any) -> bool:
    """Whether a table has the verdicts of one process, each digest once."""
    columns = of_one_process(server, [row["digest"] for row in frame.distinct().collect()]).to_arrow()
    truth = dict(zip(columns["digest"].to_pylist(), columns["verdict"].to_pylist(), strict=True))
    found = table.select("digest", "verdict").collect()
    return len(found) == len(truth) and all(truth[row["digest"]] == row["verdict"] for row in found)


@contextlib.contextmanager
def killing(server: Server, calls: int | None, choose: Callable[[Server], list[int]]) -> Iterator[None]:
    """Kill a process in the block as soon as the server has counted so many calls; None kills nothing."""
    if calls is None:
        yield
        return

    def kill() -> None:
        for _ in until(f"{calls} calls"):
            if server.ask("calls") >= calls:
                break
        (process, *_rest) = choose(server)
        end(process)

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    thread.join()


def asker(server: Server) -> list[int]:
    """The Python workers that are connected to the server."""
    return test_kills.askers(server.port)


def executor(server: Server) -> list[int]:
    """The executors."""
    return test_kills.executors()
