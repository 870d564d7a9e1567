"""Processes of an engine: found by parentage, ended by their number."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 60
"""Seconds after which a wait for another process gives up, and the test fails."""


def descendants(parent: int) -> dict[int, str]:
    """Process numbers and command lines of all children of a process, and of theirs."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name of the program is in brackets and may hold anything, so it is cut off.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(folder.name))
    found: dict[int, str] = {}
    waiting = [parent]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            with contextlib.suppress(OSError):
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                waiting.append(child)
    return found


def is_running(process: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end(process: int) -> None:
    """`kill -9`, if the process is there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def end_all(parent: int) -> None:
    """End a process, its children, and theirs."""
    family = [parent, *descendants(parent)]
    for process in family:
        end(process)
    for _ in until("every process of the engine ended"):
        if not any(map(is_running, family)):
            return


def until(what: str) -> Iterator[None]:
    """Yields again and again while the caller looks for something; fails after `PATIENCE_S`."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE_S:
        yield
        time.sleep(0.002)
    raise TimeoutError(f"this did not happen within {PATIENCE_S} seconds: {what}")
