"""What the name of a file says: the formats of inputs and reports, under a suffix of compression.

The native module recognises compressed content; `layercheck._core.is_compressed` asks it.
"""

from __future__ import annotations

import os
from typing import Literal, TypeAlias, get_args

from layercheck._core import COMPRESSED_SUFFIXES

FileFormat: TypeAlias = Literal["lines", "csv", "jsonl", "parquet", "arrow", "orc", "layout", "manifest"]
"""What an input is: a row in each line, CSV with a header, JSON Lines, Parquet, Arrow IPC, ORC, an OCI layout
or an archive of images, or one manifest."""

ReportFormat: TypeAlias = Literal["parquet", "csv", "jsonl", "arrow", "html"]
"""What a report is written as. `html` is a page for people; the others are tables."""

INPUT_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
REPORT_FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)
TABLE_FORMATS: tuple[ReportFormat, ...] = tuple(name for name in REPORT_FORMATS if name != "html")

SUFFIXES: dict[str, FileFormat] = {
    "": "lines",
    ".txt": "lines",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
}
"""Suffix of a file name to format, of inputs and of reports."""

COMPRESSIBLE: frozenset[str] = frozenset({"csv", "jsonl"})
"""Formats of reports that may be compressed as a whole. Parquet and Arrow have compression of their own, and
browsers open no compressed file."""
_PAGES: dict[str, ReportFormat] = {".html": "html", ".htm": "html"}
"""Suffixes that reports alone have."""
_MORE_INPUTS: dict[str, FileFormat] = {
    ".tsv": "csv",
    ".json": "jsonl",  # for JSON Lines in a file with this name
    ".parq": "parquet",
    ".ipc": "arrow",
    ".arrows": "arrow",
    ".orc": "orc",
    ".tar": "layout",
    ".tgz": "layout",
}
"""Suffixes that inputs alone have."""

TABLE_SUFFIXES: tuple[str, ...] = tuple(
    suffix for suffix, format_ in SUFFIXES.items() if format_ in TABLE_FORMATS
)
"""Suffixes of tables, for messages."""
REPORT_SUFFIXES: tuple[str, ...] = (*TABLE_SUFFIXES, *_PAGES)
"""Suffixes of reports, for messages."""


def input_format(path: str | os.PathLike[str]) -> FileFormat | None:
    """The format of an input by its suffix, which `.gz` or `.zst` may follow; None if the suffix is unknown.

    Examples:
        >>> input_format("layers.CSV.gz"), input_format("digests"), input_format("layers.xlsx")
        ('csv', 'lines', None)
    """
    suffix = inner_suffix(path)
    found = _MORE_INPUTS.get(suffix) or SUFFIXES.get(suffix)
    return next((format_ for format_ in INPUT_FORMATS if format_ == found), None)


def report_format(path: str | os.PathLike[str]) -> ReportFormat | None:
    """The format of a report by its suffix; None if no report has the suffix.

    `.gz` or `.zst` may follow the suffix of a text format.

    Examples:
        >>> report_format("report.feather"), report_format("report.csv.gz"), report_format("report.pq.gz")
        ('arrow', 'csv', None)
        >>> report_format("report.html"), report_format("report.html.gz")
        ('html', None)
    """
    suffix = inner_suffix(path)
    found = _PAGES.get(suffix) or SUFFIXES.get(suffix)
    if compressed_suffix(path) and found not in COMPRESSIBLE:
        return None
    return next((format_ for format_ in REPORT_FORMATS if format_ == found), None)


def why_uncompressed(format_: ReportFormat) -> str:
    """Why a report in a format is not compressed as a whole, for messages."""
    return (
        "browsers open no compressed page" if format_ == "html" else f"{format_} has compression of its own"
    )


def compressed_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of the compression, in lower case; empty if there is none.

    Examples:
        >>> compressed_suffix("report.csv.GZ"), compressed_suffix("report.csv")
        ('.gz', '')
    """
    last = _suffixes(path)[-1]
    return last if last in COMPRESSED_SUFFIXES else ""


def inner_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix in lower case, without that of the compression.

    Examples:
        >>> inner_suffix("a/layers.JSONL.zst")
        '.jsonl'
    """
    *before, last = _suffixes(path)
    return (before[-1] if before else "") if last in COMPRESSED_SUFFIXES else last


def _suffixes(path: str | os.PathLike[str]) -> list[str]:
    from pathlib import PurePath  # here, because loading it is much of what importing layercheck would cost

    return [suffix.lower() for suffix in PurePath(os.fsdecode(path)).suffixes] or [""]


def is_utf_8(text: str) -> bool:
    r"""Whether a path or argument is UTF-8, as pyarrow and the native module need it; Linux allows others.

    Examples:
        >>> is_utf_8("café"), is_utf_8("caf\udce9")
        (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
