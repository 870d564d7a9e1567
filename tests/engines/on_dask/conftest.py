"""Real clusters of Dask on this machine, one for each test that ends a part of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import Client

from audited import ENVIRONMENT
from processes import descendants, end_all

TESTS = Path(__file__).parents[1]


@dataclass
class Cluster:
    """A scheduler with its workers.

    Attributes:
        process: The process of the scheduler, whose children the workers are.
        address: The address of the scheduler.
        folder: Where the processes keep their temporary files.
        log: What they said.
    """

    process: subprocess.Popen[str]
    address: str
    folder: Path
    log: Path

    @property
    def workers(self) -> list[int]:
        """The numbers of the worker processes."""
        found = descendants(self.process.pid)
        return [number for number, command in found.items() if "spawn_main" in command]

    def scale(self, workers: int) -> None:
        """Let there be so many workers, soon."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{workers}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """End every process of it."""
        end_all(self.process.pid)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def environment(folder: Path) -> dict[str, str]:
    """The environment of every process of a cluster."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DASK_"))}
    return {**kept, **ENVIRONMENT, "PYTHONPATH": path, "DASK_TEMPORARY_DIRECTORY": str(folder)}


def start(folder: Path, workers: int = 2, threads: int = 2) -> Cluster:
    """Start a cluster, whose files are in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "on_dask.cluster_program", str(workers), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=environment(folder),
        )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address, log.read_text()
    return Cluster(process, address, folder, log)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for one test, which may end any of its processes."""
    started = start(tmp_path / "cluster")
    try:
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of a file that leave it whole."""
    started = start(tmp_path_factory.mktemp("shared") / "cluster")
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def client(shared_cluster: Cluster) -> Iterator[Client]:
    """A client of the shared cluster, which is the current one."""
    with Client(shared_cluster.address) as connected:
        yield connected
