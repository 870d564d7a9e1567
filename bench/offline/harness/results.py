"""What is kept of a run: one document, about the machine's kind and not about whose it is."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offline.harness.case import OURS, Bar, Contestant, Course, Race

ENOUGH_DIGESTS = 500_000
PEERS = ("boto3", "botocore", "duckdb", "numpy", "orjson", "pandas", "polars", "pyarrow")


def machine() -> dict[str, Any]:
    """What kind of machine this is."""
    return {
        "kind": f"{platform.machine()}-{os.cpu_count()}cpu-{platform.system().lower()}",
        "cpu": _cpu(),
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def setting(peers: Iterable[str]) -> dict[str, Any]:
    """When, on what and of what something was measured."""
    import layercheck

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "commit": _commit(),
        "layercheck": layercheck.build_info(),
        "peers": {name: importlib.metadata.version(name) for name in peers},
    }


def line(race: Race, contestant: Contestant, course: Course) -> dict[str, Any]:
    """All that is known of one contestant in one race, as JSON can hold it."""
    laps = course.laps
    answer = laps[-1].answer
    counted = isinstance(answer, dict)
    progress = [lap.progress for lap in laps if lap.progress is not None]
    known = {
        "name": contestant.name,
        "rival": contestant.module != race.contestants[0].module and not contestant.name.startswith(OURS),
        "note": contestant.note or None,
        "cores": contestant.cores,
        "rows": course.given.rows,
        "unique": answer.get("unique") if counted else None,
        "invalid": answer.get("invalid") if counted else None,
        "modules": answer.get("modules") if counted else None,
        "heavy": answer.get("heavy") if counted else None,
        "file_bytes": answer.get("file_bytes") if counted else None,
        "median_s": statistics.median(lap.seconds for lap in laps),
        "min_s": min(lap.seconds for lap in laps),
        "seconds": [lap.seconds for lap in laps],
        "cpu_s": statistics.median(lap.cpu_seconds for lap in laps),
        "before_bytes": max(lap.before_bytes for lap in laps),
        "peak_bytes": max(lap.peak_bytes for lap in laps),
        "beyond_input_bytes": max(lap.peak_bytes - lap.before_bytes for lap in laps),
        "progress": statistics.median(progress) if progress else None,
        "loads": [round(load, 2) for load in course.loads],
    }
    return {
        "race": race.name,
        "unit": race.unit,
        "headline": race.headline,
        "first": race.contestants[0].name,
        "bars": [asdict(bar) for bar in race.bars],
        "line": {name: value for name, value in known.items() if value is not None},
    }


def document(benchmarks: dict[str, Any]) -> dict[str, Any]:
    """What is kept, out of pytest-benchmark's JSON."""
    races: dict[str, dict[str, Any]] = {}
    for benchmark in benchmarks["benchmarks"]:
        extra = benchmark["extra_info"]
        if "race" not in extra:
            extra = _plain(benchmark)
        about = {name: extra[name] for name in ("unit", "headline", "first", "bars")}
        race = races.setdefault(extra["race"], {"name": extra["race"], **about, "lines": []})
        race["lines"].append(extra["line"])
    for race in races.values():
        race["bars"] = [reach(Bar(**bar), race) for bar in race["bars"]]
    return {
        **setting(PEERS),
        "machine": benchmarks["machine_info"],
        "rounds": benchmarks["rounds"],
        "most_rows": benchmarks["most_rows"],
        "load_at_end": [round(load, 2) for load in os.getloadavg()],
        "races": list(races.values()),
        "troubles": benchmarks["troubles"],
    }


def measured_again(document: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """The earlier result with the races of a later run of part of the suite in place of its own.

    A race is kept or replaced whole, so that all its lines are of one run, and each says which.
    """
    new = {race["name"]: race for race in document["races"]}
    known = [race["name"] for race in earlier["races"]]
    run = {name: document[name] for name in ("date", "commit", "rounds", "load_at_end")}
    for race in new.values():
        race["run"] = run
    kept = [new.get(race["name"], race) for race in earlier["races"]]
    further = [race for name, race in new.items() if name not in known]
    troubles = {name: why for name, why in earlier["troubles"].items() if name not in new}
    return earlier | {"races": kept + further, "troubles": troubles | document["troubles"]}


def _plain(benchmark: dict[str, Any]) -> dict[str, Any]:
    """A benchmark that is no race, but an ordinary one of pytest-benchmark's."""
    stats = benchmark["stats"]
    line = {
        "name": benchmark["param"] or benchmark["name"],
        "median_s": stats["median"],
        "min_s": stats["min"],
    }
    extra = benchmark["extra_info"]
    return {
        "race": benchmark["group"] or benchmark["name"],
        "unit": "call",
        "headline": False,
        "first": None,
        "bars": [],
        "line": line | ({"extra": extra} if extra else {}),
    }


def reach(bar: Bar, race: dict[str, Any]) -> dict[str, Any]:
    """The bar with what was reached; None where those it compares did not both come through."""
    less = bar.unit in ("s", "s more than", "x slowest", "B a digest")
    known = asdict(bar) | {"less": less}
    by_name = {line["name"]: line for line in race["lines"]}
    first, peer = by_name.get(race["first"]), by_name.get(bar.peer)
    memory = bar.unit == "B a digest"
    # Of few digests, what any process takes is most.
    too_few = memory and first is not None and first["unique"] < ENOUGH_DIGESTS
    if first is None or too_few or (bar.peer is not None and peer is None):
        return known | {"got": None, "reached": None, "aim_reached": None}
    seconds = first["median_s"]
    against = peer["median_s"] if peer else 0.0
    slowest = max(line["median_s"] for line in race["lines"])
    got = {
        "x": against / seconds,
        "x slowest": slowest / seconds,
        "s more than": seconds - against,
        "s": seconds,
        "B a digest": spare_bytes(first) if memory else 0.0,
    }.get(bar.unit, first["rows"] / seconds)
    return known | {
        "got": got,
        "reached": got <= bar.at_least if less else got >= bar.at_least,
        "aim_reached": got <= bar.aim if less else got >= bar.aim,
    }


def spare_bytes(line: dict[str, Any]) -> float:
    """Peak memory of a plan beyond its input and 8 bytes a row, for each unique digest."""
    return float(line["beyond_input_bytes"] - 8 * line["rows"]) / float(line["unique"])


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip() or None
