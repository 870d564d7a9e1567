"""Reads one column of a Parquet, Feather, Arrow or ORC file with pyarrow, in pieces."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from layercheck._core import Planner
from layercheck.inputs.content import can_seek
from layercheck.redact import one_line

FORMATS = {"parquet": "Parquet", "arrow": "Arrow", "orc": "ORC"}
"""Format of an input to the name of its content."""

_ROWS = 65_536  # rows of a Parquet file that are in memory at once
_SAMPLE_ROWS = 100  # rows that are looked at to tell the column of the digests
_SHOWN_NAMES = 20


class _Table(NamedTuple):
    """An open file of a binary format.

    Attributes:
        schema: The columns.
        columns: Yields the column with the given number in pieces. It may be called several times.
    """

    schema: Any
    columns: Callable[[int, int], Iterator[Any]]


def feed_table(
    planner: Planner, file: Any, content: str, column: str | int | None, *, raw: bool = False
) -> tuple[str, ...]:
    """Gives the rows of one column to a planner.

    A file that cannot seek, such as a pipe, is first copied to a temporary file, because these formats have
    their table of contents at the end.

    Args:
        planner: Takes the rows.
        file: A path or an open binary file.
        content: What the file is, as `layercheck._core.container` says.
        column: Name or number of the column; None tells it from the names and the first rows.
        raw: Binary values of variable length are raw digests.

    Returns:
        Notes for people, as those of `FileRows.feed`.

    Raises:
        ValueError: The file lacks the column, has several and none is chosen, or is broken.
        ImportError: pyarrow is not installed.
    """
    if content == "Feather version 1":
        raise ValueError("Feather version 1 is not supported: write the file again as Feather version 2")
    arrow = _pyarrow("pyarrow", content)
    raw = raw or planner.raw
    with _whole(file) as source, _open(content, source) as table:
        with _errors(arrow, content):
            names = list(table.schema.names)
        number, is_told = _number_of(column, names), False
        if number is None:
            number, is_told = _told(table, names, raw=raw), True
        notes = [f"column {_quoted(names[number])}"] if is_told else []
        shown = _quoted(names[number])
        first = True
        pieces = iter(table.columns(number, _ROWS))
        while True:
            with _errors(arrow, content):
                piece = next(pieces, None)
            if piece is None:
                return tuple(notes)
            if first and not raw and _may_be_raw(arrow, piece):
                notes.append(
                    f"32-byte values that are not text (raw digests: raw=True) in the column {shown}"
                )
            first = first and len(piece) == 0
            planner.extend_arrow(piece, raw=raw)


def _pyarrow(module: str, content: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"reading {content} needs pyarrow: pip install pyarrow") from error


@contextmanager
def _whole(file: Any) -> Iterator[Any]:
    """The file as pyarrow needs it: a path, or a file that can seek and stands at its start."""
    if isinstance(file, (str, os.PathLike)):
        yield os.fsdecode(file)
    elif can_seek(file) and file.tell() == 0:
        yield file
    else:
        import shutil  # here, because few inputs are tables in a pipe
        import tempfile

        with tempfile.TemporaryFile(prefix="layercheck-") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.seek(0)
            yield copy


@contextmanager
def _open(content: str, source: Any) -> Iterator[_Table]:
    arrow = _pyarrow("pyarrow", content)
    if content == "Parquet":
        parquet = _pyarrow("pyarrow.parquet", content)
        with _errors(arrow, content):
            # Without reading ahead, because pyarrow would keep what it has read, in the end the whole file.
            file = parquet.ParquetFile(source, pre_buffer=False)
        with file:
            yield _Table(file.schema_arrow, lambda number, rows: _of_parquet(file, number, rows))
        return
    # pyarrow.OSFile and memory_map raise other errors than open.
    with open(source, "rb") if isinstance(source, str) else nullcontext(source) as opened:  # noqa: PTH123
        if content == "ORC":
            orc = _pyarrow("pyarrow.orc", content)
            with _errors(arrow, content):
                reader = orc.ORCFile(opened)
            yield _Table(reader.schema, lambda number, _: _of_orc(reader, number))
            return
        ipc = _pyarrow("pyarrow.ipc", content)
        open_ = ipc.open_stream if content == "Arrow stream" else ipc.open_file
        with _errors(arrow, content):
            schema = open_(opened).schema
        yield _Table(schema, lambda number, _: _of_arrow(ipc, opened, open_, number))


def _of_parquet(file: Any, number: int, rows: int) -> Iterator[Any]:
    names = file.schema_arrow.names
    # The name selects every column that has it.
    place = names[:number].count(names[number])
    for batch in file.iter_batches(rows, columns=[names[number]]):
        yield batch.column(place)


def _of_arrow(ipc: Any, file: Any, open_: Any, number: int) -> Iterator[Any]:
    file.seek(0)
    reader = open_(file, options=ipc.IpcReadOptions(included_fields=[number]))
    count = getattr(reader, "num_record_batches", None)
    for batch in reader if count is None else map(reader.get_batch, range(count)):
        column = batch.column(0)
        # These bytes are used as they are in the file, where offsets may point anywhere.
        column.validate(full=True)
        yield column


def _of_orc(reader: Any, number: int) -> Iterator[Any]:
    names = reader.schema.names
    for stripe in range(reader.nstripes):
        batch = reader.read_stripe(stripe, columns=[names[number]])
        yield batch.column(0)


def _number_of(column: str | int | None, names: list[str]) -> int | None:
    """The number of the chosen column, or of the only one; None if the content must tell."""
    if column is None:
        return 0 if len(names) == 1 else None
    if isinstance(column, int):
        if column >= len(names):
            raise ValueError(f"no column {column}, counted from 0; there are {_shown(names)}")
        return column
    if names.count(column) != 1:
        problem = "no column" if column not in names else "more than one column"
        raise ValueError(f"{problem} {column!r}; there are {_shown(names)}")
    return names.index(column)


def _told(table: _Table, names: list[str], *, raw: bool) -> int:
    """The number of the only column that is named `digest`, or that holds digests in the first rows."""
    named = [number for number, name in enumerate(names) if name.strip().lower() == "digest"]
    if len(named) == 1:
        return named[0]
    holding = [number for number in range(len(names)) if _holds_digests(table, number, raw=raw)]
    if len(holding) == 1:
        return holding[0]
    raise ValueError(f"which column holds the digests? choose one of {_shown(names)} by column=")


def _holds_digests(table: _Table, number: int, *, raw: bool) -> bool:
    kind = str(table.schema.types[number])
    if not kind.startswith(("string", "large_string", "binary", "large_binary", "fixed_size", "dictionary")):
        return False
    planner = Planner(threads=1, raw=raw)
    try:
        piece = next(iter(table.columns(number, _SAMPLE_ROWS)), None)
        if piece is None:
            return False
        planner.extend_arrow(piece.slice(0, _SAMPLE_ROWS))
    except (TypeError, ValueError, OSError, LookupError, SystemError, OverflowError):
        return False  # a broken column is told when it is read
    plan = planner.finish(1)
    values = min(len(piece), _SAMPLE_ROWS) - piece.slice(0, _SAMPLE_ROWS).null_count
    return plan.unique > 0 and 2 * (plan.rows - plan.invalid) >= values


def _may_be_raw(arrow: Any, piece: Any) -> bool:
    """Whether most of the first values are 32 bytes that are not text, in a column that is read as text."""
    types = arrow.types
    if not (types.is_binary(piece.type) or types.is_large_binary(piece.type) or _is_view(arrow, piece.type)):
        return False
    values = [value for value in piece.slice(0, _SAMPLE_ROWS).to_pylist() if value is not None]
    fitting = sum(len(value) == 32 and not value.isascii() for value in values)
    return fitting > 0 and 2 * fitting >= len(values)


def _is_view(arrow: Any, kind: Any) -> bool:
    return hasattr(arrow, "binary_view") and kind == arrow.binary_view()


def _quoted(name: str) -> str:
    """A name for a note: in double quotes, cut, and without characters that act on a terminal."""
    shown = repr(name[:80] + ("…" if len(name) > 80 else ""))[1:-1]
    return f'"{shown}"'


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(repr(name[:80]) for name in names[:_SHOWN_NAMES]) + more if names else "none"


@contextmanager
def _errors(arrow: Any, content: str) -> Iterator[None]:
    """Raises what pyarrow makes of a broken file as `ValueError`, in one line."""
    try:
        yield
    except (arrow.ArrowException, OSError, LookupError, SystemError, UnicodeError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = one_line(str(error).partition("\n")[0]).rstrip(". ") or type(error).__name__
        message = f"cannot be read as {content}: {reason[:200]}; is the file whole?"
        raise ValueError(message) from error
