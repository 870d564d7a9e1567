"""Reads the verdicts of a check from a journal or a report file."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from layercheck._core import Comparison, is_compressed
from layercheck.file_formats import SUFFIXES, inner_suffix, is_utf_8
from layercheck.journal.reader import Journal
from layercheck.redact import one_line, visible
from layercheck.report import Report
from layercheck.report.dataframes import pyarrow
from layercheck.report.read_ahead import one_ahead
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from layercheck.types import Target

Kind: TypeAlias = Literal["journal", "parquet", "arrow", "text"]
"""The kind of a file. `text` is CSV or JSON Lines; `add_source` tells them apart."""

_MAGICS: dict[bytes, Kind] = {b"SQLite format 3\0": "journal", b"PAR1": "parquet", b"ARROW1": "arrow"}
_KINDS: dict[str, Kind] = {"parquet": "parquet", "arrow": "arrow", "csv": "text", "jsonl": "text"}
"""Format of a file by its suffix to its kind."""
_COLUMNS = ["digest", "verdict"]
_TEXT_TYPES = ("string", "large_string", "dictionary", "null")  # prefixes of Arrow type names
_PARQUET_ROWS = 65_536  # rows of a file that are in memory at once
_PARQUET_BUFFER = 1 << 20  # bytes of a column that are read at once, whatever the size of a row group
_HEAD = 512  # bytes of a file that are read to detect its kind
_REASON = 300  # characters of a message of pyarrow that are kept
_UNKNOWN = 255  # in a column of verdict codes: the word is not a verdict


def add_source(comparison: Comparison, source: str | os.PathLike[str] | Report) -> Target | None:
    """Add all rows of a report, a journal or a report file to `comparison`; raises as `layercheck.diff` says.

    Returns:
        The target of a report or a journal; None for a report file, which does not say it.
    """
    if isinstance(source, Report):
        comparison.begin(repr(source))
        comparison.extend_raw(source.plan.digests, source.unique_verdicts)
        return source.target
    path = source
    name = visible(os.fsdecode(path))  # a name that is not UTF-8 has no other form that can be shown
    comparison.begin(name)
    kind = kind_of(path)
    if kind == "journal":
        with Journal(path) as journal:
            report = journal.report()
            comparison.extend_raw(report.plan.digests, report.unique_verdicts)
            return journal.target
    if kind == "text":
        comparison.read(path, SUFFIXES.get(inner_suffix(path)) == "jsonl")
        return None
    arrow = pyarrow("reading Parquet and Arrow files")
    with _read_errors(name, kind):
        row = 0
        for batch in (_parquet if kind == "parquet" else _arrow)(path, name):
            for column in _COLUMNS:
                # A crafted file may name a word outside its dictionary, or text outside its data. Reading
                # that would end the process.
                batch.column(column).validate(full=True)
            codes = _codes(arrow, batch.column("verdict"), f"{name}: row", row)
            comparison.extend_arrow(batch.column("digest"), codes)
            row += len(codes)
    return None


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """The kind of a file, from its first bytes or else from its suffix.

    Raises:
        OSError: The file cannot be read.
    """
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(path))
    head = b""
    if file.is_file():
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    for magic, kind in _MAGICS.items():
        if head.startswith(magic):
            return kind
    by_suffix = _KINDS.get(SUFFIXES.get(inner_suffix(path), ""))
    if by_suffix is not None:
        return by_suffix
    if file.exists() and not file.is_file():
        return "text"  # a pipe, whose first bytes cannot be read twice
    is_text = bool(head) and b"\0" not in head
    return "text" if is_text or is_compressed(head) else "journal"


def _parquet(path: str | os.PathLike[str], name: str) -> Iterator[Any]:
    parquet = importlib.import_module("pyarrow.parquet")
    text = os.fsdecode(path)
    # pyarrow reads a path faster than a Python file, and takes only paths that are UTF-8.
    with nullcontext(text) if is_utf_8(text) else Path(path).open("rb") as source:
        _check_columns(name, parquet.read_schema(source))
        # Do not read ahead, because pyarrow would keep what it has read, in the end the whole file.
        file = parquet.ParquetFile(
            source, read_dictionary=["verdict"], buffer_size=_PARQUET_BUFFER, pre_buffer=False
        )
        with file:
            yield from one_ahead(file.iter_batches(_PARQUET_ROWS, columns=_COLUMNS), file.metadata.num_rows)


def _arrow(path: str | os.PathLike[str], name: str) -> Iterator[Any]:
    ipc = importlib.import_module("pyarrow.ipc")
    with Path(path).open("rb") as opened:
        schema = ipc.open_file(opened).schema
        _check_columns(name, schema)
        wanted = ipc.IpcReadOptions(included_fields=[schema.names.index(column) for column in _COLUMNS])
        reader = ipc.open_file(opened, options=wanted)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))


def _check_columns(name: str, schema: Any) -> None:
    names = schema.names
    if any(names.count(column) != 1 for column in _COLUMNS):
        found = ", ".join(repr(each[:80]) for each in names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(
            f"{name}: not a report: it needs the columns 'digest' and 'verdict', each once; "
            f"it has {found or 'none'}"
        )
    kind = str(schema.field("verdict").type)
    if not kind.startswith(_TEXT_TYPES):
        raise ValueError(f"{name}: not a report: its column 'verdict' has the type {kind[:80]}, not text")


def _codes(arrow: Any, column: Any, where: str, start: int) -> NDArray[np.uint8]:
    import numpy as np

    if not arrow.types.is_dictionary(column.type):
        column = column.cast(arrow.string()).dictionary_encode()
    words = column.dictionary.to_pylist()
    known = {verdict.label: int(verdict) for verdict in Verdict}
    # A null is not a verdict either; it gets the position after the words.
    table = np.array([*(known.get(word, _UNKNOWN) for word in words), _UNKNOWN], dtype=np.uint8)
    positions = column.indices.cast(arrow.int64()).fill_null(len(words)).to_numpy(zero_copy_only=False)
    codes: NDArray[np.uint8] = table[positions]
    unknown = np.flatnonzero(codes == _UNKNOWN)
    if len(unknown):
        word = [*words, None][positions[unknown[0]]]
        raise ValueError(
            f"{where} {start + int(unknown[0])}, counted from 0: unknown verdict {str(word)[:80]!r}; "
            f"this version knows {', '.join(known)}; was the report written by a newer version?"
        )
    return codes


@contextmanager
def _read_errors(name: str, kind: Kind) -> Iterator[None]:
    """Raise what pyarrow makes of a broken file as `ValueError`: one line with the name of the file.

    pyarrow has errors of its own for most broken files, but its bindings also raise IndexError, KeyError,
    SystemError and UnicodeDecodeError.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno is not None):
            raise
        if type(error) is MemoryError or (type(error) is ValueError and str(error).startswith(f"{name}: ")):
            raise
        reason = one_line(str(error).partition("\n")[0]).rstrip(". ")[:_REASON] or type(error).__name__
        if isinstance(error, TypeError):
            raise ValueError(f"{name}: not a report: {reason}") from error
        raise ValueError(
            f"{name}: cannot be read as {kind.capitalize()}: {reason}; is the file cut short?"
        ) from error
