"""Measures the cost of dispatch: scheduler, pacer, workers and ledger around a transport that does nothing.

`python bench studies.overhead` prints and keeps calls per second, processor time and interpreter-level
calls for each call. `tests/python/dispatch/test_overhead.py` limits the count, because other load on the
machine does not change it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import layercheck as lc
from layercheck._core import KnownSecrets
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


def main() -> None:
    """Print the table, and write it to bench/results."""
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
    kept = {
        "machine": {**results.machine(), "interpreter": sys.version.split()[0]},
        "interpreter_calls_per_call": round(counted, 1),
        "costs": [asdict(cost) for cost in costs],
    }
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
