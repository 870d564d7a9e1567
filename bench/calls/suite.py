"""Measures calls of layercheck's transports and of their peers at every point of the grid.

python bench calls.suite [--quick] [--results FOLDER] [--page]
python bench calls.suite --from bench/results/DATE-calls-MACHINE.json --page

`--quick` makes few calls at two points, to check the answers of all contenders; ignore its times.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from calls import tables, trial
from calls.grid import (
    AIOBOTOCORE,
    CACHE,
    CONTENDERS,
    COUNTED,
    GRID,
    HEADLINES,
    HERE,
    QUICK,
    Contender,
    Point,
    serving,
)
from offline.harness.page import PAGE, insert_table
from offline.harness.results import machine

TIMEOUT_S = 120.0
ROUNDS = 5
"""Rounds at a headline point; for the fast contenders also wherever latency rules, because they are close to
each other there. One round otherwise."""


def digests(count: int) -> Path:
    """The file of the first `count` digests, a line each."""
    path = CACHE / f"calls-{count}.txt"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        lines = (f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}\n" for number in range(count))
        path.write_text("".join(lines))
    return path


def truth(file: Path, calls: int) -> dict[str, Any]:
    """The true answer for the first digests: the endpoint holds those that end in an even digit."""
    with file.open() as lines:
        ends = [line[-2] for line, _ in zip(lines, range(calls * trial.BATCH), strict=False)]
    return trial.told(bytes(1 if end in "02468ace" else 2 for end in ends))


def trials(
    points: Sequence[Point], contenders: Sequence[Contender], *, quick: bool
) -> Iterator[tuple[Point, Contender, dict[str, Any]]]:
    """Measure each contender at each point, interleaved; the `problem` of a trial is None if it counts."""
    most = 40 if quick else max(point.calls(fast=True) for point in points)
    file = digests(most * trial.BATCH)
    for _, group in groupby(points, key=lambda point: (point.latency_ms, point.tls)):
        here = list(group)
        with serving(here[0]) as reached:
            for point in here:
                able = [each for each in contenders if point.in_flight >= each.least and not each.missing]
                for at in range(1 if quick else ROUNDS):
                    for contender in able:
                        if at and point not in HEADLINES and not (contender.fast and point.latency_ms):
                            continue
                        calls = 20 if quick else point.calls(fast=contender.fast)
                        task: dict[str, Any] = {
                            **reached,
                            "digests": str(file),
                            "calls": calls,
                            "in_flight": point.in_flight,
                            "count": False,
                        }
                        yield point, contender, measured(contender, task, truth(file, calls))


def counted(contenders: Sequence[Contender], calls: int) -> Iterator[tuple[Contender, float]]:
    """Interpreter-level calls for each call of the API, by each contender that can count them."""
    file = digests(calls * trial.BATCH)
    with serving(COUNTED) as reached:
        task: dict[str, Any] = {
            **reached,
            "digests": str(file),
            "calls": calls,
            "in_flight": COUNTED.in_flight,
            "count": True,
        }
        for contender in contenders:
            if contender.counts and not contender.missing:
                yield contender, contender.measure(task, TIMEOUT_S)["interpreter_calls"]


def measured(contender: Contender, task: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The figures of a trial, or the problem with it."""
    try:
        told: dict[str, Any] = contender.measure(task, TIMEOUT_S)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return {"problem": str(error)}
    found = {name: told[name] for name in wanted}
    if found != wanted:
        return {"problem": f"{found} instead of {wanted}"}
    digests = task["calls"] * trial.BATCH
    return {
        "problem": None,
        "calls": task["calls"],
        "calls_per_s": task["calls"] / told["seconds"],
        "cpu_s_per_million_digests": told["cpu_seconds"] / digests * 1e6,
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "peak_bytes": told["peak_bytes"],
        "before_bytes": told["before_bytes"],
        "load": round(os.getloadavg()[0], 2),
    }


def line(trials_of_contender: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Medians of a contender's trials at one point, and its rates; or the first problem."""
    kept = list(trials_of_contender)
    problem = next((each["problem"] for each in kept if each["problem"]), None)
    if problem:
        return {"problem": problem}
    names = [name for name in kept[0] if name not in ("problem", "load")]
    return {
        **{name: statistics.median(each[name] for each in kept) for name in names},
        "problem": None,
        "trials": [each["calls_per_s"] for each in kept],
        "loads": [each["load"] for each in kept],
    }


def document(points: Sequence[Point], contenders: Sequence[Contender], *, quick: bool) -> dict[str, Any]:
    """Measure all points, and return the document to keep."""
    found: dict[Point, dict[str, list[dict[str, Any]]]] = {}
    for point, contender, each in trials(points, contenders, quick=quick):
        found.setdefault(point, {}).setdefault(contender.name, []).append(each)
        shown = each["problem"] or f"{each['calls_per_s']:,.0f} calls/s"
        print(f"{point!s:28} {contender.name:28} {shown}", file=sys.stderr)
    counts = dict(counted(contenders, 20 if quick else 200))
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "quick": quick,
        "headlines": [str(point) for point in HEADLINES],
        "contenders": [
            {
                "name": contender.name,
                "ours": contender.ours,
                "ready": contender.ready,
                "missing": contender.missing,
                "interpreter_calls_per_call": counts.get(contender),
            }
            for contender in contenders
        ],
        "points": [
            {
                "name": str(point),
                "latency_ms": point.latency_ms,
                "in_flight": point.in_flight,
                "tls": point.tls,
                "lines": [{"name": name, **line(each)} for name, each in lines.items()],
            }
            for point, lines in found.items()
        ],
    }


def versions() -> dict[str, str | None]:
    """Versions of layercheck and of its peers."""
    import importlib.metadata

    found: dict[str, str | None] = {
        name: importlib.metadata.version(name) for name in ("layercheck", "boto3", "botocore", "urllib3")
    }
    if AIOBOTOCORE.exists():
        code = "import importlib.metadata as m; print(m.version('aiobotocore'), m.version('botocore'))"
        done = subprocess.run([AIOBOTOCORE, "-c", code], capture_output=True, text=True, check=True)
        found["aiobotocore"], found["botocore of aiobotocore"] = done.stdout.split()
    lock = (HERE.parent / "peers" / "aws_sdk_rust" / "Cargo.lock").read_text()
    found["aws-sdk-ecr"] = lock.partition('name = "aws-sdk-ecr"\nversion = "')[2].partition('"')[0]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="only compare the answers")
    parser.add_argument("--from", dest="result", type=Path, help="show an earlier result instead of a run")
    parser.add_argument("--results", type=Path, help="folder of the dated result")
    parser.add_argument("--page", action="store_true", help=f"write the table into {PAGE.name}")
    chosen = parser.parse_args()
    kept = (
        json.loads(chosen.result.read_text())
        if chosen.result
        else document(QUICK if chosen.quick else GRID, CONTENDERS, quick=chosen.quick)
    )
    print(tables.as_text(kept))
    if chosen.results:
        path = chosen.results / f"{kept['date']}-calls-{kept['machine']['kind']}.json"
        path.write_text(json.dumps(kept, indent=1) + "\n")
        print(f"\nwritten: {path}")
    if chosen.page:
        table = tables.as_markdown(kept)
        PAGE.write_text(insert_table(PAGE.read_text(), table, begin=tables.BEGIN, end=tables.END))
        print(f"written: {PAGE.name}")
    return 1 if tables.problems(kept) else 0


if __name__ == "__main__":
    sys.exit(main())
