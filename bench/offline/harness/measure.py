"""Measures one trial in a process of its own, so that its peak of memory is its own too.

`python bench offline.harness.measure '{"form": "text_file", "module": "plan_polars", ...}'` prints a
trial as JSON. A *form* is a job ("text_file": plan a text file). `input_forms` has a function of the form's
name that prepares the input. The contender's module has a function of the same name, and only this function
is timed. The module's `answer` turns its result into the answer, which the trial keeps.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import mmap
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
"""Forms too short to time once: a trial repeats them for a fifth of a second and keeps the mean."""


@dataclass(frozen=True)
class Task:
    """What to measure.

    Attributes:
        form: The job.
        module: Module of `offline.contenders` that does it.
        source: What `input_forms` makes the input from, in a form that JSON can hold.
        cores: How many CPU cores the process may use; None for all.
        watch_lock: Let a second Python thread count during the job.
        ready_bytes: Bytes that the process uses and frees just before the job.
    """

    form: str
    module: str
    source: Any
    cores: int | None = None
    watch_lock: bool = False
    ready_bytes: int = 0


@dataclass(frozen=True)
class Trial:
    """What was measured.

    Attributes:
        seconds: Wall-clock time of the job, without imports and without preparing the input.
        cpu_seconds: Processor time of all its threads and of the processes that it started.
        before_bytes: Resident memory just before the job, the prepared input included.
        peak_bytes: Peak of resident memory during the job; for a pipe, that of its largest process.
        progress: Speed of a counting thread, as a part of its speed without the job; None if not watched.
        answer: What the contender found.
    """

    seconds: float
    cpu_seconds: float
    before_bytes: int
    peak_bytes: int
    progress: float | None
    answer: Any


def in_own_process(task: Task, timeout_s: float) -> Trial:
    """Measure in a fresh interpreter.

    Raises:
        RuntimeError: If the process fails; the message contains its standard error.
    """
    command = [sys.executable, str(BENCH), "offline.harness.measure", json.dumps(dataclasses.asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise RuntimeError(f"{task.module} failed at {task.form}:\n{done.stderr}")
    return Trial(**json.loads(done.stdout))


def here(task: Task) -> Any:
    """Do the job in this process without a clock, and return the answer."""
    run, value, answer = _prepared(task)
    return plain(answer(run(value)))


def plain(answer: Any) -> Any:
    """The answer as it comes back from JSON."""
    whole = (
        dataclasses.asdict(answer)
        if dataclasses.is_dataclass(answer) and not isinstance(answer, type)
        else answer
    )
    return json.loads(json.dumps(whole))


def _prepared(task: Task) -> tuple[Callable[[Any], Any], Any, Callable[[Any], Any]]:
    module = importlib.import_module(f"offline.contenders.{task.module}")
    value = getattr(importlib.import_module("offline.data.input_forms"), task.form)(task.source)
    # A contender that needs the input in another form, such as a table, converts it before the clock starts.
    adapt = getattr(module, f"ready_{task.form}", None)
    return getattr(module, task.form), adapt(value) if adapt else value, module.answer


def _measured(task: Task) -> Trial:
    if task.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.cores])
    run, value, answer = _prepared(task)
    gc.collect()
    gc.freeze()  # so that the collector skips the objects that exist before the job, for every contender
    counter = _Counter() if task.watch_lock else None
    if task.ready_bytes:
        _use_and_free(task.ready_bytes)
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
    return Trial(seconds, cpu, before, most, progress, plain(answer(result)))


def _use_and_free(amount: int) -> None:
    """Use and free so much memory, in small and in huge pages: Linux keeps them in different lists."""
    bytearray(b"\1") * amount
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is not None:
        with mmap.mmap(-1, amount) as pages:
            pages.madvise(advice)
            for start in range(0, amount, mmap.PAGESIZE):
                pages[start] = 1


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
    """A Python thread that only counts; its speed shows how often it gets the interpreter lock."""

    def __init__(self) -> None:
        self.count = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._alone = self._rate_while_idle()

    def stop(self, rate: float) -> float:
        """Stop, and return `rate` (counts per second) as a part of the thread's rate alone."""
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
    """Return the resident bytes, and start a new peak where the system can do that.

    Without this the child of a large process looks large itself, because a peak survives `exec`.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return peak()


def peak() -> int:
    """Peak of resident bytes since `forget_peak`."""
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
    raise OSError(f"the status of this process lacks {name}")


def _bytes(maxrss: int) -> int:
    # Linux counts kibibytes, macOS bytes.
    return maxrss if sys.platform == "darwin" else maxrss * 1024


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(_measured(Task(**json.loads(sys.argv[1]))))))
