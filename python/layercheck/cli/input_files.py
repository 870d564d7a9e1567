"""INPUT arguments -> one plan: files and standard input, in any format, plain, gzip or zstd."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from layercheck._core import Plan, Planner, container, is_compressed
from layercheck.cli.exit_codes import CommandError, say
from layercheck.cli.progress import Display, NotesOnly
from layercheck.file_formats import FileFormat, inner_suffix, input_format, is_utf_8
from layercheck.inputs.content import BinaryFile, peek
from layercheck.inputs.files import FileRows
from layercheck.inputs.tables import FORMATS as TABLES
from layercheck.redact import visible, without_secrets

STDIN = "-"
_HEAD_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Reading:
    """The plan of all inputs, with notes and doubts about them, which are lines for standard error.

    Attributes:
        plan: All rows, in the order of the INPUT arguments.
        notes: How the inputs were read where their content told it.
        doubts: Why the inputs are probably a mistake.
    """

    plan: Plan
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def resolve(inputs: Sequence[str]) -> tuple[str, ...]:
    """The INPUT arguments, or standard input if there are none; each is checked before any is read.

    Raises:
        CommandError: If a file does not exist or is a directory, or standard input is closed or named twice.
    """
    names = tuple(inputs) or (STDIN,)
    if STDIN in names and sys.stdin is None:
        raise CommandError("standard input is closed; name an INPUT file")
    if names.count(STDIN) > 1:
        raise CommandError("standard input can be read only once; give - a single time")
    for name in names:
        if name != STDIN:
            _check_exists(name)
    return names


def total_bytes(names: Sequence[str]) -> int | None:
    """Bytes in all inputs; None if a pipe or a terminal is among them."""
    total = 0
    for name in names:
        status = os.fstat(sys.stdin.fileno()) if name == STDIN else os.stat(name)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):
            return None
        total += status.st_size
    return total


@dataclass(frozen=True, slots=True)
class InputShape:
    """How to read the inputs.

    Attributes:
        format: The format of all inputs; None takes that of each suffix, and lines if the suffix is unknown.
        column: The column with the digests, by name or by number from 0; None if the file tells.
        delimiter: What stands between two fields of CSV; None if the file tells.
        raw: Binary values of variable length are raw digests.
    """

    format: FileFormat | None = None
    column: str | int | None = None
    delimiter: str | None = None
    raw: bool = False

    def format_of(self, name: str) -> FileFormat:
        """The format of one input."""
        return self.format or (None if name == STDIN else input_format(name)) or "lines"

    def rows_of(self, name: str, file: BinaryFile) -> FileRows:
        """The rows of one input that is text.

        Raises:
            CommandError: An option does not fit the format.
        """
        format_ = self.format_of(name)
        for option, given in (("--column", self.column), ("--delimiter", self.delimiter)):
            if format_ == "lines" and given is not None:
                raise CommandError(
                    f"{named(name)} is read as lines, which have no columns; leave out {option}, or say "
                    "what it is with --input-format"
                )
        delimiter = self.delimiter if format_ == "csv" else None
        tabs = name != STDIN and inner_suffix(name) == ".tsv"
        return FileRows(file, format_, self.column, delimiter=delimiter, raw=self.raw, tabs=tabs)


def read_with_progress(names: Sequence[str], options: Mapping[str, Any], shown: Display) -> Reading:
    """Reads all inputs as the command's options say, and shows progress and notes.

    Args:
        names: What `resolve` returned.
        options: The options of `input_options`; `shape` holds what `input_shape` made of two of them.
        shown: Where progress and notes go.

    Raises:
        CommandError: As `read_plan`, and if there are no rows without the option `--allow-empty`.
    """
    shown.reading(total_bytes(names))
    reading = read_plan(
        names,
        shape=options["shape"],
        strict=options["strict"],
        batch_size=options["batch_size"],
        threads=options["threads"],
        on_bytes=shown.on_bytes,
    )
    if not reading.plan.rows and not options["allow_empty"]:
        raise CommandError(
            f"no digests in the input: no rows in {_all_of(names)}; --allow-empty accepts an empty input"
        )
    for note in reading.notes:
        shown.note(note)
    for doubt in reading.doubts:
        # --quiet does not hide what is probably a mistake.
        say(doubt) if isinstance(shown, NotesOnly) else shown.note(doubt)
    return reading


def read_plan(
    names: Sequence[str],
    *,
    shape: InputShape = InputShape(),
    strict: bool = False,
    batch_size: int = 100,
    threads: int | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Reading:
    """Reads all inputs into one plan.

    Args:
        names: What `resolve` returned.
        shape: How to read the inputs.
        strict: Accept only lower-case `sha256:` + 64 hex.
        batch_size: Digests per call, 1 to 100.
        threads: As for `layercheck.plan`.
        on_bytes: Called with the number of bytes of each block, as they are in the file.

    Raises:
        CommandError: If an input cannot be opened, read or unpacked, or lacks the column.
    """
    planner = Planner(strict=strict, threads=threads)
    planner.expect_text(_known_bytes(names))
    doubts: list[str] = []
    taken: list[str] = []
    for name in names:
        if len(names) > 1:
            planner.name_file("standard input" if name == STDIN else visible(name))
        if name != STDIN and Path(name).is_dir():
            with _readable(name):
                notes = FileRows(name, "layout", None).feed(planner)
            taken += [f"note: {in_options(note)} of {named(name)}" for note in notes]
            continue
        with _open(name) as file, _readable(name):
            head, whole = peek(file)
            format_ = shape.format_of(name)
            if container(head) is not None or format_ in TABLES:
                # pyarrow reads the end of the file first, and opens a path faster than a Python file.
                # It takes only paths that are UTF-8.
                by_path = name != STDIN and is_utf_8(name) and Path(name).is_file()
                source = name if by_path else whole
                notes = FileRows(source, format_, shape.column, raw=shape.raw).feed(planner)
                if on_bytes is not None and source is name:
                    on_bytes(Path(name).stat().st_size)
            else:
                watched = _WatchedFile(whole, on_bytes)
                rows = shape.rows_of(name, watched)
                notes = rows.feed(planner)
                doubt = None if rows.holds_images else _doubt(name, watched.head)
                doubts += [doubt] if doubt else []
        taken += [f"note: {in_options(note)} of {named(name)}" for note in notes]
    plan = planner.finish(batch_size)
    if plan.hint is not None and not doubts:
        doubts.append(plan.hint)
    return Reading(plan, tuple(taken), tuple(doubts))


def _known_bytes(names: Sequence[str]) -> int:
    """Bytes in all inputs, as far as they are known before they are opened."""
    try:
        return total_bytes(names) or 0
    except (OSError, ValueError):  # opening the input says what is wrong with it
        return 0


class _WatchedFile:
    """A file that keeps its first bytes and reports how much was read.

    Args:
        file: A buffered file. It returns fewer bytes than asked only at its end.
        on_bytes: Called with the length of each block.
    """

    def __init__(self, file: BinaryIO, on_bytes: Callable[[int], None] | None) -> None:
        self._file = file
        self._on_bytes = on_bytes
        self._ended = False
        self.head = b""

    def read(self, size: int = -1) -> bytes:
        # After the end, another read of a terminal would wait for a second Ctrl-D.
        block = b"" if self._ended else self._file.read(size)
        self._ended = len(block) < size
        if len(self.head) < _HEAD_BYTES:
            self.head += block[: _HEAD_BYTES - len(self.head)]
        if self._on_bytes is not None:
            self._on_bytes(len(block))
        return block


def _check_exists(name: str) -> None:
    path = Path(name)
    try:
        if path.is_dir() and not (path / "index.json").exists():
            raise CommandError(
                f"{named(name)} is a directory, not a file of digests and not an OCI layout; name the files "
                "in it"
            )
        path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


@contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == STDIN:
        if sys.stdin.isatty():
            say("reading digests from the terminal, one per line; end with Ctrl-D")
        # It stays open, because it belongs to the process.
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - `with` below closes it; only opening has this handler
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    with file:
        yield file


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Turns what reading raises into a line for the user."""
    try:
        yield
    except OSError as error:
        raise _unreadable(name, error) from error
    except ImportError as error:
        raise CommandError(str(error)) from error
    except (ValueError, TypeError) as error:
        # The file exists, but its content does not have the chosen format or column.
        raise CommandError(f"cannot read {named(name)}: {in_options(str(error))}") from error


def in_options(message: str) -> str:
    """A message about an input with the command's options in place of Python's keywords."""
    for keyword, option in (
        ("by column=", "with --column NAME"),
        ("such as column=", "such as --column "),
        ("raw=True", "--raw"),
        ("leave raw out", "leave it out"),
    ):
        message = message.replace(keyword, option)
    return message


def _doubt(name: str, head: bytes) -> str | None:
    if not is_compressed(head) and b"\0" in head:
        return f"{named(name)} looks binary; expected text with one digest per line"
    return None


def _all_of(names: Sequence[str]) -> str:
    return " and ".join(named(name) for name in names) if len(names) < 3 else f"all {len(names)} inputs"


def named(name: str) -> str:
    """The name of an input for a message, without a password that stands in it, as in a URL."""
    return "standard input" if name == STDIN else repr(without_secrets(name))


def _unreadable(name: str, error: Exception) -> CommandError:
    where = named(name)
    if isinstance(error, FileNotFoundError):
        return CommandError(f"no such file: {where}; check the path, or use - for standard input")
    if isinstance(error, PermissionError):
        return CommandError(f"no permission to read {where}; check its owner and mode with: ls -l")
    if isinstance(error, IsADirectoryError):
        return CommandError(f"{where} is a directory, not a file of digests; name the files in it")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if reason.startswith("broken "):
        return CommandError(f"cannot read {where}: {reason}; fetch or pack it again")
    if "unpack it first" in reason:
        return CommandError(f"cannot read {where}: {reason}")
    return CommandError(f"cannot read {where}: {reason}; check the path")
