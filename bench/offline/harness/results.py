"""The document that is kept of a run. It tells the kind of the machine, and not its name or owner."""

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

from offline.harness.case import OURS, Bar, Case, Contender, Record

ENOUGH_DIGESTS = 500_000
PEERS = ("boto3", "botocore", "duckdb", "numpy", "orjson", "pandas", "polars", "pyarrow")


def machine() -> dict[str, Any]:
    """The kind of this machine."""
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
    """The circumstances of a measurement: date, machine, commit, and versions of layercheck and its peers."""
    import layercheck

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "commit": _commit(),
        "layercheck": layercheck.build_info(),
        "peers": {name: importlib.metadata.version(name) for name in peers},
    }


def line(case: Case, contender: Contender, record: Record) -> dict[str, Any]:
    """Everything known of one contender in one case, in a form that JSON can hold."""
    trials = record.trials
    answer = trials[-1].answer
    counted = isinstance(answer, dict)
    progress = [trial.progress for trial in trials if trial.progress is not None]
    known = {
        "name": contender.name,
        "rival": contender.module != case.contenders[0].module and not contender.name.startswith(OURS),
        "note": contender.note or None,
        "cores": contender.cores,
        "rows": record.given.rows,
        "unique": answer.get("unique") if counted else None,
        "invalid": answer.get("invalid") if counted else None,
        "modules": answer.get("modules") if counted else None,
        "heavy": answer.get("heavy") if counted else None,
        "file_bytes": answer.get("file_bytes") if counted else None,
        "median_s": statistics.median(trial.seconds for trial in trials),
        "min_s": min(trial.seconds for trial in trials),
        "seconds": [trial.seconds for trial in trials],
        "cpu_s": statistics.median(trial.cpu_seconds for trial in trials),
        "before_bytes": max(trial.before_bytes for trial in trials),
        "peak_bytes": max(trial.peak_bytes for trial in trials),
        "beyond_input_bytes": max(trial.peak_bytes - trial.before_bytes for trial in trials),
        "progress": statistics.median(progress) if progress else None,
        "loads": [round(load, 2) for load in record.loads],
    }
    return {
        "case": case.name,
        "unit": case.unit,
        "headline": case.headline,
        "first": case.contenders[0].name,
        "bars": [asdict(bar) for bar in case.bars],
        "line": {name: value for name, value in known.items() if value is not None},
    }


def document(benchmarks: dict[str, Any]) -> dict[str, Any]:
    """The document to keep, made from pytest-benchmark's JSON."""
    cases: dict[str, dict[str, Any]] = {}
    for benchmark in benchmarks["benchmarks"]:
        extra = benchmark["extra_info"]
        if "case" not in extra:
            extra = _plain(benchmark)
        about = {name: extra[name] for name in ("unit", "headline", "first", "bars")}
        case = cases.setdefault(extra["case"], {"name": extra["case"], **about, "lines": []})
        case["lines"].append(extra["line"])
    for case in cases.values():
        case["bars"] = [reach(Bar(**bar), case) for bar in case["bars"]]
    return {
        **setting(PEERS),
        "machine": benchmarks["machine_info"],
        "rounds": benchmarks["rounds"],
        "most_rows": benchmarks["most_rows"],
        "load_at_end": [round(load, 2) for load in os.getloadavg()],
        "cases": list(cases.values()),
        "problems": benchmarks["problems"],
    }


def measured_again(document: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the earlier result with the cases of a later, partial run in place of its own.

    A case is kept or replaced whole, so that all its lines come from one run. A replaced case names its run.
    """
    new = {case["name"]: case for case in document["cases"]}
    known = [case["name"] for case in earlier["cases"]]
    run = {name: document[name] for name in ("date", "commit", "rounds", "load_at_end")}
    for case in new.values():
        case["run"] = run
    kept = [new.get(case["name"], case) for case in earlier["cases"]]
    further = [case for name, case in new.items() if name not in known]
    problems = {name: why for name, why in earlier["problems"].items() if name not in new}
    return earlier | {"cases": kept + further, "problems": problems | document["problems"]}


def _plain(benchmark: dict[str, Any]) -> dict[str, Any]:
    """The document of an ordinary benchmark of pytest-benchmark, in the form of a case."""
    stats = benchmark["stats"]
    line = {
        "name": benchmark["param"] or benchmark["name"],
        "median_s": stats["median"],
        "min_s": stats["min"],
    }
    extra = benchmark["extra_info"]
    return {
        "case": benchmark["group"] or benchmark["name"],
        "unit": "call",
        "headline": False,
        "first": None,
        "bars": [],
        "line": line | ({"extra": extra} if extra else {}),
    }


def reach(bar: Bar, case: dict[str, Any]) -> dict[str, Any]:
    """The bar with the figure that was reached; None if a line that it compares is missing."""
    less = bar.unit in ("s", "s more than", "x slowest", "B a digest")
    known = asdict(bar) | {"less": less}
    by_name = {line["name"]: line for line in case["lines"]}
    first, peer = by_name.get(case["first"]), by_name.get(bar.peer)
    memory = bar.unit == "B a digest"
    # With few digests, the fixed cost of a process is the larger part.
    too_few = memory and first is not None and first["unique"] < ENOUGH_DIGESTS
    if first is None or too_few or (bar.peer is not None and peer is None):
        return known | {"got": None, "reached": None, "aim_reached": None}
    seconds = first["median_s"]
    against = peer["median_s"] if peer else 0.0
    slowest = max(line["median_s"] for line in case["lines"])
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
