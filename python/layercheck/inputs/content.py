"""Looks at the first bytes of a file, and gives the file back from where it stood."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from layercheck._core import HEAD_BYTES


class BinaryFile(Protocol):
    """The part of an open file that reading needs."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; no bytes at the end of the file."""


@contextmanager
def opened(file: str | os.PathLike[str] | BinaryFile) -> Iterator[tuple[bytes, Any]]:
    """The first bytes of a path or an open file, and the same file with these bytes still to be read.

    A pipe with a name is opened once, because its bytes cannot be read again. A path that cannot be opened is
    given back without its first bytes, so that its reader raises the error.
    """
    if not isinstance(file, (str, os.PathLike)):
        yield peek(file)
        return
    source = _source(file)
    if source is None:
        yield b"", file
        return
    with source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            yield peek(source)
            return
        head = source.read(HEAD_BYTES)
    yield head, file


def _source(path: str | os.PathLike[str]) -> Any:
    """The opened file, if it has bytes to look at; None if its reader must say what is wrong."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - loading pathlib costs more
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            return open(path, "rb")  # noqa: PTH123 - likewise; the caller closes it
    except (OSError, ValueError):
        pass
    return None


def peek(file: BinaryFile, size: int = HEAD_BYTES) -> tuple[bytes, Any]:
    """The first bytes of an open file, and the file with these bytes still to be read."""
    if can_seek(file):
        start = file.tell()  # type: ignore[attr-defined]
        head, _ = _head(file, size)
        file.seek(start)  # type: ignore[attr-defined]
        return head, file
    head, ended = _head(file, size)
    return head, _Replayed(head, file, ended=ended)


def more_of(file: str | os.PathLike[str] | BinaryFile, size: int) -> tuple[bytes, Any]:
    """As `peek`, for a regular file given as a path too."""
    if not isinstance(file, (str, os.PathLike)):
        return peek(file, size)
    with open(file, "rb") as source:  # noqa: PTH123 - loading pathlib costs more
        return source.read(size), file


def can_seek(file: Any) -> bool:
    """Whether an open file can go back to where it stands."""
    try:
        return bool(file.seekable()) and file.tell() >= 0
    except (AttributeError, OSError, ValueError):
        return False


def _head(file: Any, size: int) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether it has ended."""
    head = b""
    while len(head) < size:
        missing = size - len(head)
        block = file.read(missing)
        if not isinstance(block, bytes):
            kind = type(block).__name__
            raise TypeError(f'read() gave {kind}; open the file in binary mode ("rb")')
        if len(block) > missing:
            raise OSError("read(size) gave more than size bytes")
        head += block
        # After its end a terminal must not be read again: it would wait for a second Ctrl-D.
        if not block or (len(block) < missing and isinstance(file, io.BufferedReader) and file.isatty()):
            return head, True
    return head, False


class _Replayed:
    """A file that cannot seek, with its first bytes in front again."""

    def __init__(self, head: bytes, file: BinaryFile, *, ended: bool) -> None:
        self._head = head
        self._file = file
        self._ended = ended

    def read(self, size: int = -1) -> bytes:
        head = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(head) :]
        if self._ended or len(head) == size:
            return head
        block = self._file.read(size if size < 0 else size - len(head))
        return head + block if head else block
