"""A file that is written whole or not at all: beside the old one first, whose place it then takes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".part"
_RANDOM = "[a-z0-9_]{8}"  # what tempfile.mkstemp puts between prefix and suffix


@contextmanager
def replacing(path: Path) -> Iterator[str]:
    """A temporary name beside `path`; what was written there replaces `path` if all goes well.

    A process that is killed meanwhile leaves that name behind. It is removed by the next that writes
    to `path`: who is alive holds a lock on his.
    """
    if path.is_dir():
        raise IsADirectoryError(
            f"cannot write the report to {os.fspath(path)!r}: that is a folder; name a file in it"
        )
    # A symbolic link keeps pointing where it did, and its file is replaced.
    path = path.resolve()
    _remove_stale(path)
    descriptor, temporary = _begin(path)
    try:
        yield temporary
        _sync(temporary)
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    # The rename is durable only once the folder is.
    _sync(path.parent)


def _begin(path: Path) -> tuple[int, str]:
    while True:
        descriptor, temporary = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        # Where there are no locks, nobody can have one, and nobody removes anything.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if Path(temporary).exists():
            return descriptor, temporary
        # Somebody looked for stale ones just between.
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    with contextlib.suppress(OSError):
        ours = re.compile(f"{re.escape(_prefix(path))}{_RANDOM}{re.escape(_SUFFIX)}")
        for beside in os.listdir(path.parent):  # noqa: PTH208 - names, and many there may be
            if ours.fullmatch(beside):
                _remove_if_stale(path.parent / beside)


def _remove_if_stale(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
        finally:
            os.close(descriptor)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced; of a new one, what the umask leaves."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
