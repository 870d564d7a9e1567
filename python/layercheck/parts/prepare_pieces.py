"""Two passes over the input: pieces of rows -> digests of each piece -> digests of each part of each slice.

The functions run in workers. The digests of a piece are in order of their first two bytes, so that the second
pass reads from each file only what belongs to its slices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layercheck._core import MAX_BATCH, Planner
from layercheck.parts.files import Files, part_file
from layercheck.shard.fingerprint import Fingerprint, raw_digests
from layercheck.shard.prepare import Counts, prepare
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_SORTED = 1_000_000  # digests that are put in order at once: 32 MB
_GROUP = 1 << 16  # digests in a row group
_BLOCK_ROWS = 4_000_000
_PARQUET: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_statistics": ["digest"]}


@dataclass(frozen=True, slots=True)
class Rows:
    """How the rows of a piece are read.

    Attributes:
        column: The column with the digests; None if there is only one.
        raw: Binary values are raw digests.
        strict: Accept one spelling only.
    """

    column: str | None
    raw: bool = False
    strict: bool = False

    def prepared(self, batches: Iterable[Any]) -> Any:
        """Return the digests of record batches, and their counts, in bounded memory."""
        return prepare(batches, column=self.column, raw=self.raw, strict=self.strict, block_rows=_BLOCK_ROWS)


@dataclass(frozen=True, slots=True)
class Piece:
    """What the first pass found in a piece.

    Attributes:
        counts: Its rows.
        digests: Different digests of each block of its rows, added up.
        file: The name of the file with its digests; None if there are none, or only the rows were counted.
    """

    counts: Counts
    digests: int = 0
    file: str | None = None


def count_piece(batches: Iterable[Any], rows: Rows) -> Piece:
    """Count the rows of a piece, so that a rerun can tell whether it has the same input."""
    prepared = rows.prepared(batches)
    for _ in prepared:
        pass
    return Piece(prepared.counts)


def write_piece(batches: Iterable[Any], rows: Rows, path: str, name: str) -> Piece:
    """Write the digests of a piece of the input.

    Args:
        batches: The record batches of the piece.
        rows: How they are read.
        path: The folder of the run.
        name: The name of the file.
    """
    prepared = rows.prepared(batches)
    written = 0

    def groups() -> Iterator[Any]:
        nonlocal written
        for digests in _blocks(raw_digests(batch.column(0)) for batch in prepared):
            written += len(digests)
            ordered = digests[_first_bytes(digests).argsort(kind="stable")]
            yield from _batches(ordered)

    Files(path).write(name, groups(), _schema(), **_PARQUET)
    return Piece(prepared.counts, written, name if written else None)


def write_slices(
    path: str, files: Sequence[str], folder: str, first: int, stop: int, slices: int, parts: int
) -> dict[int, Fingerprint]:
    """Write the digests of some slices, each once, in files for each part; return what each slice has.

    Args:
        path: The folder of the run.
        files: The files of the first pass.
        folder: Where the new files are.
        first: The first slice.
        stop: One past the last slice.
        slices: How many slices there are.
        parts: Parts of each slice.
    """
    planner = Planner(threads=1, raw=True)
    # The slice of a digest is its first two bytes * slices >> 16; the power of two makes these bounds exact.
    width = (1 << 16) // slices
    for name in files:
        for digests in _range(Files(path), name, first * width, stop * width):
            planner.extend_arrow(_column(digests))
    return write_parts(path, folder, planner.finish(MAX_BATCH).digests, slices, parts)


def write_parts(
    path: str, folder: str, digests: NDArray[np.uint8], slices: int, parts: int, at: int | None = None
) -> dict[int, Fingerprint]:
    """Write different digests in files for each part of their slices; return what each slice has.

    Args:
        path: The folder of the run.
        folder: Where the files are.
        digests: uint8 of shape (n, 32), each different.
        slices: How many slices there are.
        parts: Parts of each slice.
        at: The slice that all of them belong to, instead of the slice by their first bytes.
    """
    import numpy as np

    slice_of = _first_bytes(digests).astype(np.int64) * slices >> 16
    if at is not None:
        slice_of[:] = at
    second = digests[:, 2].astype(np.int64) << 8 | digests[:, 3]
    places = slice_of * parts + (second * parts >> 16)
    order = places.argsort(kind="stable")
    found, starts = np.unique(places[order], return_index=True)
    ends = [*starts[1:].tolist(), len(order)]
    written: dict[int, Fingerprint] = {}
    for place, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True):
        number, part = divmod(place, parts)
        of_part = digests[order[start:end]]
        Files(path).write(part_file(folder, number, part, parts), _batches(of_part), _schema(), **_PARQUET)
        written[number] = written.get(number, Fingerprint()) + Fingerprint.of(of_part)
    return written


def read_digests(path: str, name: str) -> Iterator[Any]:
    """Yield the digests of a file of `write_parts` as record batches."""
    with Files(path).table(name) as file:
        yield from file.iter_batches(batch_size=_GROUP)


def _range(files: Files, name: str, low: int, high: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the digests of a file whose first two bytes are from `low` on and below `high`."""
    with files.table(name) as file:
        for group in range(file.num_row_groups):
            known = file.metadata.row_group(group).column(0).statistics
            if known is not None and known.has_min_max:
                least, most = (int.from_bytes(each[:2], "big") for each in (known.min, known.max))
                if most < low or least >= high:
                    continue
            for chunk in file.read_row_group(group).column(0).chunks:
                digests = raw_digests(chunk)
                first = _first_bytes(digests)
                yield digests[(first >= low) & (first < high)]


def _blocks(arrays: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Join arrays of digests to such of about `_SORTED` digests."""
    import numpy as np

    block: list[Any] = []
    for digests in arrays:
        block.append(digests)
        if sum(map(len, block)) >= _SORTED:
            yield np.concatenate(block)
            block = []
    if block:
        yield np.concatenate(block)


def _first_bytes(digests: NDArray[np.uint8]) -> NDArray[np.uint16]:
    import numpy as np

    return (digests[:, 0].astype(np.uint16) << 8 | digests[:, 1]).astype(np.uint16, copy=False)


def _batches(digests: NDArray[np.uint8]) -> Iterator[Any]:
    for start in range(0, len(digests), _GROUP):
        yield arrow().RecordBatch.from_arrays([_column(digests[start : start + _GROUP])], schema=_schema())


def _column(digests: NDArray[np.uint8]) -> Any:
    import numpy as np

    pa = arrow()
    values = pa.py_buffer(np.ascontiguousarray(digests).reshape(-1))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(digests), [None, values])


def _schema() -> pa.Schema:
    pa = arrow()
    return pa.schema([pa.field("digest", pa.binary(32), nullable=False)])


def part_numbers(column: Any, count: int) -> NDArray[np.int64]:
    """Return which of `count` parts each digest of a chunked column belongs to, by its first two bytes."""
    import numpy as np

    chunks = [_first_bytes(raw_digests(chunk)) for chunk in column.chunks]
    first = np.concatenate(chunks) if chunks else np.empty(0, dtype=np.uint16)
    return first.astype(np.int64) * count >> 16


def cut(batches: Iterable[Any], count: int) -> list[Any]:
    """Return digests as `count` Arrow tables, cut by their first two bytes.

    Args:
        batches: Record batches of raw digests.
        count: How many tables.
    """
    import numpy as np

    pa = arrow()
    tables: list[list[Any]] = [[] for _ in range(count)]
    for batch in batches:
        digests = raw_digests(batch.column(0))
        numbers = _first_bytes(digests).astype(np.int64) * count >> 16
        for number in np.unique(numbers).tolist():
            tables[number] += _batches(digests[numbers == number])
    return [pa.Table.from_batches(each, schema=_schema()) for each in tables]
