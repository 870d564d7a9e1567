"""Audits on Ray: `make bench-ray`, or `python bench engines.ray [PART ...] [--keep]`.

Against `LocalEcr`, whose threads run without the interpreter lock, on a Ray of this machine. Ray listens on
every interface, so it runs in a network namespace with nothing but loopback:

* `rate`: what the server counts in every second for 1, 2, 4 and 8 askers, with one of them killed on the way.
* `slice`: the same for a slice of four minutes, 4 askers, one of them killed.
* `deaths`: calls made twice if an actor or the driver is killed, for 1 and 8 slices.
* `overhead`: a million digests at 1,000 calls a second, beside one process.

It runs in the environment of Ray, and needs the modules of `tests/engines` on the path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

import layercheck.ray
from audited import ENVIRONMENT, REPOSITORY, lines, server, wait_for_calls
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
from on_ray.loopback_only import is_alone
from on_ray.small_ray import start_ray
from processes import descendants, end, end_all

RESULT = Path(__file__).parent.parent / "results" / "ray.json"


def rate(
    rate: int = 400, count: int = 800_000, slices: int = 4, cases: Iterable[tuple[int, bool]] = CASES
) -> Iterator[dict[str, Any]]:
    """Calls in every second, for each number of askers, once whole and once with an actor killed."""
    with tempfile.TemporaryDirectory() as name, server(latency_ms=10) as ecr:
        folder = Path(name)
        paths = made_input(folder / "input", count)
        for askers, kill in cases:
            ecr.reset()
            path = folder / f"audit-{askers}-{kill}"
            with killing(ecr, 600 if kill else None, asking):
                audit(ecr, paths, path, rate=rate, askers=askers, slices=slices)
            line = {"askers": askers, "killed": kill, "rate": rate} | in_seconds(ecr, rate)
            yield line | {"right": is_right(ecr, count, table_at(path))}


def deaths(rate: int = 200, count: int = 80_000) -> Iterator[dict[str, Any]]:
    """Calls made twice for each kind of death, when half of the calls is made."""
    for slices in (1, 8):
        for dies in ("nothing", "actor that asks", "driver"):
            with tempfile.TemporaryDirectory() as name, server(latency_ms=10) as ecr:
                folder = Path(name)
                paths = made_input(folder / "input", count)
                keywords = {"rate": rate, "askers": 2, "slices": slices}
                looks, kills = 1, count // 200 if dies == "actor that asks" else None
                if dies == "driver":
                    looks = 2
                    driver_dies(folder, ecr, paths, keywords, count // 200)
                with killing(ecr, kills, asking):
                    audit(ecr, paths, folder / "audit", **keywords)
                line = {"dies": dies, "slices": slices, "least": count // 100}
                calls = ecr.counters.calls - looks
                yield (line | {"calls": calls, "right": is_right(ecr, count, table_at(folder / "audit"))})


def driver_dies(folder: Path, ecr: LocalEcr, paths: list[str], keywords: dict[str, Any], calls: int) -> None:
    """Begin an audit in a process with a Ray of its own, and end that process after so many calls."""
    given = {
        "table": paths,
        "repository_name": REPOSITORY,
        "path": str(folder / "audit"),
        "endpoint_url": ecr.endpoint_url,
    }
    with tempfile.TemporaryDirectory(prefix="lc-") as own:
        command = [sys.executable, "-m", "on_ray.driver_program", own, json.dumps(given | keywords)]
        driver = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        wait_for_calls(ecr, calls)
        family = [driver.pid, *descendants(driver.pid)]
        end(driver.pid)
        driver.wait()
        for _ in range(100):
            # What the actors go on to ask counts, so the next audit waits until Ray has ended them.
            before = ecr.counters.calls
            time.sleep(0.2)
            if ecr.counters.calls == before:
                break
        for process in family:
            end_all(process)


def overhead(rate: int = 1_000, count: int = 1_000_000, rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Seconds from files to files, in turns."""
    with tempfile.TemporaryDirectory() as name, server(latency_ms=10) as ecr:
        folder = Path(name)
        paths = made_input(folder / "input", count)
        for number in range(rounds):
            alone = one_process_s(ecr, paths, rate, folder / "report.parquet")
            began = time.perf_counter()
            audit(ecr, paths, folder / f"audit-{number}", rate=rate)
            on_ray = time.perf_counter() - began
            yield {"one_process_s": round(alone, 2), "ray_s": round(on_ray, 2), "rate": rate}


def audit(ecr: LocalEcr, paths: list[str], path: Path, **options: Any) -> None:
    """An audit against the server."""
    layercheck.ray.audit(paths, REPOSITORY, path=path, endpoint_url=ecr.endpoint_url, **options)


def table_at(path: Path) -> list[Any]:
    """The lines of the verdict table at a path."""
    references = layercheck.ray.read(path).to_arrow_refs()
    return lines(pa.concat_tables([ray.get(each) for each in references]))


def asking() -> list[int]:
    """The processes of the actors that ask."""
    return [number for number, command in descendants(os.getpid()).items() if "ray::_Asker" in command]


PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "rate": rate,
    "slice": partial(rate, **WHOLE_SLICE),
    "deaths": deaths,
    "overhead": overhead,
}

if __name__ == "__main__":
    if not is_alone():
        sys.exit(
            "Ray listens on every interface; run this by `make bench-ray`, in a namespace with loopback only"
        )
    with tempfile.TemporaryDirectory(prefix="lc-ray-") as sockets:
        os.environ.update({**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(sys.path)})
        start_ray(sockets, cpus=9)
        measure("ray", ray.__version__, RESULT, PARTS)
        ray.shutdown()
