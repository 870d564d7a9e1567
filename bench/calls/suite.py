"""Measure calls: layercheck's transports and their peers, at every point of the grid.

python bench calls.suite [--quick] [--results FOLDER] [--page docs/speed.md]
python bench calls.suite --from bench/results/DATE-calls-MACHINE.json --page docs/speed.md

`--quick` makes few calls at two points, to see that everybody's answers are true; its times mean nothing.
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
    CONTESTANTS,
    COUNTED,
    GRID,
    HEADLINES,
    HERE,
    QUICK,
    Contestant,
    Point,
    serving,
)

TIMEOUT_S = 120.0
ROUNDS = 3
"""Of the headlines; elsewhere one."""


def digests(count: int) -> Path:
    """A file of as many digests, a line each."""
    path = CACHE / f"calls-{count}.txt"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        lines = (f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}\n" for number in range(count))
        path.write_text("".join(lines))
    return path


def truth(file: Path, calls: int) -> dict[str, Any]:
    """What is true of the first digests: the endpoint has those that end in an even digit."""
    with file.open() as lines:
        ends = [line[-2] for line, _ in zip(lines, range(calls * trial.BATCH), strict=False)]
    return trial.told(bytes(1 if end in "02468ace" else 2 for end in ends))


def laps(
    points: Sequence[Point], contestants: Sequence[Contestant], *, quick: bool
) -> Iterator[tuple[Point, Contestant, dict[str, Any]]]:
    """Each contestant at each point, in turns; a lap is told with its `trouble`, None if it counts."""
    most = 40 if quick else max(point.calls(fast=True) for point in points)
    file = digests(most * trial.BATCH)
    for _, group in groupby(points, key=lambda point: (point.latency_ms, point.tls)):
        here = list(group)
        with serving(here[0]) as reached:
            for point in here:
                able = [one for one in contestants if point.in_flight >= one.least and not one.missing]
                for _ in range(1 if quick or point not in HEADLINES else ROUNDS):
                    for one in able:
                        calls = 20 if quick else point.calls(fast=one.fast)
                        task: dict[str, Any] = {
                            **reached,
                            "digests": str(file),
                            "calls": calls,
                            "in_flight": point.in_flight,
                            "count": False,
                        }
                        yield point, one, measured(one, task, truth(file, calls))


def counted(contestants: Sequence[Contestant], calls: int) -> Iterator[tuple[Contestant, float]]:
    """Interpreter-level calls for each call of the API, of those who can count them."""
    file = digests(calls * trial.BATCH)
    with serving(COUNTED) as reached:
        task: dict[str, Any] = {
            **reached,
            "digests": str(file),
            "calls": calls,
            "in_flight": COUNTED.in_flight,
            "count": True,
        }
        for one in contestants:
            if one.counts and not one.missing:
                yield one, one.lap(task, TIMEOUT_S)["interpreter_calls"]


def measured(one: Contestant, task: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """A lap, or the trouble with it."""
    try:
        told: dict[str, Any] = one.lap(task, TIMEOUT_S)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return {"trouble": str(error)}
    found = {name: told[name] for name in wanted}
    if found != wanted:
        return {"trouble": f"{found} instead of {wanted}"}
    digests = task["calls"] * trial.BATCH
    return {
        "trouble": None,
        "calls": task["calls"],
        "calls_per_s": task["calls"] / told["seconds"],
        "cpu_s_per_million_digests": told["cpu_seconds"] / digests * 1e6,
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "peak_bytes": told["peak_bytes"],
        "before_bytes": told["before_bytes"],
        "load": round(os.getloadavg()[0], 2),
    }


def line(laps_of_one: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Medians of one contestant's laps at one point, with all of them; or the first trouble."""
    kept = list(laps_of_one)
    trouble = next((each["trouble"] for each in kept if each["trouble"]), None)
    if trouble:
        return {"trouble": trouble}
    names = [name for name in kept[0] if name not in ("trouble", "load")]
    return {
        **{name: statistics.median(each[name] for each in kept) for name in names},
        "trouble": None,
        "laps": [each["calls_per_s"] for each in kept],
        "loads": [each["load"] for each in kept],
    }


def document(points: Sequence[Point], contestants: Sequence[Contestant], *, quick: bool) -> dict[str, Any]:
    """Measure all of it."""
    found: dict[Point, dict[str, list[dict[str, Any]]]] = {}
    for point, one, each in laps(points, contestants, quick=quick):
        found.setdefault(point, {}).setdefault(one.name, []).append(each)
        shown = each["trouble"] or f"{each['calls_per_s']:,.0f} calls/s"
        print(f"{point!s:28} {one.name:28} {shown}", file=sys.stderr)
    counts = dict(counted(contestants, 20 if quick else 200))
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "quick": quick,
        "headlines": [str(point) for point in HEADLINES],
        "contestants": [
            {
                "name": one.name,
                "ours": one.ours,
                "missing": one.missing,
                "interpreter_calls_per_call": counts.get(one),
            }
            for one in contestants
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


def machine() -> dict[str, Any]:
    """What kind of machine this is, and not whose."""
    from offline.harness import results

    return results.machine()


def versions() -> dict[str, str | None]:
    """Of everybody."""
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
    parser.add_argument("--quick", action="store_true", help="compare answers only")
    parser.add_argument("--from", dest="result", type=Path, help="an earlier result in place of a run")
    parser.add_argument("--results", type=Path, help="folder for the dated result")
    parser.add_argument("--page", type=Path, help="page whose table is written anew")
    chosen = parser.parse_args()
    kept = (
        json.loads(chosen.result.read_text())
        if chosen.result
        else document(QUICK if chosen.quick else GRID, CONTESTANTS, quick=chosen.quick)
    )
    print(tables.for_people(kept))
    if chosen.results:
        path = chosen.results / f"{kept['date']}-calls-{kept['machine']['kind']}.json"
        path.write_text(json.dumps(kept, indent=1) + "\n")
        print(f"\nwritten: {path}")
    if chosen.page:
        from offline.harness.page import into

        table = tables.for_page(kept)
        page = into(chosen.page.read_text(), table, begin=tables.BEGIN, end=tables.END)
        chosen.page.write_text(page)
        print(f"written: {chosen.page}")
    return 1 if tables.troubles(kept) else 0


if __name__ == "__main__":
    sys.exit(main())
