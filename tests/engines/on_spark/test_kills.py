"""Processes are killed while a cluster asks: the table stays right, and little is asked twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from audited import ENVIRONMENT, REPOSITORY, digests, of_one_process, wait_for_calls
from layercheck.testing import LocalEcr
from on_spark import session
from on_spark.tables import frame_of, lines_of
from on_spark.test_audit import failed_tasks
from processes import descendants, end, end_all, is_running, until

ROWS = 16_000
LEAST = ROWS // 100
TEXTS = digests(ROWS)
LOOK = 1


def inodes(port: int) -> set[str]:
    """The sockets of this machine that are connected to a port on 127.0.0.1."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {line[9] for line in lines if line[2] == f"0100007F:{port:04X}"}


def askers(port: int) -> list[int]:
    """The Python workers that have a connection to the server."""
    wanted = {f"socket:[{inode}]" for inode in inodes(port)}
    found = []
    for number, command in descendants(os.getpid()).items():
        if "pyspark.daemon" in command or "pyspark/daemon" in command:
            with contextlib.suppress(OSError):
                links = [str(each.readlink()) for each in Path(f"/proc/{number}/fd").iterdir()]
                if wanted.intersection(links):
                    found.append(number)
    return found


def executors() -> list[int]:
    """The JVMs in which tasks run."""
    found = descendants(os.getpid())
    return [number for number, command in found.items() if "CoarseGrainedExecutorBackend" in command]


@contextlib.contextmanager
def killed(ecr: LocalEcr, calls: int, choose: Callable[[], list[int]]) -> Iterator[None]:
    """Kill one process as soon as the server has counted so many calls; fail if it was not there."""

    def kill() -> int:
        wait_for_calls(ecr, calls)
        (process, *_) = choose()
        end(process)
        return process

    with ThreadPoolExecutor(1) as pool:
        process = pool.submit(kill)
        yield
        assert not is_running(process.result())


def test_a_python_worker_dies_and_its_part_alone_is_asked_again(
    spark: SparkSession, ecr: LocalEcr, audit: Any
) -> None:
    before = failed_tasks(spark)
    with killed(ecr, 30, lambda: askers(ecr.port)):
        table = audit(frame_of(spark, TEXTS), rate=100, slices=2, askers=2)
    calls = ecr.counters.calls
    assert lines_of(table) == of_one_process(ecr, TEXTS)
    assert failed_tasks(spark) > before
    part = LEAST // 4
    assert LEAST + LOOK < calls <= LEAST + LOOK + part + 4  # each of four parts may end with a small call


def test_an_executor_dies_and_one_slice_at_most_is_asked_again(
    spark: SparkSession, ecr: LocalEcr, audit: Any
) -> None:
    with killed(ecr, 30, executors):
        table = audit(frame_of(spark, TEXTS), rate=100, slices=2, askers=2)
    calls = ecr.counters.calls
    assert lines_of(table) == of_one_process(ecr, TEXTS)
    assert LEAST + LOOK < calls <= LEAST + LOOK + LEAST // 2 + 4


class Job:
    """`audit_program` in a process of its own."""

    def __init__(self, folder: Path, ecr: LocalEcr, **given: Any) -> None:
        self._folder = folder
        self._python = given.pop("python", sys.executable)
        self._given = {
            "folder": str(folder / "cluster"),
            "output": str(folder / "output.json"),
            "rows": ROWS,
            "repository_name": REPOSITORY,
            **given,
            "options": {
                "path": str(folder / "audit"),
                "endpoint_url": ecr.endpoint_url,
                "region_name": "us-east-1",
                "rate": 100,
                "slices": 8,
                **given.get("options", {}),
            },
        }

    def start(self) -> subprocess.Popen[bytes]:
        """Start it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        path = os.pathsep.join([str(session.ENGINES), *filter(None, [kept.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "on_spark.audit_program", json.dumps(self._given)]
        with (self._folder / "job.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**kept, **ENVIRONMENT, "PYTHONPATH": path, "PYSPARK_PYTHON": self._python},
                cwd=self._folder,
                start_new_session=True,
            )

    def result(self) -> dict[str, Any]:
        """Run it to its end; returns what it wrote."""
        process = self.start()
        try:
            assert process.wait(500) == 0, self.log[-3000:]
        finally:
            end_all(process.pid)
        found: dict[str, Any] = json.loads(Path(self._given["output"]).read_text())
        return found

    @property
    def log(self) -> str:
        """What it said."""
        return (self._folder / "job.log").read_text(errors="replace")


@pytest.mark.parametrize(
    ("by", "master"),
    [
        pytest.param(signal.SIGKILL, session.LOCAL_CLUSTER, id="kill -9"),
        pytest.param(signal.SIGINT, "local[2]", id="Ctrl-C"),
    ],
)
def test_the_driver_ends_and_the_same_job_asks_one_slice_at_most_again(
    ecr: LocalEcr, tmp_path: Path, by: signal.Signals, master: str
) -> None:
    job = Job(tmp_path, ecr, master=master)
    process = job.start()
    family: dict[int, str] = {}
    try:
        while ecr.counters.calls < 50:  # a cluster takes its time to start
            assert process.poll() is None, job.log[-3000:]
            time.sleep(0.002)
        family = descendants(process.pid)
        os.kill(process.pid, by)
        assert process.wait(60) != 0
        for _ in until("the processes of the cluster ended"):
            if not any(map(is_running, family)):
                break
    finally:
        for number in family:
            end(number)
        end(process.pid)
    if by == signal.SIGINT:
        assert "is not finished; call audit again with the same arguments to go on" in job.log
    assert ecr.counters.calls < LEAST
    found = job.result()
    calls = ecr.counters.calls
    assert [tuple(line) for line in found["lines"]] == of_one_process(ecr, TEXTS)
    assert sum(found["attached"].values()) == ROWS + 1
    parts = 8 * 2
    assert LEAST + 2 * LOOK <= calls <= LEAST + LEAST // 8 + 2 * LOOK + parts
