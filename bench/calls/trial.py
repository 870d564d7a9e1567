"""One measurement of one contestant, in a process of its own: what it is given, and what it tells.

Every contestant is a program that takes a task as JSON and prints a lap as JSON; those in Python call
`run` here, the others do the same by themselves. Standard library alone, because a contestant may
live in a virtual environment without layercheck.
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
        endpoint_url: Where.
        ca_bundle: Whom to trust, if it is by TLS.
        digests: A file, a digest a line; as many as are needed are taken from its start.
        calls: How many calls of 100 digests.
        in_flight: How many at once.
        option: A setting of the contestant's own.
        count: Count interpreter-level calls in place of measuring times, which that makes worthless.
    """

    endpoint_url: str
    ca_bundle: str | None
    digests: str
    calls: int
    in_flight: int
    option: str | None = None
    count: bool = False

    def texts(self) -> list[str]:
        """The digests to ask for."""
        with Path(self.digests).open(encoding="ascii") as lines:
            return [line.strip() for line in itertools.islice(lines, self.calls * BATCH)]


@dataclass(frozen=True)
class Lap:
    """What was measured, from the digests as texts to all verdicts.

    Attributes:
        seconds: Wall-clock time.
        cpu_seconds: Processor time of all threads and processes of the contestant.
        before_bytes: Resident memory before.
        peak_bytes: The most of it meanwhile.
        p50_ms: Half of the calls took at most so long, as their caller saw it.
        p99_ms: 99 in 100 of them.
        interpreter_calls: Python and C functions the interpreter entered for each call; None if not counted.
        there: How many digests are available.
        verdicts: The hash of one code a digest, in order.
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


class Contestant(Protocol):
    """Made before the clock runs; asked once to make its connections, and once for the lap."""

    times: list[float]
    """How long each call took, in seconds."""
    extra_cpu_seconds: float
    extra_bytes: int
    """Of processes of its own."""

    def ask(self, digests: list[str]) -> bytes:
        """The code of each digest."""

    def close(self) -> None:
        """End."""


def codes(known: dict[str, str], digests: Iterable[str]) -> bytes:
    """The codes of digests whose availability is known."""
    return bytes(CODES[known[digest]] for digest in digests)


def told(verdicts: bytes) -> dict[str, Any]:
    """What a lap tells of its answer."""
    return {"there": verdicts.count(1), "verdicts": hashlib.sha256(verdicts).hexdigest()}


def run(ready: Callable[[Task], Contestant]) -> None:
    """Measure the contestant that `ready` makes at the task of the command line; print the lap."""
    task = Task(**json.loads(sys.argv[1]))
    digests = task.texts()
    counted = _counting() if task.count else None
    contestant = ready(task)
    contestant.ask(digests[: BATCH * task.in_flight])
    contestant.times.clear()
    contestant.extra_cpu_seconds = 0.0
    gc.collect()
    gc.freeze()
    before = _forget_peak()
    count = counted() if counted else 0
    cpu, began = cpu_seconds(), perf_counter()
    verdicts = contestant.ask(digests)
    seconds, cpu = perf_counter() - began, cpu_seconds() - cpu
    calls = (counted() - count) / task.calls if counted else None
    sys.setprofile(None)
    times = sorted(contestant.times)
    lap = Lap(
        seconds=seconds,
        cpu_seconds=cpu + contestant.extra_cpu_seconds,
        before_bytes=before,
        peak_bytes=peak_bytes() + contestant.extra_bytes,
        p50_ms=1e3 * times[(len(times) - 1) // 2],
        p99_ms=1e3 * times[int((len(times) - 1) * 0.99)],
        interpreter_calls=calls,
        **told(verdicts),
    )
    contestant.close()
    print(json.dumps(dataclasses.asdict(lap)))


def _counting() -> Callable[[], int]:
    """From now on every call in this and in every later thread is counted; the count so far."""
    ticks = itertools.count()  # its next is one step of the interpreter, so that threads lose no tick
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
    """The most resident memory since it was last forgotten, or since the start."""
    try:
        return _status("VmHWM")
    except OSError:
        maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return maxrss if sys.platform == "darwin" else maxrss * 1024


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {name} in the status of this process")
