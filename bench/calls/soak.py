"""A soak: millions of digests through an endpoint that injects a fault into one call in twenty.

python bench calls.soak [--digests 2000000] [--results FOLDER]

The endpoint runs in a process of its own, so that the samples show the client alone: file descriptors,
threads and resident memory, once a second. At the end every row must have its true verdict, and the
samples must be flat.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

import layercheck as lc
from layercheck.testing import EvenDigests, Fault, FaultKind, LocalEcr
from offline.harness.results import machine

BENCH = Path(__file__).parents[1]
REPOSITORY = "app"
SEED = 20_261_125
SHARE = 0.05
MARKS = {"omit", "contradict", "unknown_availability", "unknown_failure", "poison"}
"""Faults of the content of answers: they change verdicts, because such an answer is not asked again."""
ENDS = {"access_denied", "expired_token", "expired_key", "repository_deleted"}
"""Faults that end the run."""
KINDS = [kind for kind in get_args(FaultKind) if kind not in MARKS | ENDS]
ONCE_BYTES = 8 << 20
"""What a run keeps however long it is: a thousand errors, and the signatures that answers must not show."""
LEDGER_BYTES = 64
"""Limit of memory a digest, by the design; columns become resident when answers are written into them."""


def script() -> list[Fault]:
    """Every kind of fault that a run must survive, together in one call in twenty."""
    settings: dict[str, dict[str, Any]] = {
        "latency": {"ms": 50.0, "jitter_ms": 50.0},
        "slow": {"bytes_per_ms": 100},
        "padding": {"bytes": 2_000_000},
        "idle_close": {"ms": 1.0},
    }
    # Together they hit a little less than one in twenty, because two faults may fire at the same call.
    return [Fault(kind, probability=SHARE / len(KINDS), **settings.get(kind, {})) for kind in KINDS]


def serve() -> None:
    """Run the endpoint: print its address first, and its counters when standard input ends."""
    with LocalEcr({REPOSITORY: EvenDigests()}, faults=script(), seed=SEED, log_calls=0) as ecr:
        print(ecr.endpoint_url, flush=True)
        sys.stdin.read()
        print(json.dumps(asdict(ecr.counters)), flush=True)


@contextmanager
def endpoint() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of an endpoint in another process, and a list that gets its counters at the end."""
    counters: list[dict[str, Any]] = []
    command = [sys.executable, str(BENCH), "calls.soak", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), counters
            told, _ = process.communicate()
            counters.append(json.loads(told))
        finally:
            process.terminate()


@dataclass(frozen=True)
class Sample:
    """The state of the client at one moment."""

    at_s: float
    settled: int
    descriptors: int
    threads: int
    resident_bytes: int


class Sampler:
    """Takes samples when the run reports its progress."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._began = time.monotonic()

    def __call__(self, progress: lc.Progress) -> None:
        """Take one sample a second, and the last one."""
        at = time.monotonic() - self._began
        if progress.done or not self.samples or at - self.samples[-1].at_s >= 1:
            self.samples.append(self.now(progress.settled))

    def now(self, settled: int) -> Sample:
        """Return a sample."""
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
        at = time.monotonic() - self._began
        return Sample(round(at, 2), settled, descriptors, threading.active_count(), resident)


def soak(digests: int) -> dict[str, Any]:
    """Run the soak, and return its result."""
    rows: NDArray[np.uint8] = np.random.default_rng(SEED).integers(0, 256, (digests, 32), dtype=np.uint8)
    with endpoint() as (endpoint_url, counters):
        session = _session()
        # The first client of a process loads models, classes and handlers that all clients share.
        lc.check(rows[:100], REPOSITORY, session=session, endpoint_url=endpoint_url)
        plan = lc.plan(rows)
        gc.collect()
        sampler = Sampler()
        before = sampler.now(0)
        with lc.Checker(REPOSITORY, session=session, endpoint_url=endpoint_url, rate="max") as checker:
            max_in_flight = checker.max_in_flight
            report = checker.check(plan, progress=sampler)
        gc.collect()
        after = sampler.now(report.rows)
    wanted = np.where(rows[:, 31] % 2 == 0, int(lc.Verdict.AVAILABLE), int(lc.Verdict.UNAVAILABLE))
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "digests": digests,
        "untrue": int((report.verdicts != wanted).sum()),
        "complete": report.complete,
        "max_in_flight": max_in_flight,
        "stats": asdict(report.stats),
        "faults": {kind: count for kind, count in counters[0].pop("faults").items() if count},
        "server": counters[0],
        "before": asdict(before),
        "after": asdict(after),
        "samples": [asdict(sample) for sample in sampler.samples],
    }


def _session() -> Any:
    import boto3

    return boto3.Session("local", "local", region_name="us-east-1")


def problems(told: dict[str, Any]) -> list[str]:
    """The checks that failed, a line each."""
    before, after, samples = told["before"], told["after"], told["samples"]
    grown = samples[-1]["resident_bytes"] - samples[len(samples) // 4]["resident_bytes"]
    descriptors = max(sample["descriptors"] for sample in samples)
    threads = max(sample["threads"] for sample in samples)
    hit = sum(told["faults"].values()) / told["server"]["calls"]
    expected_of_each = told["server"]["calls"] * SHARE / len(KINDS)
    absent = set(KINDS) - set(told["faults"]) if expected_of_each > 20 else set()
    checks = [
        (not told["untrue"] and told["complete"], f"{told['untrue']} verdicts are untrue or missing"),
        (0.8 * SHARE < hit < 1.2 * SHARE, f"{hit:.1%} of the calls met a fault, not {SHARE:.0%}"),
        (not absent, f"these faults never fired: {absent}"),
        (
            descriptors <= before["descriptors"] + told["max_in_flight"] + 8,
            f"{descriptors} file descriptors, {before['descriptors']} before",
        ),
        (
            threads <= before["threads"] + told["max_in_flight"] + 8,
            f"{threads} threads, {before['threads']} before",
        ),
        (after["descriptors"] <= before["descriptors"], f"{after['descriptors']} descriptors are left"),
        (after["threads"] <= before["threads"], f"{after['threads']} threads are left"),
        (
            grown <= ONCE_BYTES + LEDGER_BYTES * told["digests"],
            f"memory grew by {grown / 1e6:.0f} MB after the first quarter",
        ),
    ]
    return [text for fine, text in checks if not fine]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--digests", type=int, default=2_000_000)
    parser.add_argument("--results", type=Path, help="folder of the dated result")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve()
        return 0
    told = soak(chosen.digests)
    told["problems"] = problems(told)
    _tell(told)
    if chosen.results:
        path = chosen.results / f"{told['date']}-soak.json"
        path.write_text(json.dumps(told, indent=1) + "\n")
        print(f"written: {path}")
    return 1 if told["problems"] else 0


def _tell(told: dict[str, Any]) -> None:
    print(f"{'seconds':>8} {'digests':>10} {'descriptors':>11} {'threads':>7} {'memory':>8}")
    every = max(1, len(told["samples"]) // 20)
    for sample in [told["before"], *told["samples"][::every], told["after"]]:
        print(
            f"{sample['at_s']:8.1f} {sample['settled']:10,} {sample['descriptors']:11} {sample['threads']:7}"
            f" {sample['resident_bytes'] / 1e6:5.0f} MB"
        )
    stats, faults = told["stats"], told["faults"]
    print(
        f"{stats['calls']:,} calls in {stats['seconds']:.0f} s, {stats['retries']:,} of"
        f" {stats['requests']:,} requests were retries, {stats['throttles']:,} throttled;"
        f" {sum(faults.values()):,} faults of {len(faults)} kinds;"
        f" {told['untrue']:,} of {told['digests']:,} verdicts untrue"
    )
    for problem in told["problems"]:
        print(f"FAILED: {problem}")


if __name__ == "__main__":
    sys.exit(main())
