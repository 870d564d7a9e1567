"""Writes report tables to files, atomically."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from layercheck._core import RecordTable, Table
from layercheck.file_formats import (
    COMPRESSIBLE,
    REPORT_FORMATS,
    REPORT_SUFFIXES,
    TABLE_FORMATS,
    TABLE_SUFFIXES,
    ReportFormat,
    compressed_suffix,
    report_format,
    why_uncompressed,
)
from layercheck.report.atomic_write import atomic_write
from layercheck.report.dataframes import pyarrow
from layercheck.report.read_ahead import one_ahead

if TYPE_CHECKING:
    from layercheck.page.content import Page

AnyTable: TypeAlias = Table | RecordTable

Writer: TypeAlias = Callable[[AnyTable, str, str], None]
"""Writes a table to a path, with the suffix of a compression or an empty one."""

_REPEATING = [
    *("verdict", "media_type", "code", "reason"),
    *("account_id", "region", "repository", "kind", "artifact_type", "status", "role", "state"),
    *("os", "architecture", "variant", "os_version"),
]


def format_of(path: str | os.PathLike[str], format: str | None = None, *, page: bool = False) -> ReportFormat:
    """The format to write `path` in: `format` if given, else the format of the suffix.

    A text format may have `.gz` or `.zst` behind its suffix.

    Args:
        path: The file.
        format: A name of a format; None for that of the suffix.
        page: Whether it may be a page, `html`. Single tables have none.

    Raises:
        ValueError: If the format is none of `parquet`, `csv`, `jsonl`, `arrow`, and `html` if `page`.
    """
    formats, suffixes = (REPORT_FORMATS, REPORT_SUFFIXES) if page else (TABLE_FORMATS, TABLE_SUFFIXES)
    if format is None:
        found = report_format(path)
        if found is None or found not in formats:
            raise ValueError(
                f"cannot tell a format from the name {os.fspath(path)!r}: "
                f"end it in {', '.join(suffixes)}, or give format="
            )
        return found
    for known in formats:
        if format == known:
            if known not in COMPRESSIBLE and compressed_suffix(path):
                raise ValueError(
                    f"{os.fspath(path)!r}: only csv and jsonl are compressed as a whole; "
                    f"leave out {compressed_suffix(path)}, because {why_uncompressed(known)}"
                )
            return known
    raise ValueError(f"unknown format {format!r}; expected one of: {', '.join(sorted(formats))}")


def save_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Write a page to `path`, as `Report.write` describes."""
    from layercheck.page.render import html

    content = html(page).encode()
    with atomic_write(Path(path)) as temporary:
        Path(temporary).write_bytes(content)


def save(table: AnyTable, path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write `table` to `path`, as `Report.write` describes."""
    chosen = format_of(path, format)
    writer = _WRITERS[chosen]()
    with atomic_write(Path(path)) as temporary:
        writer(table, temporary, compressed_suffix(path))


def _csv() -> Writer:
    return lambda table, path, suffix: table.write_csv(path, suffix)


def _jsonl() -> Writer:
    return lambda table, path, suffix: table.write_jsonl(path, suffix)


def _parquet() -> Writer:
    arrow = pyarrow("writing Parquet")
    parquet = importlib.import_module("pyarrow.parquet")

    def write(table: AnyTable, path: str, _: str) -> None:
        # Write one record batch at a time, so that memory does not grow with the table. Digests and rows
        # get no dictionary, because they hardly repeat.
        reader = arrow.RecordBatchReader.from_stream(table)
        with parquet.ParquetWriter(
            path, reader.schema, compression="zstd", use_dictionary=_REPEATING
        ) as writer:
            for batch in one_ahead(reader, len(table)):
                writer.write_batch(batch)

    return write


def _arrow() -> Writer:
    arrow = pyarrow("writing Arrow files")
    ipc = importlib.import_module("pyarrow.ipc")

    def write(table: AnyTable, path: str, _: str) -> None:
        reader = arrow.RecordBatchReader.from_stream(table)
        with ipc.new_file(path, reader.schema) as writer:
            for batch in one_ahead(reader, len(table)):
                writer.write_batch(batch)

    return write


# Each gives its writer only after its library is there: nothing is created on disk before.
_WRITERS: dict[ReportFormat, Callable[[], Writer]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
}
