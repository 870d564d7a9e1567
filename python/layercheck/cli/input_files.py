"""INPUT arguments -> one plan: files and standard input, in any format, plain, gzip or zstd."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from layercheck._core import Plan, Planner
from layercheck.cli.exit_codes import CommandError
from layercheck.file_formats import FileFormat, input_format, is_compressed
from layercheck.inputs.files import FileRows

STDIN = "-"
_SNIFF = 8192
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        plan: All rows, in the order of the INPUT arguments.
        notes: Lines for standard error about inputs that are probably not what was meant.
    """

    plan: Plan
    notes: tuple[str, ...]


def resolve(inputs: Sequence[str]) -> tuple[str, ...]:
    """The INPUT arguments with the default filled in, each looked at before anything is read.

    Raises:
        CommandError: If one does not exist, is a directory, or standard input is named twice.
    """
    names = tuple(inputs) or (STDIN,)
    if names.count(STDIN) > 1:
        raise CommandError("standard input can be read only once; give - a single time")
    for name in names:
        if name != STDIN:
            _look_at(name)
    return names


def total_bytes(names: Sequence[str]) -> int | None:
    """Bytes to be read, or None if that cannot be known (pipes, terminals)."""
    total = 0
    for name in names:
        status = os.fstat(sys.stdin.fileno()) if name == STDIN else os.stat(name)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total


@dataclass(frozen=True, slots=True)
class Shape:
    """What the inputs are.

    Attributes:
        format: The format of all of them; None tells it from each suffix, and is lines if that says nothing.
        column: The column with the digests, by name or by number from 0; None if there is only one.
    """

    format: FileFormat | None = None
    column: str | int | None = None

    def of(self, name: str) -> FileFormat:
        """The format of one input."""
        return self.format or (None if name == STDIN else input_format(name)) or "lines"


def read_plan(
    names: Sequence[str],
    *,
    shape: Shape = Shape(),
    strict: bool = False,
    batch_size: int = 100,
    on_bytes: Callable[[int], None] | None = None,
) -> Reading:
    """Reads all inputs into one plan.

    Args:
        names: What `resolve` returned.
        shape: What the inputs are.
        strict: Take only lower-case `sha256:` + 64 hex.
        batch_size: Digests per call, 1 to 100.
        on_bytes: Called with the number of bytes of each block, as they are in the file.

    Raises:
        CommandError: If an input cannot be opened, read or unpacked, or lacks the column.
    """
    planner = Planner(strict=strict)
    suspicions: list[str] = []
    for name in names:
        format_ = shape.of(name)
        if format_ == "lines" and shape.column is not None:
            hint = "--input-format csv, jsonl or parquet says what it is"
            raise CommandError(f"{_shown(name)} is read as lines, which have no columns; {hint}")
        if format_ == "parquet":
            _read_parquet(planner, name, shape.column, on_bytes)
            continue
        with _open(name) as file:
            watched = _Watched(file, on_bytes)
            with _reading(name):
                FileRows(watched, format_, shape.column).feed(planner)
        suspicion = _suspicion(name, watched.start)
        if suspicion:
            suspicions.append(suspicion)
    plan = planner.finish(batch_size)
    return Reading(plan, _notes(names, plan, suspicions))


def _read_parquet(
    planner: Planner, name: str, column: str | int | None, on_bytes: Callable[[int], None] | None
) -> None:
    if name == STDIN:
        raise CommandError(
            "Parquet cannot be read from a pipe: its table of contents is at its end; name the file"
        )
    with _reading(name):
        FileRows(name, "parquet", column).feed(planner)
    if on_bytes is not None:
        on_bytes(Path(name).stat().st_size)


class _Watched:
    """A file that keeps its first bytes and tells how much was read of it."""

    def __init__(self, file: BinaryIO, on_bytes: Callable[[int], None] | None) -> None:
        self._file = file
        self._on_bytes = on_bytes
        self._ended = False
        self.start = b""

    def read(self, size: int = -1) -> bytes:
        # A buffered file gives less than asked for only at its end. Asking a terminal once more would
        # want a second Ctrl-D.
        block = b"" if self._ended else self._file.read(size)
        self._ended = len(block) < size
        if len(self.start) < _SNIFF:
            self.start += block[: _SNIFF - len(self.start)]
        if self._on_bytes is not None:
            self._on_bytes(len(block))
        return block


def _look_at(name: str) -> None:
    path = Path(name)
    try:
        if path.is_dir():
            raise CommandError(f"{_shown(name)} is a directory, not a file of digests; name the files in it")
        path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


@contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == STDIN:
        if sys.stdin is None:
            raise CommandError("standard input is closed; name an INPUT file")
        if sys.stdin.isatty():
            sys.stderr.write("layercheck: reading digests from the terminal, one per line; end with Ctrl-D\n")
            sys.stderr.flush()
        # Not closed: it is the process's own.
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below, opened apart for its errors
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    with file:
        yield file


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unreadable(name, error) from error
    except ImportError as error:
        raise CommandError(str(error)) from error
    except (ValueError, TypeError) as error:
        # The file is there, and is not what it was said to be.
        said = str(error).replace("by column=", "with --column")
        raise CommandError(f"cannot read {_shown(name)}: {said}") from error


def _suspicion(name: str, start: bytes) -> str | None:
    if start.startswith(_UTF16):
        return f"{_shown(name)} is UTF-16 text; digests are read as UTF-8: iconv -f utf-16 -t utf-8"
    if not is_compressed(start) and b"\0" in start:
        return f"{_shown(name)} looks binary; expected text with one digest per line"
    return None


def _notes(names: Sequence[str], plan: Plan, suspicions: Sequence[str]) -> tuple[str, ...]:
    if plan.rows == 0:
        where = " and ".join(_shown(name) for name in names) if len(names) < 3 else f"{len(names)} inputs"
        return (f"no digests in the input: {where} has no rows", *suspicions)
    if suspicions:
        return tuple(suspicions)
    if plan.unique == 0:
        return ("not one row is a digest; expected one per line, such as sha256:<64 hex digits>",)
    return ()


def _shown(name: str) -> str:
    return "standard input" if name == STDIN else repr(name)


def _unreadable(name: str, error: Exception) -> CommandError:
    shown = _shown(name)
    if isinstance(error, FileNotFoundError):
        return CommandError(f"no such file: {shown}; check the path, or use - for standard input")
    if isinstance(error, PermissionError):
        return CommandError(f"no permission to read {shown}; check its owner and mode with: ls -l")
    if isinstance(error, IsADirectoryError):
        return CommandError(f"{shown} is a directory, not a file of digests; name the files in it")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if reason.startswith("broken "):
        return CommandError(f"cannot read {shown}: {reason}; fetch or pack it again")
    return CommandError(f"cannot read {shown}: {reason}; check the path")
