"""Fails the n-th write, sync or open of a journal and of a report, and looks at what is left.

`make journal-disk`, or `python -m journal.failing_disk`. It needs strace, which makes the system calls
fail; without it this fails, and does not pass over anything in silence.
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
from journal.interrupted_runs import DONE, SMALL, Audit, rows

SIZE = replace(SMALL, options=(*SMALL.options, "--durability", "full"))
ERRORS = ("ENOSPC", "EIO")
INCOMPLETE = 4


@dataclass(frozen=True)
class Point:
    """Where the disk fails.

    Attributes:
        files: Names in the folder of the audit; an empty one is the folder itself.
        calls: System calls on these, as strace names them.
        numbers: Which of these calls fail.
        every_way: With each error, once and from then on; otherwise a full disk once, a broken one for good.
        noticed: Something comes of it. SQLite does not mind a log that cannot be made shorter.
    """

    files: tuple[str, ...]
    calls: str
    numbers: tuple[int, ...]
    every_way: bool = False
    noticed: bool = True

    def faults(self) -> Iterator[str]:
        """What is injected, as strace has it."""
        ways = itertools.product(ERRORS, ("", "+")) if self.every_way else zip(ERRORS, ("", "+"), strict=True)
        for number, (error, lasting) in itertools.product(self.numbers, list(ways)):
            yield f"error={error}:when={number}{lasting}"


_JOURNAL = ("audit.journal", "audit.journal-wal")
_PART = (".report.csv.known.part",)
POINTS = (
    # By these SQLite writes.
    Point(_JOURNAL, "pwrite64", (1, 2, 5, 20, 60), every_way=True),
    Point(_JOURNAL, "fdatasync", (1, 2, 3, 10), every_way=True),
    Point(("audit.journal-wal",), "ftruncate", (1,), noticed=False),
    Point(("audit.journal",), "openat", (1,)),
    Point(("audit.journal-wal",), "openat", (1,)),
    Point(("audit.journal-shm",), "openat", (1,)),
    Point(("audit.journal-shm",), "pwrite64,ftruncate", (1, 2)),
    # Who writes to the journal; the second time for the run itself.
    Point(("audit.journal-owner",), "openat", (1, 2)),
    Point(("audit.journal-owner",), "write", (1, 2)),
    # The report: made, written, synced, renamed, and its folder synced.
    Point(_PART, "openat", (1, 2)),
    Point(_PART, "write", (1, 2), every_way=True),
    Point(_PART, "fsync", (1,), every_way=True),
    Point((*_PART, "report.csv"), "/^rename", (1,), every_way=True),
    Point(("",), "fsync", (1,), every_way=True),
)


def strike(audit: Audit, strace: str, point: Point, fault: str) -> str:
    """One run with one fault, then the rest without; returns how the first ended."""
    paths = [f"--trace-path={audit.folder / name}" for name in point.files]
    under = [strace, "-f", "-qq", "-o", os.devnull, *paths, f"--inject={point.calls}:{fault}"]
    with audit.start(under=under) as run:
        run.wait()
    said = audit.said.read_text().splitlines()
    assert run.returncode in (DONE, 1, INCOMPLETE), (fault, run.returncode, said)
    assert not any("Traceback" in line or "unexpected" in line for line in said), said
    # A run that ends itself sees to its temporary files, and to a report if it knows anything.
    end = audit.ended(fault, point.calls)
    assert not end.unfinished, (fault, said)
    assert end.report or run.returncode == 1, (fault, said)
    if run.returncode != DONE and end.last_call:
        assert said[-1] == " ".join(["layercheck", *audit.arguments()]), (fault, said)
    audit.compare(audit.finish())
    audit.count()
    if run.returncode == DONE:
        return "went on"
    told = [line.removeprefix("layercheck: ") for line in said if line.startswith("layercheck: ")]
    return " | ".join(line for line in told if not line.endswith(":"))


def main() -> int:
    strace = shutil.which("strace")
    if strace is None:
        sys.stderr.write("journal.failing_disk needs strace: apt-get install strace\n")
        return 1
    begun, text = time.monotonic(), rows(SIZE)
    unnoticed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        whole, _ = kill_loop.prepare(SIZE, folder, text, random.Random(1))
        for point in POINTS:
            told = 0
            for fault in point.faults():
                own = Path(tempfile.mkdtemp(dir=folder))
                with Audit(own, SIZE, text, whole) as audit:
                    ended = strike(audit, strace, point, fault)
                shutil.rmtree(own)
                told += ended != "went on"
                where = ", ".join(file or "the folder" for file in point.files)
                sys.stdout.write(f"{point.calls} on {where}: {fault}: {ended.replace(str(own), '')}\n")
                sys.stdout.flush()
            if not told and point.noticed:
                unnoticed.append(point)
    sys.stdout.write(f"{time.monotonic() - begun:.0f} s\n")
    # Faults that nobody noticed would prove nothing.
    assert not unnoticed, unnoticed
    return 0


if __name__ == "__main__":
    sys.exit(main())
