"""An audit, read from whatever kept it: a journal, or a report that was written."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from layercheck._core import Audits
from layercheck.journal.reader import Journal
from layercheck.report.dataframes import pyarrow
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from layercheck.types import Target

Kind: TypeAlias = Literal["journal", "parquet", "arrow", "text"]
"""What keeps an audit; CSV and JSON Lines are told apart where they are read."""

_BEGINNINGS: dict[bytes, Kind] = {b"SQLite format 3\0": "journal", b"PAR1": "parquet", b"ARROW1": "arrow"}
_COMPRESSED = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
_SUFFIXES: dict[str, Kind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "text",
    ".jsonl": "text",
    ".ndjson": "text",
}
_COLUMNS = ["digest", "verdict"]
_WORDS = ("string", "large_string", "dictionary", "null")  # starts of the names of types
_PARQUET_ROWS = 65_536  # rows of a file that are in memory at a time
_PARQUET_BUFFER = 1 << 20  # bytes of a column that are read at a time, however large its row groups are
_HEAD = 512  # bytes of a file that are looked at to tell what it is
_UNKNOWN = 255  # beside the codes of verdicts: a word that is none


def take(audits: Audits, path: str | os.PathLike[str]) -> Target | None:
    """Give all rows of an audit to `audits`; `layercheck.diff` tells what may go wrong.

    Returns:
        Where it was made; None for a written report, which does not tell.
    """
    name = os.fsdecode(path)
    audits.begin(name)
    kind = kind_of(path)
    if kind == "journal":
        with Journal(path) as journal:
            report = journal.report()
            audits.extend_raw(report.plan.digests, report.unique_verdicts)
            return journal.target
    if kind == "text":
        audits.read(name, _inner_suffix(path) in (".jsonl", ".ndjson"))
        return None
    arrow = pyarrow("reading Parquet and Arrow files")
    with _explained(arrow, name, kind):
        row = 0
        for batch in (_parquet if kind == "parquet" else _arrow)(name):
            codes = _codes(arrow, batch.column("verdict"), f"{name}: row", row)
            audits.extend_arrow(batch.column("digest"), codes)
            row += len(codes)
    return None


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """What a file is: by its first bytes, or else by its suffix.

    Raises:
        OSError: It cannot be read.
    """
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(path))
    head = b""
    if file.is_file():
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    told = _SUFFIXES.get(_inner_suffix(path))
    if told is not None:
        return told
    if file.exists() and not file.is_file():
        return "text"  # a pipe, which cannot be looked at and read then
    is_text = bool(head) and b"\0" not in head
    return "text" if is_text or head.startswith(tuple(_COMPRESSED.values())) else "journal"


def _inner_suffix(path: str | os.PathLike[str]) -> str:
    name = PurePath(os.fsdecode(path).lower())
    return (name.with_suffix("") if name.suffix in _COMPRESSED else name).suffix


def _parquet(name: str) -> Iterator[Any]:
    parquet = importlib.import_module("pyarrow.parquet")
    _check_columns(name, parquet.read_schema(name))
    # Reading ahead would keep what it has read until the end: the whole file at last.
    with parquet.ParquetFile(
        name, read_dictionary=["verdict"], buffer_size=_PARQUET_BUFFER, pre_buffer=False
    ) as file:
        yield from file.iter_batches(_PARQUET_ROWS, columns=_COLUMNS)


def _arrow(name: str) -> Iterator[Any]:
    ipc = importlib.import_module("pyarrow.ipc")
    with Path(name).open("rb") as opened:
        schema = ipc.open_file(opened).schema
        _check_columns(name, schema)
        wanted = ipc.IpcReadOptions(included_fields=[schema.names.index(column) for column in _COLUMNS])
        reader = ipc.open_file(opened, options=wanted)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))


def _check_columns(name: str, schema: Any) -> None:
    names = schema.names
    if any(names.count(column) != 1 for column in _COLUMNS):
        there = ", ".join(repr(each[:80]) for each in names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(
            f"{name}: no report: it has not the columns 'digest' and 'verdict', each once; "
            f"there are {there or 'none'}"
        )
    kind = str(schema.field("verdict").type)
    if not kind.startswith(_WORDS):
        raise ValueError(f"{name}: no report: its column 'verdict' is of {kind[:80]}, not of text")


def _codes(arrow: Any, column: Any, where: str, start: int) -> NDArray[np.uint8]:
    import numpy as np

    if not arrow.types.is_dictionary(column.type):
        column = column.cast(arrow.string()).dictionary_encode()
    words = column.dictionary.to_pylist()
    known = {verdict.label: int(verdict) for verdict in Verdict}
    # A null, which is no verdict either, gets the place behind the words.
    table = np.array([*(known.get(word, _UNKNOWN) for word in words), _UNKNOWN], dtype=np.uint8)
    places = column.indices.cast(arrow.int64()).fill_null(len(words)).to_numpy(zero_copy_only=False)
    codes: NDArray[np.uint8] = table[places]
    unknown = np.flatnonzero(codes == _UNKNOWN)
    if len(unknown):
        word = [*words, None][places[unknown[0]]]
        raise ValueError(
            f"{where} {start + int(unknown[0])}, counted from 0: unknown verdict {str(word)[:80]!r}; "
            f"this version knows {', '.join(known)}; was it written by a newer one?"
        )
    return codes


@contextmanager
def _explained(arrow: Any, name: str, kind: Kind) -> Iterator[None]:
    try:
        yield
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(
            f"{name}: cannot be read as {kind.capitalize()}: {reason}; is the file cut short?"
        ) from error
    except TypeError as error:
        raise ValueError(f"{name}: no report: {error}") from error
