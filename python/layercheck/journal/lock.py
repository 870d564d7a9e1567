"""One process at a time: who writes to a journal holds a lock beside it, and is named to everyone else."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import stat
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from layercheck.errors import JournalError
from layercheck.journal.filesystems import network_file_system

SUFFIX = "-owner"
_TAKEN = {errno.EWOULDBLOCK, errno.EACCES}
_SIGNING_S = 1.0
"""Longest that a lock without a name on it is waited for: its owner is about to sign, or it is a reader who
only looked whether there is an owner."""
_GLANCE_S = 0.005
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes to a journal.

    Attributes:
        pid: The process.
        host: The machine it runs on.
        started_at: Since when.
    """

    pid: int
    host: str
    started_at: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.started_at}"


class JournalLock:
    """The right to write to a journal, held until it is closed or the process ends, however it ends.

    The lock is on a file of its own, `FILE-owner`: SQLite's locks on the journal itself would all be lost
    if anything in this process opened and closed that file. The kernel gives the lock back when a process
    dies, so that a journal is never left locked.

    Raises:
        JournalError: Another process has it, which is named; or the place cannot hold a journal.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = place(path)
        self._lock_path = self.path.with_name(self.path.name + SUFFIX)
        self._descriptor: int | None = self._take()

    def close(self) -> None:
        """Give it back. Safe to call twice."""
        if self._descriptor is None:
            return
        # While it is still held: who opens the name after this makes a new file.
        with contextlib.suppress(OSError):
            if self._is_current(self._descriptor):
                self._lock_path.unlink()
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> int:
        last_at = time.monotonic() + _SIGNING_S
        while True:
            try:
                # No link is followed: what it leads to would be written over.
                descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            except OSError as error:
                if owner_of(self.path) is not None:  # another user's process
                    raise self._taken() from error
                raise cannot(self.path, "be written", error) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_current = self._is_current(descriptor)
            except OSError as error:
                os.close(descriptor)
                if error.errno in _TAKEN:
                    if owner_of(self.path) is None and time.monotonic() < last_at:
                        time.sleep(_GLANCE_S)
                        continue
                    raise self._taken() from error
                raise cannot(self.path, "be locked", error) from error
            if is_current:
                self._sign(descriptor)
                return descriptor
            # Its owner has just removed it: the name leads elsewhere by now.
            os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._lock_path.stat())
        except FileNotFoundError:
            return False

    def _sign(self, descriptor: int) -> None:
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        signature = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": started_at}
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(signature).encode())
        except OSError as error:
            os.close(descriptor)
            raise cannot(self.path, "be written", error) from error

    def _taken(self) -> JournalError:
        owner = owner_of(self.path)
        return JournalError(
            f"journal {str(self.path)!r} is in use by {owner or 'another process'}; "
            "wait until that has ended, or use another journal"
        )


def owner_of(path: Path) -> Owner | None:
    """Who has claimed the journal now; None if nobody has, or it cannot be told."""
    try:
        with path.with_name(path.name + SUFFIX).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                signature = json.loads(file.read(_LONGEST))
                return Owner(int(signature["pid"]), str(signature["host"]), str(signature["started_at"]))
            return None  # left behind by a process that was killed
    except (OSError, ValueError, KeyError, TypeError):
        return None


def place(path: str | os.PathLike[str]) -> Path:
    """The journal's full path, links resolved.

    Raises:
        JournalError: A journal cannot be there.
    """
    full = Path(os.path.realpath(path))
    try:
        mode = full.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG  # as it will be
    except OSError as error:
        raise cannot(full, "be opened", error) from error
    if stat.S_ISDIR(mode):
        raise JournalError(f"journal {os.fspath(path)!r} is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise JournalError(f"journal {os.fspath(path)!r} is a device or a pipe; name a file")
    if not full.parent.is_dir():
        raise JournalError(
            f"journal {os.fspath(path)!r}: there is no folder {str(full.parent)!r}; make it first"
        )
    network = network_file_system(full)
    if network is not None:
        raise JournalError(
            f"journal {str(full)!r} would be on a network file system ({network}), where it cannot be kept "
            "safe; use a local disk, and copy the file when the run has ended"
        )
    return full


def cannot(path: Path, what: str, error: OSError) -> JournalError:
    """The error for a file that cannot be opened, locked or written."""
    reason = (error.strerror or str(error)).lower()
    return JournalError(f"journal {str(path)!r} cannot {what}: {reason}; choose another place for it")
