"""Measures one contender in a process of its own: the task that it gets, and the trial that it prints.

Every contender is a program that takes a task as JSON and prints a trial as JSON. Contenders in Python call
`run`; the others do the same by themselves. This module imports only the standard library, because a
contender may live in a virtual environment without layercheck.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import itertools
import json
import resource
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

BATCH = 100
REPOSITORY = "app"
CODES = {"AVAILABLE": 1, "UNAVAILABLE": 2, "ARCHIVED": 3}


@dataclass(frozen=True)
class Task:
    """What to ask, and how.

    Attributes:
        endpoint_url: Address of the endpoint.
        ca_bundle: File of the certificates to trust; None without TLS.
        digests: A file with a digest a line; the task takes the first ones.
        calls: How many calls of 100 digests.
        in_flight: How many calls at once.
        option: An option of this contender.
        count: Count interpreter-level calls; the times then mean nothing, because counting slows the calls.
    """

    endpoint_url: str
    ca_bundle: str | None
    digests: str
    calls: int
    in_flight: int
    option: str | None = None
    count: bool = False

    def texts(self) -> list[str]:
        """The digests of the task."""
        with Path(self.digests).open(encoding="ascii") as lines:
            return [line.strip() for line in itertools.islice(lines, self.calls * BATCH)]


@dataclass(frozen=True)
class Trial:
    """What was measured, from what the contender takes to all verdicts: texts, or for one of them a plan.

    Attributes:
        seconds: Wall-clock time.
        cpu_seconds: Processor time of all threads and processes of the contender.
        before_bytes: Resident memory before the first call.
        peak_bytes: Peak of resident memory.
        p50_ms: Median duration of a call, as its caller sees it.
        p99_ms: 99th percentile of the same.
        interpreter_calls: Python and C functions that the interpreter entered a call; None if not counted.
        there: How many digests are available.
        verdicts: Hash of the codes of all digests, in order.
    """

    seconds: float
    cpu_seconds: float
    before_bytes: int
    peak_bytes: int
    p50_ms: float
    p99_ms: float
    interpreter_calls: float | None
    there: int
    verdicts: str


class Contender(Protocol):
    """Made before the clock starts; asked once to open its connections, and once for the trial."""

    times: list[float]
    """Duration of each call, in seconds."""
    extra_cpu_seconds: float
    extra_bytes: int
    """Costs of the processes that it started."""

    def prepare(self, digests: list[str]) -> Any:
        """Return what `ask` takes, before the clock starts."""

    def ask(self, digests: Any) -> bytes:
        """Return the code of each digest."""

    def close(self) -> None:
        """Close the connections and end the processes."""


def codes(known: dict[str, str], digests: Iterable[str]) -> bytes:
    """The code of each digest, by its availability."""
    return bytes(CODES[known[digest]] for digest in digests)


def told(verdicts: bytes) -> dict[str, Any]:
    """The part of a trial that describes its answer."""
    return {"there": verdicts.count(1), "verdicts": hashlib.sha256(verdicts).hexdigest()}


def run(make: Callable[[Task], Contender]) -> None:
    """Measure the contender that `make` returns at the task of the command line, and print the trial."""
    task = Task(**json.loads(sys.argv[1]))
    digests = task.texts()
    counted = _counting() if task.count else None
    contender = make(task)
    contender.ask(contender.prepare(digests[: BATCH * task.in_flight]))
    prepared = contender.prepare(digests)
    contender.times.clear()
    contender.extra_cpu_seconds = 0.0
    gc.collect()
    gc.freeze()
    before = _forget_peak()
    count = counted() if counted else 0
    cpu, began = cpu_seconds(), perf_counter()
    verdicts = contender.ask(prepared)
    seconds, cpu = perf_counter() - began, cpu_seconds() - cpu
    calls = (counted() - count) / task.calls if counted else None
    sys.setprofile(None)
    times = sorted(contender.times)
    measured = Trial(
        seconds=seconds,
        cpu_seconds=cpu + contender.extra_cpu_seconds,
        before_bytes=before,
        peak_bytes=peak_bytes() + contender.extra_bytes,
        p50_ms=1e3 * times[(len(times) - 1) // 2],
        p99_ms=1e3 * times[int((len(times) - 1) * 0.99)],
        interpreter_calls=calls,
        **told(verdicts),
    )
    contender.close()
    print(json.dumps(dataclasses.asdict(measured)))


def _counting() -> Callable[[], int]:
    """Count every call of this and of every later thread; return a function that tells the count so far."""
    ticks = itertools.count()  # `next` of a count is one step of the interpreter, so threads lose no tick
    tick = ticks.__next__

    def hook(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            tick()

    threading.setprofile(hook)
    sys.setprofile(hook)
    return lambda: int(repr(ticks)[6:-1])


def cpu_seconds() -> float:
    """Processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _forget_peak() -> int:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_bytes()
    return _status("VmRSS")


def peak_bytes() -> int:
    """Peak of resident memory since `_forget_peak`, or since the start."""
    try:
        return _status("VmHWM")
    except OSError:
        maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return maxrss if sys.platform == "darwin" else maxrss * 1024


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"the status of this process lacks {name}")
