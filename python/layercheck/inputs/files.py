"""Reads one column of a file: lines, CSV, JSON Lines or Parquet."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from layercheck._core import Planner
from layercheck.file_formats import INPUT_FORMATS, FileFormat, input_format
from layercheck.redact import one_line

_CHOICE = f"one of {', '.join(INPUT_FORMATS)}"
_PARQUET_ROWS = 65_536  # rows of a file that are in memory at once


class BinaryFile(Protocol):
    """The part of an open file that reading needs."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; no bytes at the end of the file."""


class FileRows:
    """The rows of one column of a file. `layercheck.read` makes it; `plan` and `check` accept it.

    `plan` and `check` read the file each time, and no row stays in memory. They can read a path again. They
    read an open file once, from its current position.

    Attributes:
        file: The path or the open file.
        format: The format of the file.
        column: Name or number of the column; None for the only column.
    """

    __slots__ = ("column", "file", "format")

    def __init__(
        self, file: str | os.PathLike[str] | BinaryFile, format: FileFormat, column: str | int | None
    ) -> None:
        self.file = file
        self.format = format
        self.column = column

    def __repr__(self) -> str:
        return f"FileRows({self.file!r}, format={self.format!r}, column={self.column!r})"

    def feed(self, planner: Planner) -> None:
        """Gives all rows to the planner of the native module."""
        if self.format == "parquet":
            _feed_parquet(planner, self.file, self.column)
        elif self.format == "csv":
            planner.read_csv(self.file, self.column)
        elif self.format == "jsonl":
            planner.read_jsonl(self.file, None if self.column is None else str(self.column))
        else:
            planner.read(self.file)


def read(
    path: str | os.PathLike[str] | BinaryFile,
    format: FileFormat | None = None,
    column: str | int | None = None,
) -> FileRows:
    r"""Name the rows of a file: one column of CSV or Parquet, JSON Lines, or lines of text.

    Lines, CSV and JSON Lines may be gzip or zstd; the first bytes of the file show which.

    * `"lines"`: a row in each line, as in every path given to `plan`. Blank lines and lines starting
      with `#` are not rows.
    * `"csv"`: RFC 4180, commas and double quotes. The first record is the header, unless its value in
      the column is a digest. Blank lines are not rows. A record that is too short for the column is a null.
    * `"jsonl"`: in each line a string, or an object with a string under the key `column`. Any other line is
      one invalid row (`not_text`): not JSON, another type, `null`, or an object without the key.
    * `"parquet"`: needs pyarrow (`pip install 'layercheck[parquet]'`); read in pieces.

    Args:
        path: The file, or an open binary file.
        format: One of the above. None chooses by the suffix: `.csv`, `.jsonl`, `.ndjson`, `.parquet`, `.pq`,
            and for lines `.txt` or no suffix; `.gz` and `.zst` may follow.
        column: The column's name, or its number counted from 0 (not for JSON Lines). None is for files
            that have only one column.

    Returns:
        Rows to pass to `layercheck.plan` or `layercheck.check`, which read the file.

    Raises:
        ValueError: The suffix does not tell the format, or the format has no columns to choose from. While
            the file is read: it lacks the column (the message lists its columns), or it has several and
            `column` is None.
        OSError: While the file is read, if it cannot be read.
        ImportError: While a Parquet file is read, if pyarrow is not installed.

    Examples:
        >>> import layercheck as lc, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "layers.csv"
        >>> _ = path.write_text("image,layer\napp,sha256:" + "ab" * 32 + "\n")
        >>> lc.plan(lc.read(path, column="layer")).unique
        1
    """
    if format is not None and format not in INPUT_FORMATS:
        raise ValueError(f"format must be {_CHOICE}, not {format!r}")
    if isinstance(path, io.TextIOBase):
        raise TypeError("the file is open in text mode: open it with mode 'rb', or pass its path")
    chosen = format or _format_of(path)
    _check_column(column, chosen)
    return FileRows(path, chosen, column)


def _format_of(path: Any) -> FileFormat:
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"an open file has no suffix to tell its format: pass format=, {_CHOICE}")
    found = input_format(path)
    if found is None:
        name = os.fsdecode(path).rpartition(os.sep)[2]
        raise ValueError(f"cannot tell the format of {name!r} from its suffix: pass format=, {_CHOICE}")
    return found


def _check_column(column: object, format: str) -> None:
    if column is None:
        return
    if isinstance(column, bool) or not isinstance(column, (str, int)):
        raise TypeError(f"column must be a name or a number, not {type(column).__name__}")
    if format == "lines":
        raise ValueError("lines have no columns: leave column out, or pass format=")
    if isinstance(column, int) and (column < 0 or format == "jsonl"):
        raise ValueError(
            "JSON Lines have keys, not numbered columns: pass the key as column"
            if format == "jsonl"
            else f"columns are counted from 0, so there is no column {column}"
        )


def _feed_parquet(planner: Planner, file: Any, column: str | int | None) -> None:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError("reading Parquet needs pyarrow: pip install 'layercheck[parquet]'") from error
    where = os.fsdecode(file) if isinstance(file, (str, os.PathLike)) else file
    with _read_errors(), ParquetFile(where) as parquet:
        names = list(parquet.schema_arrow.names)
        number = _number_of(column, names)
        for batch in parquet.iter_batches(_PARQUET_ROWS, columns=[names[number]]):
            planner.extend_arrow(batch.column(0))


@contextmanager
def _read_errors() -> Iterator[None]:
    """Raises what pyarrow makes of a broken file as `ValueError`, in one line."""
    try:
        yield
    except Exception as error:
        if type(error) in (ValueError, MemoryError, TypeError) or getattr(error, "errno", None) is not None:
            raise
        reason = one_line(str(error).partition("\n")[0]).rstrip(". ")[:300] or type(error).__name__
        raise ValueError(f"cannot be read as Parquet: {reason}; is the file cut short?") from error


def _number_of(column: str | int | None, names: list[str]) -> int:
    there = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    if column is None:
        if len(names) != 1:
            raise ValueError(f"which column holds the digests? choose one of {there or 'none'} by column=")
        return 0
    if isinstance(column, int):
        if column >= len(names):
            raise ValueError(f"no column {column}, counted from 0; there are {there}")
        return column
    if names.count(column) != 1:
        problem = "no column" if column not in names else "more than one column"
        raise ValueError(f"{problem} {column!r}; there are {there}")
    return names.index(column)
