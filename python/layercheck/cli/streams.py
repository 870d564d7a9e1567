"""Standard streams that are closed, fail, or lack a character: mended before the command begins."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

_ERRORS = "layercheck.plain"
_PLAIN = {"…": "...", "·": "-", "—": "-", "�": "?"}
"""Characters of the command's own texts, and what stands for them where the encoding lacks them."""
_PATIENCE_S = 5
"""Seconds to wait for room on a standard error that does not block."""


class StandardOutputError(OSError):
    """Standard output is full or fails. A reader that has left is a BrokenPipeError instead."""


def mend_streams() -> None:
    """Makes standard output and standard error usable, whatever the process was started with.

    * A closed descriptor 0, 1 or 2 becomes /dev/null. Without that, the next file or connection gets the
      number and receives what is written to the stream. `sys.stdin` stays None, so that a command that needs
      standard input says that it is closed.
    * A character that the encoding lacks is replaced or escaped, because a crash would come after the calls.
    * A write to standard error never fails, because a lost message must not change the exit code.
    * A stream that another process made non-blocking is waited for.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one. Children inherit it like any standard stream.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error(_ERRORS, _plain)
    sys.stdout = _text_stream(1, sys.stdout)
    sys.stderr = _text_stream(2, sys.stderr)


def _text_stream(number: int, replaced: TextIO | None) -> TextIO:
    raw = _Descriptor(number)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(replaced, "encoding", None) or "utf-8",
        errors=_ERRORS,
        line_buffering=number == 2 or raw.isatty(),
        write_through=getattr(replaced, "write_through", False),
    )


class _Descriptor(io.RawIOBase):
    """A standard stream. It stays open when this object goes."""

    def __init__(self, number: int) -> None:
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, block: Buffer, /) -> int:
        try:
            return self._write(block)
        except BrokenPipeError:
            if self._number != 2:
                raise
        except OSError as error:
            if self._number != 2:
                raise StandardOutputError(error.errno, error.strerror) from error
        return memoryview(block).nbytes

    def _write(self, block: Buffer) -> int:
        while True:
            try:
                return os.write(self._number, block)
            except BlockingIOError:
                _, ready, _ = select.select([], [self._number], [], _PATIENCE_S)
                if not ready and self._number == 2:
                    raise


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(each) or _escape(each) for each in missing), error.end


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


def abandon_stdout() -> None:
    """Points a failed standard output to /dev/null, so that the last flush does not fail too."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
