"""Report tables as files, atomically."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from layercheck._core import Table
from layercheck.tables import pyarrow

SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
}
"""File name suffix to format."""

_REPEATING = ["verdict", "media_type", "code", "reason"]


def format_of(path: str | os.PathLike[str], format: str | None = None) -> str:
    """The format to write `path` in: `format` if given, else what the suffix says.

    Raises:
        ValueError: If that is none of `parquet`, `csv`, `jsonl`, `arrow`.
    """
    known = ", ".join(sorted(set(SUFFIXES.values())))
    if format is not None:
        if format not in SUFFIXES.values():
            raise ValueError(f"unknown format {format!r}; expected one of: {known}")
        return format
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"cannot tell a format from the name {os.fspath(path)!r}: "
            f"end it in {', '.join(SUFFIXES)}, or give format="
        )
    return SUFFIXES[suffix]


def save(table: Table, path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write `table` to `path`; `Report.write` describes how."""
    chosen = format_of(path, format)
    writer = _WRITERS[chosen]()
    with replacing(Path(path)) as temporary:
        writer(table, temporary)


def _csv() -> Callable[[Table, str], None]:
    return Table.write_csv


def _jsonl() -> Callable[[Table, str], None]:
    return Table.write_jsonl


def _parquet() -> Callable[[Table, str], None]:
    arrow = pyarrow("writing Parquet")
    parquet = importlib.import_module("pyarrow.parquet")

    def write(table: Table, path: str) -> None:
        # One record batch after the other: memory does not grow with the table. Digests and rows hardly
        # repeat, so that a dictionary of them is made for nothing.
        reader = arrow.RecordBatchReader.from_stream(table)
        with parquet.ParquetWriter(
            path, reader.schema, compression="zstd", use_dictionary=_REPEATING
        ) as writer:
            for batch in reader:
                writer.write_batch(batch)

    return write


def _arrow() -> Callable[[Table, str], None]:
    arrow = pyarrow("writing Arrow files")
    ipc = importlib.import_module("pyarrow.ipc")

    def write(table: Table, path: str) -> None:
        reader = arrow.RecordBatchReader.from_stream(table)
        with ipc.new_file(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)

    return write


# Each gives its writer only after its library is there: nothing is created on disk before.
_WRITERS: dict[str, Callable[[], Callable[[Table, str], None]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
}


@contextmanager
def replacing(path: Path) -> Iterator[str]:
    """A temporary name beside `path`; what was written there replaces `path` if all goes well."""
    if path.is_dir():
        raise IsADirectoryError(
            f"cannot write the report to {os.fspath(path)!r}: that is a folder; name a file in it"
        )
    # A symbolic link keeps pointing where it did, and its file is replaced.
    path = path.resolve()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        os.close(descriptor)
        yield temporary
        _sync(temporary)
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    # The rename is durable only once the folder is.
    _sync(path.parent)


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
