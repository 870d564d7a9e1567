"""Processes of an engine: found by parentage, ended by their number."""

from __future__ import annotations

import contextlib
import os
import re
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


def memory_has(process: int, backwards: str) -> bool:
    """Whether a process has a text in its memory, in what it shares with others too.

    Args:
        process: Its number.
        backwards: The text in reverse order. The process that looks for it then does not have it itself.
    """
    wanted = re.compile("".join(f"[{re.escape(each)}]" for each in reversed(backwards)).encode())
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            first, last = (int(each, 16) for each in place.split("-"))
            tail = b""
            while "r" in rights and first < last:
                try:
                    memory.seek(first)
                    read = memory.read(min(last - first, 1 << 24))
                except (OSError, ValueError):  # a page of the kernel, or one that was given back meanwhile
                    break
                if wanted.search(tail + read):
                    return True
                if not read:
                    break
                first += len(read)
                tail = read[-len(backwards) :]
    return False
