"""Measures the cost of dispatch: scheduler, pacer, workers and ledger around a transport that does nothing.

`python bench studies.overhead` prints and keeps calls per second, processor time and interpreter-level
calls for each call. `tests/python/dispatch/test_overhead.py` limits the count, because other load on the
machine does not change it.

A second table tells what is done in Python for calls that follow each other in the core: concurrency limit,
statistics, progress, timeline and the hand-over to the journal, for many answers at a time. That is an
upper limit of what could be gained by moving these into the core too.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import boto3

import layercheck as lc
from calls.grid import Point, serving
from layercheck._core import KnownSecrets
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.transport import Batch
from layercheck.testing import LocalEcr
from offline.harness import results

RESULT = Path(__file__).parent.parent / "results" / "overhead.json"


class Nothing:
    """A transport that sleeps without the interpreter lock, like a network call, and then answers."""

    name = "nothing"

    def __init__(self, latency_s: float) -> None:
        self.known = KnownSecrets()
        self._latency_s = latency_s

    def __call__(self, batch: Batch) -> bytes:
        """Answer that the digest is available."""
        if self._latency_s:
            time.sleep(self._latency_s)
        (digest,) = batch.plan.texts(batch.start, batch.stop)
        return b'{"layers":[{"layerDigest":"%s","layerAvailability":"AVAILABLE"}]}' % digest.encode()

    def distrust(self) -> None:
        """Do nothing, likewise."""

    def close(self) -> None:
        """Do nothing, because this transport holds nothing open."""


@dataclass(frozen=True)
class Cost:
    """A setting and its cost."""

    in_flight: int
    latency_ms: float
    rate: float | None
    calls: int
    calls_per_second: float
    cpu_us_per_call: float


def run(calls: int, *, in_flight: int, latency_s: float = 0.0, rate: float | None = None) -> Cost:
    """Make `calls` calls of one digest each."""
    plan = lc.plan([f"sha256:{number:064x}" for number in range(calls)], batch_size=1)
    # The endpoint gives the session and the address; it gets no calls.
    with LocalEcr(["app"]) as ecr:
        checker = lc.Checker(
            "app",
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            rate="max" if rate is None else rate,
            max_in_flight=in_flight,
        )
        with checker:
            own, nothing = checker._connection.transport, Nothing(latency_s)
            checker._connection.transport = nothing
            wall, cpu = time.perf_counter(), time.process_time()
            report = checker.check(plan)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            checker._connection.transport = own
    assert report.counts["available"] == calls
    return Cost(in_flight, latency_s * 1e3, rate, calls, calls / wall, cpu / calls * 1e6)


def interpreter_calls(calls: int = 2000) -> float:
    """Calls of Python and C functions in the worker threads, for each call of the API."""
    count = [0]

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        count[0] += event in ("call", "c_call")

    threading.setprofile(profile)
    try:
        run(calls, in_flight=1)
    finally:
        threading.setprofile(None)
    return count[0] / calls


@dataclass(frozen=True)
class Bulk:
    """What is done in Python for many calls of the core at a time: medians."""

    in_flight: int
    journal: bool
    calls: int
    rounds: int
    bulk_us_per_call: float
    cpu_us_per_call: float
    percent: float


def in_bulk(in_flight: int, *, journal: bool, calls: int = 5_000, rounds: int = 5) -> Bulk:
    """Measure calls of 100 digests each, without latency; the endpoint is a process of its own."""
    plan = lc.plan([f"sha256:{number:064x}" for number in range(100 * calls)])
    spent, count = [0.0], Execution.count_answers

    def timed(execution: Execution) -> None:
        began = time.perf_counter()
        count(execution)
        spent[0] += time.perf_counter() - began

    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    found = []
    Execution.count_answers = timed  # type: ignore[method-assign, assignment]
    try:
        with (
            serving(Point(0, in_flight, tls=False)) as reached,
            tempfile.TemporaryDirectory() as folder,
            lc.Checker(
                "app",
                session=session,
                endpoint_url=reached["endpoint_url"],
                rate="max",
                max_in_flight=in_flight,
            ) as checker,
        ):
            for number in range(rounds + 1):
                spent[0], cpu = 0.0, time.process_time()
                report = checker.check(plan, journal=Path(folder, f"{number}.journal") if journal else None)
                assert report.complete
                if number:  # the first opens the connections
                    found.append((spent[0] / calls * 1e6, (time.process_time() - cpu) / calls * 1e6))
    finally:
        Execution.count_answers = count  # type: ignore[method-assign]
    bulk, whole = (statistics.median(column) for column in zip(*found, strict=True))
    percent = statistics.median(100 * part / all_of_it for part, all_of_it in found)
    return Bulk(in_flight, journal, calls, rounds, round(bulk, 2), round(whole, 1), round(percent, 1))


def main() -> None:
    """Print the tables, and write them to bench/results."""
    settings: list[Callable[[], Cost]] = [
        lambda: run(40_000, in_flight=1),
        lambda: run(10_000, in_flight=32, latency_s=0.01),
        lambda: run(20_000, in_flight=64, latency_s=0.01),
        lambda: run(3_000, in_flight=64, latency_s=0.01, rate=1000),
        lambda: run(9_000, in_flight=64, latency_s=0.01, rate=3000),
    ]
    costs = [setting() for setting in settings]
    counted = interpreter_calls()
    for cost in costs:
        pace = "max" if cost.rate is None else f"{cost.rate:,.0f}"
        print(
            f"{cost.in_flight:3} in flight, {cost.latency_ms:3.0f} ms, rate {pace:>5}: "
            f"{cost.calls_per_second:8,.0f} calls/s, {cost.cpu_us_per_call:5.1f} us of processor time a call"
        )
    print(f"{counted:.1f} interpreter-level calls a call")
    bulk = [in_bulk(32, journal=False), in_bulk(128, journal=False), in_bulk(32, journal=True)]
    for each in bulk:
        print(
            f"{each.in_flight:3} in flight, {'with a' if each.journal else 'without'} journal: in Python "
            f"{each.bulk_us_per_call:.2f} of {each.cpu_us_per_call:.1f} us a call, {each.percent:.1f} %"
        )
    kept = {
        "machine": {**results.machine(), "interpreter": sys.version.split()[0]},
        "interpreter_calls_per_call": round(counted, 1),
        "costs": [asdict(cost) for cost in costs],
        "in_bulk": [asdict(each) for each in bulk],
    }
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
