"""Atomic writes: a file is written under a temporary name beside its target and then renamed."""

from __future__ import annotations

import contextlib
import errno
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
def atomic_write(path: Path) -> Iterator[str]:
    """Yield a temporary name beside `path`; at the end, sync its file and rename it to `path`.

    If the block raises, the temporary file is removed and `path` is left untouched. A killed process leaves
    its temporary file behind. The next writer to `path` removes it, because only a living writer holds a
    lock on its file.
    """
    if path.is_dir():
        raise IsADirectoryError(
            f"cannot write the report to {os.fspath(path)!r}: it is a folder. Name a file in it."
        )
    # A symbolic link stays, and the file that it points to is replaced.
    shown, path = path, path.resolve()
    if not path.parent.exists():
        # Else the message names the temporary file.
        raise FileNotFoundError(
            errno.ENOENT,
            f"cannot write {os.fspath(shown)!r}: its folder does not exist; make it first",
            os.fspath(path.parent),
        )
    _remove_stale(path)
    descriptor, temporary = _create_temporary(path)
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
    # The rename is durable only after the folder is synced.
    _sync(path.parent)


def _create_temporary(path: Path) -> tuple[int, str]:
    while True:
        descriptor, temporary = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        # On a file system without locks, no writer removes any temporary file.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if Path(temporary).exists():
            return descriptor, temporary
        # Another writer took this file for a stale one before the lock.
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    with contextlib.suppress(OSError):
        temporary_name = re.compile(f"{re.escape(_prefix(path))}{_RANDOM}{re.escape(_SUFFIX)}")
        for name in os.listdir(path.parent):  # noqa: PTH208 - names only, because there may be many
            if temporary_name.fullmatch(name):
                _remove_if_stale(path.parent / name)


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
    """The permissions of the file at `path`, or those that the umask leaves to a new file."""
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
