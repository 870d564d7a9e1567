"""One writer at a time: it holds a lock on the journal, and a lock beside it that names the process."""

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
from layercheck.journal.file_lock import FileId, FileLock, HeldError
from layercheck.journal.filesystems import is_mounted_alone, network_file_system

SUFFIX = "-owner"
_HELD_ERRORS = {errno.EWOULDBLOCK, errno.EACCES}
_OWNER_NAME_WAIT_S = 1.0
"""Longest wait for a held lock that names no process: its owner is about to write its name, or a reader
holds the lock for an instant in `owner_of`."""
_RETRY_S = 0.005
_MAX_OWNER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that writes to a journal.

    Attributes:
        pid: Its process id.
        host: The machine it runs on.
        started_at: When it took the lock.
    """

    pid: int
    host: str
    started_at: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.started_at}"


class JournalLock:
    """The right to write to a journal, held until it is closed or the process ends, however it ends.

    There are two locks. One is on a file of its own, `FILE-owner`, which names the process, so that readers
    need not open the journal to learn it. The other is on the journal's own file, because the file may be
    moved to another name meanwhile. The kernel releases both when a process dies, so that a journal is never
    left locked.

    A journal with a second name (a hard link) is refused, because SQLite keeps the log by name: a run that
    was killed under one name could not be continued under the other without damage.

    Args:
        path: The journal.
        create: Create it, empty, if it does not exist. Without this, a missing journal has only the lock
            beside it.

    Raises:
        JournalError: Another process holds the lock, and the message names it; or the path cannot hold a
            journal.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = False) -> None:
        self.path = resolve_path(path)
        self._lock_path = self.path.with_name(self.path.name + SUFFIX)
        self._file: FileLock | None = None
        self._descriptor: int | None = None
        try:
            self._descriptor = self._acquire()
            self._file = self._lock_file(create=create)
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        # After a Ctrl-C nobody may have been given this object, to close it.
        if getattr(self, "_descriptor", None) is not None:
            self.close()

    @property
    def file_id(self) -> FileId:
        """The locked file. Only if it was created or existed already."""
        if self._file is None:
            raise FileNotFoundError(self.path)
        return self._file.id

    def close(self) -> None:
        """Release the lock. Safe to call twice."""
        if self._file is not None:
            self._file.close()
        if self._descriptor is None:
            return
        # Remove the name while the lock is held, so that a process that opens the name later makes a new
        # file.
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

    def _acquire(self) -> int:
        last_at = time.monotonic() + _OWNER_NAME_WAIT_S
        while True:
            try:
                # Follow no link, because its target would be overwritten.
                descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            except OSError as error:
                if owner_of(self.path) is not None:  # another user's process
                    raise self._in_use() from error
                raise file_error(self.path, "be written", error) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_current = self._is_current(descriptor)
                if is_current:
                    self._write_owner(descriptor)
                    return descriptor
            except OSError as error:
                os.close(descriptor)
                if error.errno in _HELD_ERRORS:
                    if owner_of(self.path) is None and time.monotonic() < last_at:
                        time.sleep(_RETRY_S)
                        continue
                    raise self._in_use() from error
                raise file_error(self.path, "be locked", error) from error
            except BaseException:
                os.close(descriptor)
                raise
            # The last owner removed this file meanwhile, so the name leads to another file now.
            os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._lock_path.stat())
        except FileNotFoundError:
            return False

    def _write_owner(self, descriptor: int) -> None:
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": started_at}
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(owner).encode())
        except OSError as error:
            raise file_error(self.path, "be written", error) from error

    def _lock_file(self, *, create: bool) -> FileLock | None:
        try:
            lock = FileLock(self.path, create=create)
        except FileNotFoundError:
            return None
        except HeldError as error:
            raise self._in_use(error) from error
        except OSError as error:
            raise file_error(self.path, "be written", error) from error
        if self._has_one_name():
            return lock
        lock.close()
        raise JournalError(
            f"journal {str(self.path)!r} is a file with several names (hard links), and a run under another "
            "name would damage it. Use a copy of the file, or remove the other names."
        )

    def _has_one_name(self) -> bool:
        return self.path.stat().st_nlink <= 1

    def _in_use(self, held: HeldError | None = None) -> JournalError:
        owner = str(owner_of(self.path) or "another process")
        if held is not None:
            which = "another process" if held.pid is None else f"process {held.pid}"
            owner = f"{which}, which opened it under another name"
        return JournalError(
            f"journal {str(self.path)!r} is in use by {owner}. "
            "Wait until that process has ended, or use another journal."
        )


def owner_of(path: Path) -> Owner | None:
    """The process that holds the journal's lock now; None if none does, or if that cannot be told."""
    try:
        with path.with_name(path.name + SUFFIX).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                owner = json.loads(file.read(_MAX_OWNER_BYTES))
                return Owner(int(owner["pid"]), str(owner["host"]), str(owner["started_at"]))
            return None  # left behind by a process that was killed
    except (OSError, ValueError, KeyError, TypeError):
        return None


def resolve_path(path: str | os.PathLike[str]) -> Path:
    """The journal's full path, links resolved.

    Raises:
        JournalError: The path cannot hold a journal.
    """
    full = Path(os.path.realpath(path))
    try:
        mode = full.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG  # the kind of file that SQLite will create
    except OSError as error:
        raise file_error(full, "be opened", error) from error
    if stat.S_ISDIR(mode):
        raise JournalError(f"journal {os.fspath(path)!r} is a folder. Name a file in it.")
    if not stat.S_ISREG(mode):
        raise JournalError(f"journal {os.fspath(path)!r} is a device or a pipe. Name a file.")
    if not full.parent.is_dir():
        raise JournalError(
            f"journal {os.fspath(path)!r}: there is no folder {str(full.parent)!r}. Create it first."
        )
    network = network_file_system(full)
    if network is not None:
        raise JournalError(
            f"journal {str(full)!r} would be on a network file system ({network}), where layercheck cannot "
            "keep it safe. Use a local disk, and copy the file when the run has ended."
        )
    if is_mounted_alone(full):
        raise JournalError(
            f"journal {str(full)!r} is a single file that was mounted here, so that its log would not lie "
            "beside it. Mount its folder instead."
        )
    return full


def file_error(path: Path, action: str, error: OSError) -> JournalError:
    """The error for a file that cannot be opened, locked or written."""
    reason = (error.strerror or str(error)).lower()
    return JournalError(f"journal {str(path)!r} cannot {action}: {reason}. Choose another path.")
