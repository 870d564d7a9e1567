"""Reads a source while a caller watches: it hears of the bytes, and ends the reading by an exception."""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from layercheck import _core
from layercheck.errors import LayoutError
from layercheck.layout.layout import Layout

if TYPE_CHECKING:
    from layercheck.inputs.content import BinaryFile

OnBytes: TypeAlias = Callable[[int], object]
"""Called some 10 times a second or more with the number of bytes read since its last call, perhaps none."""

_WAIT_MS = 50
_BLOCK_BYTES = 1 << 18


def read_watched(
    source: str | os.PathLike[str] | BinaryFile,
    *,
    blobs: str | os.PathLike[str] | None = None,
    verify: bool | None = None,
    on_bytes: OnBytes | None = None,
) -> Layout:
    """Read a source as `layercheck.read_layout` does.

    Args:
        source: As for `read_layout`. Of a pipe at a path, and of one that is open without a buffer,
            `on_bytes` hears also while nothing comes.
        blobs: As for `read_layout`.
        verify: As for `read_layout`.
        on_bytes: Called while the source is read. What it raises ends the reading.
    """
    if isinstance(source, io.TextIOBase):
        raise TypeError("the file is open in text mode: open it with mode 'rb', or pass its path")
    name = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None
    opened: io.FileIO | None = None
    file: object = source
    try:
        if name is not None and _is_pipe(name):
            # Opened here, because opening a pipe in the core would wait for its other end without an end.
            opened = io.FileIO(os.open(name, os.O_RDONLY | os.O_NONBLOCK), "rb")
            file = opened
        if isinstance(file, io.FileIO) and hasattr(select, "poll"):
            file = _AwaitedFile(file, on_bytes or (lambda _: None))
        return Layout(_core.read_layout(file, blobs=blobs, verify=verify, on_bytes=on_bytes), name)
    except ValueError as error:
        if isinstance(error, LayoutError):
            raise
        raise LayoutError(str(error) if opened is None else f"{name}: {error}") from error
    finally:
        if opened is not None:
            opened.close()


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - loading pathlib costs more
    except OSError:
        return False  # opening it says what is wrong


class _AwaitedFile:
    """An unbuffered file that is read when it has something, so that a pipe without data can be given up.

    Args:
        file: The file.
        on_bytes: Called while it has nothing.
    """

    def __init__(self, file: io.FileIO, on_bytes: OnBytes) -> None:
        self._file = file
        self._on_bytes = on_bytes
        # Not `select.select`, which refuses a process that has more than 1,024 files open.
        self._ready = select.poll()
        self._ready.register(file, select.POLLIN)

    def read(self, size: int) -> bytes:
        while True:
            if not self._ready.poll(_WAIT_MS):
                self._on_bytes(0)
                continue
            block = self._file.read(min(size, _BLOCK_BYTES))
            if block is not None:  # else another reader was faster
                return block
