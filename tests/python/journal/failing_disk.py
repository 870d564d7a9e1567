"""Makes the n-th write, sync or open of a journal and of a report fail, and checks what is left.

Run it with `make journal-disk` or `python -m journal.failing_disk`. It needs strace, which makes the system
calls fail. Without strace the program fails, so that no check is left out in silence.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from journal import kill_loop
from journal.interrupted_runs import DONE, SMALL, InterruptedRuns, rows

SIZE = replace(SMALL, options=(*SMALL.options, "--durability", "full"))
ERRORS = ("ENOSPC", "EIO")
INCOMPLETE = 4


@dataclass(frozen=True)
class Point:
    """A place where the disk fails.

    Attributes:
        files: Names in the folder of the runs; an empty name is the folder itself.
        calls: System calls on these files, as strace names them.
        numbers: The numbers of the calls that fail.
        every_way: Try each error both once and from then on. Otherwise ENOSPC once, and EIO from then on.
        noticed: The run must report it. SQLite ignores it if a log cannot be truncated.
    """

    files: tuple[str, ...]
    calls: str
    numbers: tuple[int, ...]
    every_way: bool = False
    noticed: bool = True

    def faults(self) -> Iterator[str]:
        """The faults to inject, in the words of strace."""
        ways = itertools.product(ERRORS, ("", "+")) if self.every_way else zip(ERRORS, ("", "+"), strict=True)
        for number, (error, lasting) in itertools.product(self.numbers, list(ways)):
            yield f"error={error}:when={number}{lasting}"


_JOURNAL = ("audit.journal", "audit.journal-wal")
_PART = (".report.csv.known.part",)
POINTS = (
    # The calls with which SQLite writes.
    Point(_JOURNAL, "pwrite64", (1, 2, 5, 20, 60), every_way=True),
    Point(_JOURNAL, "fdatasync", (1, 2, 3, 10), every_way=True),
    Point(("audit.journal-wal",), "ftruncate", (1,), noticed=False),
    Point(("audit.journal",), "openat", (1,)),
    Point(("audit.journal-wal",), "openat", (1,)),
    Point(("audit.journal-shm",), "openat", (1,)),
    Point(("audit.journal-shm",), "pwrite64,ftruncate", (1, 2)),
    # The lock of the journal; the second time for the run itself.
    Point(("audit.journal-owner",), "openat", (1, 2)),
    Point(("audit.journal-owner",), "write", (1, 2)),
    # The report: created, written, synced, renamed, and its folder synced.
    Point(_PART, "openat", (1, 2)),
    Point(_PART, "write", (1, 2), every_way=True),
    Point(_PART, "fsync", (1,), every_way=True),
    Point((*_PART, "report.csv"), "/^rename", (1,), every_way=True),
    Point(("",), "fsync", (1,), every_way=True),
)


def run_with_fault(runs: InterruptedRuns, strace: str, point: Point, fault: str) -> str:
    """Run with one fault, then resume without it; return how the first run ended."""
    paths = [f"--trace-path={runs.folder / name}" for name in point.files]
    under = [strace, "-f", "-qq", "-o", os.devnull, *paths, f"--inject={point.calls}:{fault}"]
    with runs.start(under=under) as run:
        run.wait()
    output = runs.output.read_text().splitlines()
    assert run.returncode in (DONE, 1, INCOMPLETE), (fault, run.returncode, output)
    assert not any("Traceback" in line or "unexpected" in line for line in output), output
    # A run that ends itself removes its temporary files, and writes a report if it has verdicts.
    end = runs.record_end(fault, point.calls)
    assert not end.unfinished, (fault, output)
    assert end.report or run.returncode == 1, (fault, output)
    if run.returncode != DONE and end.last_call:
        assert output[-1] == " ".join(["layercheck", *runs.arguments()]), (fault, output)
    runs.compare(runs.finish())
    runs.count()
    if run.returncode == DONE:
        return "went on"
    messages = [line.removeprefix("layercheck: ") for line in output if line.startswith("layercheck: ")]
    return " | ".join(line for line in messages if not line.endswith(":"))


def main() -> int:
    strace = shutil.which("strace")
    if strace is None:
        sys.stderr.write("journal.failing_disk needs strace: apt-get install strace\n")
        return 1
    started_at, text = time.monotonic(), rows(SIZE)
    unnoticed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        expected, _ = kill_loop.prepare(SIZE, folder, text, random.Random(1))
        for point in POINTS:
            reported = 0
            for fault in point.faults():
                own = Path(tempfile.mkdtemp(dir=folder))
                with InterruptedRuns(own, SIZE, text, expected) as runs:
                    ended = run_with_fault(runs, strace, point, fault)
                shutil.rmtree(own)
                reported += ended != "went on"
                where = ", ".join(file or "the folder" for file in point.files)
                sys.stdout.write(f"{point.calls} on {where}: {fault}: {ended.replace(str(own), '')}\n")
                sys.stdout.flush()
            if not reported and point.noticed:
                unnoticed.append(point)
    sys.stdout.write(f"{time.monotonic() - started_at:.0f} s\n")
    # A fault that no run noticed proves nothing.
    assert not unnoticed, unnoticed
    return 0


if __name__ == "__main__":
    sys.exit(main())
