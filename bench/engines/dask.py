"""Audits on Dask: `make bench-dask`, or `python bench engines.dask [PART ...] [--keep]`.

Against `LocalEcr`, whose threads run without the interpreter lock, on clusters of processes on this machine:

* `rate`: what the server counts in every second for 1, 2, 4 and 8 askers, with one of them killed on the way.
* `slice`: the same for a slice of four minutes, 4 askers, one of them killed.
* `deaths`: calls made twice if a worker, the scheduler or the client is killed, for 1 and 8 slices.
* `overhead`: a million digests at 1,000 calls a second, beside one process.

It runs in the environment of Dask, and needs the modules of `tests/engines` on the path.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import distributed
from distributed import Client

import layercheck.dask
import layercheck.errors
from audited import REPOSITORY, as_table, lines, server, wait_for_calls
from engines.audit_rounds import (
    CASES,
    WHOLE_SLICE,
    in_seconds,
    is_right,
    killing,
    made_input,
    measure,
    one_process_s,
)
from layercheck.testing import LocalEcr
from on_dask.conftest import Cluster, start
from on_dask.test_kills import run_client
from processes import end, end_all

RESULT = Path(__file__).parent.parent / "results" / "dask.json"


def rate(
    rate: int = 400, count: int = 800_000, slices: int = 4, cases: Iterable[tuple[int, bool]] = CASES
) -> Iterator[dict[str, Any]]:
    """Calls in every second, for each number of askers, once whole and once with a worker killed."""
    with tempfile.TemporaryDirectory() as name, server(latency_ms=10) as ecr:
        folder = Path(name)
        paths = made_input(folder / "input", count)
        for askers, kill in cases:
            ecr.reset()
            path = folder / f"audit-{askers}-{kill}"
            one_audit(folder, ecr, paths, path, kill, rate=rate, askers=askers, slices=slices)
            line = {"askers": askers, "killed": kill, "rate": rate} | in_seconds(ecr, rate)
            yield line | {"right": is_right(ecr, count, table_at(path))}


def one_audit(
    folder: Path, ecr: LocalEcr, paths: list[str], path: Path, kill: bool, *, askers: int, **options: Any
) -> None:
    """An audit on a cluster of its own, with one worker more than ask."""
    cluster = start(folder / "cluster", workers=askers + 1, threads=1)
    try:
        with (
            Client(cluster.address) as client,
            killing(ecr, 600 if kill else None, lambda: askers_of(client, cluster)),
        ):
            audit(client, ecr, paths, path, askers=askers, **options)
    finally:
        cluster.end()


def deaths(rate: int = 200, count: int = 80_000) -> Iterator[dict[str, Any]]:
    """Calls made twice for each kind of death, when half of the calls is made."""
    for slices in (1, 8):
        for dies in ("nothing", "worker that asks", "scheduler", "client"):
            with tempfile.TemporaryDirectory() as name, server(latency_ms=10) as ecr:
                folder = Path(name)
                paths = made_input(folder / "input", count)
                keywords = {"rate": rate, "askers": 2, "slices": slices}
                looks = die(dies, folder, ecr, paths, keywords, count // 200)
                yield {
                    "dies": dies,
                    "slices": slices,
                    "least": count // 100,
                    "calls": ecr.counters.calls - looks,
                    "right": is_right(ecr, count, table_at(folder / "audit")),
                }


def die(
    dies: str, folder: Path, ecr: LocalEcr, paths: list[str], keywords: dict[str, Any], calls: int
) -> int:
    """Audit, with a death after so many calls and the same call again; returns the calls to look first."""
    cluster = start(folder / "cluster")
    try:
        if dies == "client":
            given = {
                "table": paths,
                "repository_name": REPOSITORY,
                "path": str(folder / "audit"),
                "endpoint_url": ecr.endpoint_url,
            }
            program = run_client(cluster, given | keywords)
            wait_for_calls(ecr, calls)
            end(program.pid)
            program.communicate()
        with Client(cluster.address) as client:
            if dies != "scheduler":
                kills = calls if dies == "worker that asks" else None
                with killing(ecr, kills, lambda: askers_of(client, cluster)):
                    audit(client, ecr, paths, folder / "audit", **keywords)
                return 2 if dies == "client" else 1
            run = layercheck.dask.submit(
                paths,
                REPOSITORY,
                path=folder / "audit",
                endpoint_url=ecr.endpoint_url,
                client=client,
                **keywords,
            )
            wait_for_calls(ecr, calls)
            end_all(cluster.process.pid)
            assert isinstance(run.exception(), layercheck.errors.LayercheckError)
        another = start(folder / "another")
        try:
            with Client(another.address) as client:
                audit(client, ecr, paths, folder / "audit", **keywords)
        finally:
            another.end()
        return 2
    finally:
        cluster.end()


def overhead(rate: int = 1_000, count: int = 1_000_000, rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Seconds from files to files, in turns."""
    with tempfile.TemporaryDirectory() as name, server(latency_ms=10) as ecr:
        folder = Path(name)
        paths = made_input(folder / "input", count)
        cluster = start(folder / "cluster")
        try:
            with Client(cluster.address) as client:
                for number in range(rounds):
                    alone = one_process_s(ecr, paths, rate, folder / "report.parquet")
                    began = time.perf_counter()
                    audit(client, ecr, paths, folder / f"audit-{number}", rate=rate)
                    on_dask = time.perf_counter() - began
                    yield {"one_process_s": round(alone, 2), "dask_s": round(on_dask, 2), "rate": rate}
        finally:
            cluster.end()


def audit(client: Client, ecr: LocalEcr, paths: list[str], path: Path, **options: Any) -> None:
    """An audit against the server."""
    layercheck.dask.audit(
        paths, REPOSITORY, path=path, endpoint_url=ecr.endpoint_url, client=client, **options
    )


def table_at(path: Path) -> list[Any]:
    """The lines of the verdict table at a path."""
    return lines(as_table(layercheck.dask.read(path).compute(scheduler="synchronous")))


def askers_of(client: Client, cluster: Cluster) -> list[int]:
    """The processes of workers that ask."""
    tasks = client.processing()
    numbers = client.run(os.getpid)
    busy = [numbers[each] for each, keys in tasks.items() if any("ask" in str(key) for key in keys)]
    assert set(busy) <= set(cluster.workers)
    return busy


PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "rate": rate,
    "slice": partial(rate, **WHOLE_SLICE),
    "deaths": deaths,
    "overhead": overhead,
}


if __name__ == "__main__":
    measure("distributed", distributed.__version__, RESULT, PARTS)
