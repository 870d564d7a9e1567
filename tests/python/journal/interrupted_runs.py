"""Runs of the real command that are ended early, and the calls that this cost, counted at the server."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from journal import killed_run
from layercheck.cli import main as layercheck
from layercheck.journal import writer
from layercheck.limits import DEFAULT_MAX_IN_FLIGHT
from layercheck.testing import Fault, LocalEcr

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}
SERVER_FAULTS = {"server_error": 0.03, "disconnect": 0.02}
"""Kind of fault to the fraction of calls that it hits: together one call in twenty."""

DONE = 3
"""The exit code of a complete run: some digests are unavailable, and one row is invalid."""


@dataclass(frozen=True)
class Size:
    """The size of a run.

    Attributes:
        digests: Different digests. The input has two more rows, a repeated digest and an invalid row.
        in_flight: Calls at once.
        unsaved: Finished batches that may wait for the disk.
        latency_ms: The server's latency.
        sizes: The argument SIZES of `killed_run`.
        options: More options of the command.
    """

    digests: int
    in_flight: int
    unsaved: int
    latency_ms: float
    sizes: str
    options: tuple[str, ...] = ()

    @property
    def lost_at_most(self) -> int:
        """Answers that a kill may lose: those in flight, and one uncommitted group."""
        return self.in_flight + self.unsaved


# More digests than one part of the plan holds, 2^18.
SHIPPED = Size(300_000, DEFAULT_MAX_IN_FLIGHT, writer.UNSAVED, 5, "shipped")
SHIPPED_FAST = Size(300_000, DEFAULT_MAX_IN_FLIGHT, writer.UNSAVED, 5, "shipped", ("--rate", "max"))
SMALL = Size(
    *(12_000, 6, killed_run.UNSAVED, 1, "small"),
    options=("--rate", "max", "--max-in-flight", "6", "--batch-size", "20"),
)


def rows(size: Size) -> str:
    """The text of the input file."""
    lines = [f"sha256:{number * 2_654_435_761 % 2**256:064x}" for number in range(size.digests)]
    return "\n".join([*lines, "junk", lines[0]]) + "\n"


def server(size: Size) -> LocalEcr:
    """A server that has half of the digests and fails one call in twenty."""
    faults = [Fault(kind, probability=part) for kind, part in SERVER_FAULTS.items()]  # type: ignore[arg-type]
    ecr = LocalEcr(("app",), faults=faults, seed=7, latency_ms=size.latency_ms, log_calls=1_000_000)
    ecr.set_rule("app", "fraction", fraction=0.5)
    return ecr


@dataclass
class End:
    """One early end of a run.

    Attributes:
        how: The signal.
        when: The instant that it was aimed at.
        last_call: The number of calls that the server had received by then.
        report: True if the run left a report.
        unfinished: True if it left an unfinished report under a temporary name.
        lost: Answered calls whose digests a later run asked again.
        asked_again: All calls whose digests a later run asked again, including failed calls.
    """

    how: str
    when: str
    last_call: int
    report: bool = False
    unfinished: bool = False
    lost: int = 0
    asked_again: int = 0

    @property
    def is_graceful(self) -> bool:
        """True if the run could end itself, so that it must not lose anything."""
        return self.how in ("SIGINT", "SIGTERM")


@dataclass
class InterruptedRuns:
    """Runs of one command in a folder, the server that they ask, and their early ends.

    Attributes:
        folder: The folder of all files.
        size: The size of a run.
        text: The input.
        expected: The report of an uninterrupted run.
        ends: The early ends.
        unfinished: Unfinished reports that killed runs left behind, until a run writes the report.
    """

    folder: Path
    size: Size
    text: str
    expected: bytes = b""
    ends: list[End] = field(default_factory=list)
    unfinished: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ecr = server(self.size)
        self.rows, self.output = self.folder / "rows.txt", self.folder / "output"
        self.journal, self.report = self.folder / "audit.journal", self.folder / "report.csv"
        self.rows.write_text(self.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ecr.close()

    def arguments(self, *, journal: bool = True) -> list[str]:
        """The arguments of `layercheck`."""
        kept = ["--journal", str(self.journal)] if journal else []
        place = ["--endpoint-url", self.ecr.endpoint_url, "-o", str(self.report)]
        return ["check", "app", str(self.rows), *place, *kept, *self.size.options]

    def start(
        self, step: str = "", times: int = 1, *, journal: bool = True, under: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start the command in a process of its own; `under` is a command that runs it, such as strace.

        This is the shipped command, unless the caller asks for a step or for small sizes.
        """
        if not step and self.size.sizes == "shipped":
            command = [sys.executable, "-m", "layercheck"]
        else:
            command = [sys.executable, "-m", "journal.killed_run", self.size.sizes, step, str(times)]
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [*under, *command, *self.arguments(journal=journal)],
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
            )

    def finish(self, *, journal: bool = True) -> bytes:
        """Run the command to its end; return its report."""
        with self.start(journal=journal) as run:
            run.wait()
        assert run.returncode == DONE, (run.returncode, self.output.read_text())
        # A complete run also removes the unfinished reports of killed runs.
        assert not list(self.folder.glob(f".{self.report.name}.*.part"))
        return self.report.read_bytes()

    def record_end(self, how: str, when: str) -> End:
        """Check what an ended run left behind, and record the end."""
        end = End(how, when, self.ecr.counters.calls)
        self.check_files(end)
        self.ends.append(end)
        return end

    def check_files(self, end: End) -> None:
        """Check that the journal is sound, and that the report is whole or missing.

        Check a copy of the journal, because opening it merges its log, and the resuming run must do that.
        """
        if self.report.exists():
            end.report = True
            lines = self.report.read_bytes().splitlines()
            assert len(lines) == len(self.text.splitlines()) + 1, end
            assert lines[-1].startswith(b"%d," % (len(lines) - 2)), end
            self.report.unlink()
        unfinished = set(self.folder.glob(f".{self.report.name}.*"))
        end.unfinished = bool(unfinished - self.unfinished)
        self.unfinished = unfinished
        if not self.journal.exists():
            return
        copies = self.folder / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        for suffix in ("", "-wal"):
            file = self.journal.with_name(self.journal.name + suffix)
            if file.exists():
                shutil.copy(file, copies)
        copy = copies / self.journal.name
        code, output = verify(copy)
        has_run = code == 0 or "holds no run" not in output
        assert code == 0 or not has_run, (end, output)
        # A run may leave an empty journal before its first call, but not after it.
        assert has_run or not end.last_call, (end, output)
        assert integrity(copy) == [("ok",)], end

    def compare(self, found: bytes) -> None:
        """Check that a report equals that of an uninterrupted run, row by row."""
        if found == self.expected:
            return
        expected, lines = self.expected.splitlines(), found.splitlines()
        differing = [pair for pair in zip(expected, lines, strict=False) if pair[0] != pair[1]]
        raise AssertionError(
            f"{len(expected)} lines became {len(lines)}; the first differences: {differing[:3]}"
        )

    def count(self) -> None:
        """Count at the server the calls that each end cost, and check that they are no more than promised."""
        calls = self.ecr.calls
        asked_later = {digest for call in calls[self.ends[-1].last_call :] for digest in call.digests}
        for number, end in reversed(list(enumerate(self.ends))):
            own_calls = calls[self.ends[number - 1].last_call if number else 0 : end.last_call]
            again = {
                call.digests[0]: call.outcome
                for call in own_calls
                if not asked_later.isdisjoint(call.digests)
            }
            end.asked_again = len(again)
            end.lost = sum(outcome == "answered" for outcome in again.values())
            assert end.lost <= (0 if end.is_graceful else self.size.lost_at_most), end
            asked_later.update(digest for call in own_calls for digest in call.digests)


def integrity(journal: Path) -> list[tuple[str]]:
    """The result of SQLite's own check."""
    base = sqlite3.connect(journal)
    try:
        return base.execute("PRAGMA integrity_check").fetchall()
    finally:
        base.close()


def verify(journal: Path) -> tuple[int, str]:
    """The exit code and the output of `layercheck journal verify`."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = layercheck(["journal", "verify", str(journal)])
    return code, out.getvalue()


def accept_interrupts() -> None:
    """Restore Ctrl-C, which a background job of a script ignores, and its children with it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
