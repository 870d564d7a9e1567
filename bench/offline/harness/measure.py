"""One measurement in a process of its own, so that its peak of memory is its own too.

`python bench offline.harness.measure '{"form": "text_file", "module": "plan_polars", ...}'` prints a
lap as JSON. A *form* is a job ("text_file": plan a text file). The module `input_forms` makes the input
ready under the form's name, and the implementation's module has a function of that name, which alone is
timed. Its result goes to that module's `answer`, and the answer into the lap.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parents[2]
REPEATED = {"body", "hex_encode", "merge", "process"}
"""Forms too short to time once: repeated for a fifth of a second, and a lap is the mean."""


@dataclass(frozen=True)
class Task:
    """What to measure.

    Attributes:
        form: The job.
        module: Who does it.
        source: What `input_forms` makes the input from; anything JSON can hold.
        cores: How many CPU cores the process may use; None for all.
        watch_lock: Let a second Python thread count meanwhile.
    """

    form: str
    module: str
    source: Any
    cores: int | None = None
    watch_lock: bool = False


@dataclass(frozen=True)
class Lap:
    """What was measured.

    Attributes:
        seconds: Wall-clock time of the job, without imports and making the input ready.
        cpu_seconds: Processor time of it, all threads, and of processes it started.
        before_bytes: Resident memory just before, the ready input included.
        peak_bytes: The most resident memory during the job; of a pipe, its largest process's.
        progress: What a counting thread got done, as a part of what it does alone; None if not watched.
        answer: What was found.
    """

    seconds: float
    cpu_seconds: float
    before_bytes: int
    peak_bytes: int
    progress: float | None
    answer: Any


def in_own_process(task: Task, timeout_s: float) -> Lap:
    """Measure in a fresh interpreter.

    Raises:
        RuntimeError: If it fails, with what it wrote to standard error.
    """
    command = [sys.executable, str(BENCH), "offline.harness.measure", json.dumps(dataclasses.asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise RuntimeError(f"{task.module} failed at {task.form}:\n{done.stderr}")
    return Lap(**json.loads(done.stdout))


def here(task: Task) -> Any:
    """The answer alone, in this process."""
    run, value, answer = _ready(task)
    return plain(answer(run(value)))


def plain(answer: Any) -> Any:
    """An answer as JSON would bring it back."""
    whole = (
        dataclasses.asdict(answer)
        if dataclasses.is_dataclass(answer) and not isinstance(answer, type)
        else answer
    )
    return json.loads(json.dumps(whole))


def _ready(task: Task) -> tuple[Callable[[Any], Any], Any, Callable[[Any], Any]]:
    module = importlib.import_module(f"offline.contenders.{task.module}")
    value = getattr(importlib.import_module("offline.data.input_forms"), task.form)(task.source)
    # Where an implementation needs the input in a shape of its own, a table for one.
    adapt = getattr(module, f"ready_{task.form}", None)
    return getattr(module, task.form), adapt(value) if adapt else value, module.answer


def _measured(task: Task) -> Lap:
    if task.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.cores])
    run, value, answer = _ready(task)
    gc.collect()
    gc.freeze()  # what is there already is no work for the collector, in no implementation
    counter = _Counter() if task.watch_lock else None
    before = forget_peak()
    cpu = _cpu_seconds()
    began = time.perf_counter()
    count = counter.count if counter else 0
    result = run(value)
    seconds = time.perf_counter() - began
    counted = counter.count - count if counter else 0
    cpu = _cpu_seconds() - cpu
    most = max(peak(), _peak_of_children())
    progress = counter.stop(counted / seconds) if counter else None
    if task.form in REPEATED:
        seconds, cpu = _mean(run, value, seconds)
    return Lap(seconds, cpu, before, most, progress, plain(answer(result)))


def _mean(run: Callable[[Any], Any], value: Any, seconds: float) -> tuple[float, float]:
    times = max(3, int(0.2 / max(seconds, 1e-6)))
    while True:
        cpu, began = _cpu_seconds(), time.perf_counter()
        for _ in range(times):
            run(value)
        seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu
        if seconds >= 0.1:
            return seconds / times, cpu / times
        times *= 4


class _Counter:
    """A Python thread that does nothing but count, and so shows how often it gets the interpreter lock."""

    def __init__(self) -> None:
        self.count = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._alone = self._rate_while_idle()

    def stop(self, rate: float) -> float:
        """`rate`, counts per second, as a part of the rate while nobody else runs."""
        alone = (self._alone + self._rate_while_idle()) / 2
        self._ended = True
        self._thread.join()
        return rate / alone

    def _rate_while_idle(self) -> float:
        began, count = time.perf_counter(), self.count
        time.sleep(0.5)
        return (self.count - count) / (time.perf_counter() - began)

    def _run(self) -> None:
        while not self._ended:
            self.count += 1


def _cpu_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def forget_peak() -> int:
    """Resident bytes now; from here on, the peak counts anew where the system can do that.

    A peak survives `exec`, so that without this a child of a large process looks large itself.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return peak()


def peak() -> int:
    """The most resident bytes since then."""
    try:
        return _status("VmHWM")
    except OSError:
        return _bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _peak_of_children() -> int:
    return _bytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {name} in the status of this process")


def _bytes(maxrss: int) -> int:
    # Linux counts kibibytes, macOS bytes.
    return maxrss if sys.platform == "darwin" else maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(_measured(Task(**json.loads(sys.argv[1]))))))
