"""A lock on the journal's own file, so that a second name of the file does not let a second process in."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_SET_LOCK = getattr(fcntl, "F_OFD_SETLK", None)
_GET_LOCK = getattr(fcntl, "F_OFD_GETLK", None)
"""Locks of an open file (fcntl(2)). Python knows them on Linux. Elsewhere the lock beside the journal, the
refusal of hard links and the check of each group remain."""

_FIRST_BYTE = 1 << 62
"""Far behind the bytes that SQLite locks, which begin at 2^30 (https://www.sqlite.org/lockingv3.html)."""

_FLOCK = struct.Struct("hhqqi4x")
"""`struct flock` of 64-bit Linux: type, whence, start, length, process."""

_HELD = {errno.EAGAIN, errno.EACCES}


class FileId(NamedTuple):
    """What tells one file from another, whatever its names are."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The file of a `stat`."""
        return cls(status.st_dev, status.st_ino)


class HeldError(Exception):
    """Another process, or another run of this one, holds the lock.

    Attributes:
        pid: That process; None if it cannot be told.
    """

    def __init__(self, pid: int | None) -> None:
        super().__init__(pid)
        self.pid = pid


class FileLock:
    """A lock on a file whatever its name, until it is closed or the process ends, however it ends.

    Closing any descriptor of a file drops all locks that SQLite has on this file in this process
    (https://www.sqlite.org/howtocorrupt.html, section 2.2). So the descriptor is opened before SQLite opens
    the file, and it is closed when no connection of this process reads a journal any more.

    Args:
        path: The file.
        create: Create the file if it does not exist.

    Raises:
        HeldError: The lock is held.
        OSError: The file does not exist, or cannot be opened for writing.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        with _guard, contextlib.suppress(FileNotFoundError):
            # Do not even open a file that this process has locked; see above.
            if FileId.of(path.stat()) in _locked:
                raise HeldError(os.getpid())
        # O_NONBLOCK, because the name may lead to a pipe by now.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        self._descriptor = _Descriptor(os.open(path, flags, 0o644))
        try:
            status = os.fstat(self._descriptor.number)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "Not a file")
            self.id = FileId.of(status)
            self._lock()
            with _guard:
                _locked.add(self.id)
        except BaseException:
            self._descriptor.close()
            raise

    def close(self) -> None:
        """Release the lock. Safe to call twice."""
        with _guard:
            _locked.discard(self.id)
        self._descriptor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        if _SET_LOCK is None or _GET_LOCK is None:
            return
        # The kernel tells no process for such a lock, but it tells the length.
        wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _FIRST_BYTE, 1 + os.getpid(), 0)
        try:
            fcntl.fcntl(self._descriptor.number, _SET_LOCK, wanted)
        except OSError as error:
            if error.errno in _HELD:
                raise HeldError(self._holder(_GET_LOCK, wanted)) from error
            # A file system without locks. SQLite will say what it needs.

    def _holder(self, get_lock: int, wanted: bytes) -> int | None:
        with contextlib.suppress(OSError):
            kind, _, _, length, _ = _FLOCK.unpack(fcntl.fcntl(self._descriptor.number, get_lock, wanted))
            if kind != fcntl.F_UNLCK and length > 1:
                return int(length) - 1
        return None


class _Descriptor:
    """A descriptor that a collected object does not leak."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._finish = weakref.finalize(self, _release, number)
        self._finish.atexit = False

    def close(self) -> None:
        self._finish()


_guard = threading.RLock()  # re-entrant, because a finalizer may run in a thread that holds it
_locked: set[FileId] = set()
_readers: weakref.WeakSet[object] = weakref.WeakSet()
_waiting: list[int] = []
"""Descriptors of released locks that are closed when nothing in this process reads a journal any more."""


def _after_fork() -> None:
    """Forget what the parent process held. The lock stays until the child has closed its copy too."""
    global _guard
    # Another thread of the parent may have held it.
    _guard = threading.RLock()
    _locked.clear()


os.register_at_fork(after_in_child=_after_fork)


def add_reader(reader: object) -> None:
    """Keep descriptors of journals open while `reader` has a connection to one."""
    with _guard:
        _readers.add(reader)


def remove_reader(reader: object) -> None:
    """Close what waited for the last reader."""
    with _guard:
        _readers.discard(reader)
        _close_waiting()


def _release(descriptor: int) -> None:
    with _guard:
        if _SET_LOCK is not None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, _SET_LOCK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
        _waiting.append(descriptor)
        _close_waiting()


def _close_waiting() -> None:
    while _waiting and not _readers:
        os.close(_waiting.pop())
