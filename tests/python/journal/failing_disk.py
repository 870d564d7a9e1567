"""Fails the n-th write or sync of a journal, once or from then on, and looks at what is left.

`make journal-disk`, or `python -m journal.failing_disk`. It needs strace, which makes the system calls
fail; without it this fails, and does not pass over anything in silence.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from journal import kill_loop

CALLS = {"pwrite64": (1, 2, 5, 20, 60), "fdatasync": (1, 2, 3, 10), "ftruncate": (1,)}
"""System calls by which SQLite writes, and the numbers of those that fail."""

ERRORS = ("ENOSPC", "EIO")
SAID = "layercheck.errors.JournalError: "


def run_with(strace: str, fault: str, endpoint_url: str, journal: Path) -> tuple[int, str]:
    """The run under strace: its exit code, and the last line that it said."""
    paths = [f"--trace-path={journal}{suffix}" for suffix in ("", "-wal")]
    command = [strace, "-f", "-qq", "-o", os.devnull, *paths, f"--inject={fault}", sys.executable]
    command += ["-m", "journal.killed_run", endpoint_url, str(journal), "", "1", "full"]
    environment = {**os.environ, **kill_loop.ENVIRONMENT}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    return ended.returncode, lines[-1] if lines else ""


def survive(strace: str, fault: str) -> str:
    """One run with one fault, then the rest without; returns how the first ended."""
    with tempfile.TemporaryDirectory() as folder, kill_loop.server() as ecr:
        journal = Path(folder).resolve() / "audit.journal"
        code, said = run_with(strace, fault, ecr.endpoint_url, journal)
        assert code == 0 or SAID in said, (fault, code, said)
        assert kill_loop.sound(journal), fault
        kill_loop.finish(ecr, journal)
        ecr.set_faults([])
        assert kill_loop.found(journal) == kill_loop.expected(ecr), fault
    return "went on" if code == 0 else said.removeprefix(SAID).partition(": ")[2]


def main() -> int:
    strace = shutil.which("strace")
    if strace is None:
        sys.stderr.write("journal.failing_disk needs strace: apt-get install strace\n")
        return 1
    told = 0
    for (call, numbers), error in itertools.product(CALLS.items(), ERRORS):
        for number, lasting in itertools.product(numbers, ("", "+")):
            fault = f"{call}:error={error}:when={number}{lasting}"
            ended = survive(strace, fault)
            told += ended != "went on"
            sys.stdout.write(f"{fault}: {ended}\n")
            sys.stdout.flush()
    # Faults that nobody noticed would prove nothing.
    assert told > 20, told
    return 0


if __name__ == "__main__":
    sys.exit(main())
