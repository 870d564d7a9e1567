"""An audit by the real command that is ended again and again, and what that cost, counted at the server."""

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
from layercheck.aws.client import DEFAULT_MAX_IN_FLIGHT
from layercheck.cli import main as layercheck
from layercheck.journal import writer
from layercheck.testing import Fault, LocalEcr

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}
SERVER_FAULTS = {"server_error": 0.03, "disconnect": 0.02}
"""Kind to the part of calls that it strikes: one in twenty in all."""

DONE = 3
"""The exit code of the whole run: some digests are not there, and one row is no digest."""


@dataclass(frozen=True)
class Size:
    """How large an audit is.

    Attributes:
        digests: Different ones; two rows more are one that comes again and one that is none.
        in_flight: Calls at once.
        unsaved: Finished batches that may wait for the disk.
        latency_ms: Of the server.
        sizes: As `killed_run` takes it.
        options: More for the command.
    """

    digests: int
    in_flight: int
    unsaved: int
    latency_ms: float
    sizes: str
    options: tuple[str, ...] = ()

    @property
    def lost_at_most(self) -> int:
        """Answers that a kill may cost: those in flight, and one group that was not committed."""
        return self.in_flight + self.unsaved


# More digests than one part of the plan holds, 2^18.
SHIPPED = Size(300_000, DEFAULT_MAX_IN_FLIGHT, writer.UNSAVED, 5, "shipped")
SHIPPED_FAST = Size(300_000, DEFAULT_MAX_IN_FLIGHT, writer.UNSAVED, 5, "shipped", ("--rate", "max"))
SMALL = Size(
    *(12_000, 6, killed_run.UNSAVED, 1, "small"),
    options=("--rate", "max", "--max-in-flight", "6", "--batch-size", "20"),
)


def rows(size: Size) -> str:
    """The input file."""
    lines = [f"sha256:{number * 2_654_435_761 % 2**256:064x}" for number in range(size.digests)]
    return "\n".join([*lines, "junk", lines[0]]) + "\n"


def server(size: Size) -> LocalEcr:
    """Half of the digests, and one call in twenty fails."""
    faults = [Fault(kind, probability=part) for kind, part in SERVER_FAULTS.items()]  # type: ignore[arg-type]
    ecr = LocalEcr(("app",), faults=faults, seed=7, latency_ms=size.latency_ms, log_calls=1_000_000)
    ecr.set_rule("app", "fraction", fraction=0.5)
    return ecr


@dataclass
class End:
    """One end of a run before its time.

    Attributes:
        how: The signal.
        when: What it was aimed at.
        last_call: Number of the last call that the server had of it.
        report: A report stood there after it.
        unfinished: A part of one was left under a temporary name.
        lost: Calls that were answered and whose digests a later run asked again.
        asked_again: All of whose digests a later run asked again, those that failed too.
    """

    how: str
    when: str
    last_call: int
    report: bool = False
    unfinished: bool = False
    lost: int = 0
    asked_again: int = 0

    @property
    def in_peace(self) -> bool:
        """The run was allowed to end itself, so nothing may be lost."""
        return self.how in ("SIGINT", "SIGTERM")


@dataclass
class Audit:
    """Runs of one command in a folder, the server that they ask, and how they ended.

    Attributes:
        folder: Where its files are.
        size: How large it is.
        text: The input.
        whole: The report of a run that nobody interrupts.
        ends: The runs that were ended.
        left: Unfinished reports that these left behind, until somebody writes the report.
    """

    folder: Path
    size: Size
    text: str
    whole: bytes = b""
    ends: list[End] = field(default_factory=list)
    left: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ecr = server(self.size)
        self.rows, self.said = self.folder / "rows.txt", self.folder / "said"
        self.journal, self.report = self.folder / "audit.journal", self.folder / "report.csv"
        self.rows.write_text(self.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ecr.close()

    def arguments(self, *, journal: bool = True) -> list[str]:
        """The command line behind `layercheck`."""
        kept = ["--journal", str(self.journal)] if journal else []
        place = ["--endpoint-url", self.ecr.endpoint_url, "-o", str(self.report)]
        return ["check", "app", str(self.rows), *place, *kept, *self.size.options]

    def start(
        self, step: str = "", times: int = 1, *, journal: bool = True, under: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """The command in a process of its own, perhaps under another one.

        It is the one that users have, unless a step or small sizes are asked for.
        """
        if not step and self.size.sizes == "shipped":
            command = [sys.executable, "-m", "layercheck"]
        else:
            command = [sys.executable, "-m", "journal.killed_run", self.size.sizes, step, str(times)]
        with self.said.open("wb") as said:
            return subprocess.Popen(
                [*under, *command, *self.arguments(journal=journal)],
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

    def finish(self, *, journal: bool = True) -> bytes:
        """Let the run come to its end; returns its report."""
        with self.start(journal=journal) as run:
            run.wait()
        assert run.returncode == DONE, (run.returncode, self.said.read_text())
        # Nor is anything left of those that were killed while they wrote theirs.
        assert not list(self.folder.glob(f".{self.report.name}.*.part"))
        return self.report.read_bytes()

    def ended(self, how: str, when: str) -> End:
        """Look at what an ended run left behind, and note the end."""
        end = End(how, when, self.ecr.counters.calls)
        self.look(end)
        self.ends.append(end)
        return end

    def look(self, end: End) -> None:
        """The journal is sound, and a report is whole or not there.

        The journal is looked at in a copy: whoever opens it merges its log, and that is to be left to the run
        that goes on with it.
        """
        if self.report.exists():
            end.report = True
            lines = self.report.read_bytes().splitlines()
            assert len(lines) == len(self.text.splitlines()) + 1, end
            assert lines[-1].startswith(b"%d," % (len(lines) - 2)), end
            self.report.unlink()
        left = set(self.folder.glob(f".{self.report.name}.*"))
        end.unfinished = bool(left - self.left)
        self.left = left
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
        code, said = verified(copy)
        begun = code == 0 or "holds no run" not in said
        assert code == 0 or not begun, (end, said)
        # Before its first call a run may leave nothing; from then on, never.
        assert begun or not end.last_call, (end, said)
        assert integrity(copy) == [("ok",)], end

    def compare(self, found: bytes) -> None:
        """The report is that of a run which nobody interrupts, row by row."""
        if found == self.whole:
            return
        there, here = self.whole.splitlines(), found.splitlines()
        differing = [pair for pair in zip(there, here, strict=False) if pair[0] != pair[1]]
        raise AssertionError(f"{len(there)} lines became {len(here)}; they differ first in {differing[:3]}")

    def count(self) -> None:
        """How many calls each end cost, seen by the server; and no more than is promised."""
        calls = self.ecr.calls
        asked_later = {digest for call in calls[self.ends[-1].last_call :] for digest in call.digests}
        for number, end in reversed(list(enumerate(self.ends))):
            run = calls[self.ends[number - 1].last_call if number else 0 : end.last_call]
            again = {
                call.digests[0]: call.outcome for call in run if not asked_later.isdisjoint(call.digests)
            }
            end.asked_again = len(again)
            end.lost = sum(outcome == "answered" for outcome in again.values())
            assert end.lost <= (0 if end.in_peace else self.size.lost_at_most), end
            asked_later.update(digest for call in run for digest in call.digests)


def integrity(journal: Path) -> list[tuple[str]]:
    """What SQLite itself says of it."""
    base = sqlite3.connect(journal)
    try:
        return base.execute("PRAGMA integrity_check").fetchall()
    finally:
        base.close()


def verified(journal: Path) -> tuple[int, str]:
    """`layercheck journal verify`: its exit code and what it said."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = layercheck(["journal", "verify", str(journal)])
    return code, out.getvalue()


def heed_interrupts() -> None:
    """A background job of a script ignores Ctrl-C, and so would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
