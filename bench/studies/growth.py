"""Measures what a row costs in plans of 5, 50 and 100 million raw digests: `python bench studies.growth`.

The processor's time has two parts. The program's part (user) grows with misses of the caches. The system's
part is the zeroing of new pages, and on a virtual machine also the host's work for pages that the machine had
given back. So each size is measured twice: with memory as the machine has it, and with memory that the
process used and freed just before. Each trial is a process of its own, and the sizes take turns. The study
compares the index of every row and all unique digests with what the generator drew before it counts a time.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

import layercheck as lc
from offline.data.datasets import Mix, raw_rows
from offline.harness import measure, results

BENCH = Path(__file__).parent.parent
RESULT = BENCH / "results" / "growth.json"
MILLIONS = (5, 50, 100)
DUPLICATES = (0.0, 0.2)
ROUNDS = 3
TIMEOUT_S = 600
MEMORY = {"as-it-is": False, "ready": True}
TIMES = ("wall_ns", "user_ns", "cpu_ns")
FREED_BYTES = 80
"""Bytes for each row that a process uses and frees to have memory ready; a plan takes some 64 at its peak."""


@dataclass(frozen=True)
class Trial:
    """What one plan cost.

    Attributes:
        rows: Rows of the plan.
        duplicates: Part of the rows that repeat an earlier digest.
        ready: Whether the process had used and freed so much memory just before.
        wall_ns: Nanoseconds of the clock for a row.
        user_ns: Nanoseconds of the processor in the program for a row, of all threads.
        cpu_ns: The same in the program and in the operating system.
        faults: Page faults.
        bytes_a_digest: Peak of resident memory beyond the input and 8 bytes a row, for each unique digest.
    """

    rows: int
    duplicates: float
    ready: bool
    wall_ns: float
    user_ns: float
    cpu_ns: float
    faults: int
    bytes_a_digest: float


def trial(rows: int, duplicates: float, *, ready: bool) -> Trial:
    """Plan rows whose answer is known in this process.

    Raises:
        AssertionError: If the plan is not the true one.
    """
    digests, numbers, first = raw_rows(Mix(rows, duplicates, dirty=False))
    if ready:
        np.ones(rows * FREED_BYTES, np.uint8)
    resident = measure.forget_peak()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    plan = lc.plan(digests)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    most = measure.peak()
    assert (plan.rows, plan.unique, plan.invalid) == (rows, int(first.sum()), 0)
    assert np.array_equal(np.asarray(plan.row_index), numbers.view(np.int64)), "a row has another's index"
    assert np.array_equal(np.asarray(plan.digests), digests[first]), "the unique digests differ"
    return Trial(
        rows,
        duplicates,
        ready,
        wall / rows * 1e9,
        (after.ru_utime - before.ru_utime) / rows * 1e9,
        (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rows * 1e9,
        after.ru_minflt - before.ru_minflt,
        (most - resident - 8 * rows) / plan.unique,
    )


def in_own_process(rows: int, duplicates: float, *, ready: bool) -> Trial:
    """Do the same in a fresh interpreter.

    Raises:
        RuntimeError: If the process fails; the message contains its standard error.
    """
    told = json.dumps({"rows": rows, "duplicates": duplicates, "ready": ready})
    command = [sys.executable, str(BENCH), "studies.growth", "--trial", told]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"a plan of {rows:,} rows failed:\n{done.stderr}")
    return Trial(**json.loads(done.stdout))


def median(trials: list[Trial]) -> Trial:
    """The median of each figure."""
    figures = {
        field.name: statistics.median(getattr(each, field.name) for each in trials)
        for field in dataclasses.fields(Trial)
        if field.name not in ("rows", "duplicates", "ready")
    }
    return dataclasses.replace(trials[0], **figures)


def study(sizes: list[int], rounds: int, states: list[bool]) -> list[Trial]:
    """Measure all sizes in turns; the medians, by kind of input and state of memory, in order of size."""
    kinds = list(product(DUPLICATES, states, sizes))
    trials: dict[tuple[float, bool, int], list[Trial]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for duplicates, ready, rows in kinds:
            trials[duplicates, ready, rows].append(in_own_process(rows, duplicates, ready=ready))
    return [median(each) for each in trials.values()]


def main() -> None:
    """Print the table, and write it to bench/results with --keep."""
    options = argparse.ArgumentParser()
    options.add_argument("--millions", type=float, nargs="+", default=list(MILLIONS))
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--memory", nargs="+", default=list(MEMORY), choices=list(MEMORY))
    options.add_argument("--keep", action="store_true", help=f"write {RESULT.parent.name}/{RESULT.name}")
    options.add_argument("--trial", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.trial:
        print(json.dumps(dataclasses.asdict(trial(**json.loads(given.trial)))))
        return
    plans, sizes = [], [int(millions * 1e6) for millions in given.millions]
    for each in (medians := study(sizes, given.rounds, [MEMORY[state] for state in given.memory])):
        smallest = next(
            one for one in medians if (one.duplicates, one.ready) == (each.duplicates, each.ready)
        )
        times = {figure: getattr(each, figure) / getattr(smallest, figure) for figure in TIMES}
        print(
            f"{each.rows / 1e6:5g} M rows, {each.duplicates:3.0%} duplicates, "
            f"memory {'ready   ' if each.ready else 'as it is'}:",
            *(f"{figure} {getattr(each, figure):5.1f} ({times[figure]:.2f} x)," for figure in TIMES),
            f"{each.faults:7,.0f} faults, {each.bytes_a_digest:5.1f} B a digest",
        )
        plans.append(dataclasses.asdict(each) | {"times_the_smallest": times})
    if given.keep:
        RESULT.write_text(
            json.dumps({**results.setting(()), "rounds": given.rounds, "plans": plans}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
