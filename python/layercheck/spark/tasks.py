"""What runs in the Python workers of Spark, a partition at a time.

Spark pickles these functions by their names and their arguments by value. So they stand at the top of a
module, and their arguments are plain settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from layercheck import shard
from layercheck._core import MAX_BATCH, Planner

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_ROWS = 1_000_000
"""Rows that are deduplicated at once before the shuffle: about 80 MB, whatever the size of the partition. All
Python workers of an executor share its memory overhead, which is 384 MB by default."""

LOOK = "found string"
LINES = (
    "digest string, verdict string, size bigint, media_type string, code string, reason string, "
    "asked_at timestamp"
)
"""`shard.SCHEMA` as Spark writes it; a test compares the two."""
PREPARED = "digest binary, name string, value bigint"
FINGERPRINTS = "slice int, digests bigint, high bigint, low bigint"


def look(batches: Iterable[pa.RecordBatch], settings: shard.Settings) -> Iterator[pa.RecordBatch]:
    """Ask for one digest, whatever the rows are."""
    import pyarrow as pa

    for _ in batches:
        pass
    yield pa.RecordBatch.from_pydict({"found": [shard.look(settings).to_json()]})


def look_at_version(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Tell the versions of a worker, whatever the rows are."""
    import pyarrow as pa

    for _ in batches:
        pass
    yield pa.RecordBatch.from_pydict({"found": [shard.look_at_version().to_json()]})


def prepare(
    batches: Iterable[pa.RecordBatch], *, raw: bool, strict: bool, digests: bool = True
) -> Iterator[pa.RecordBatch]:
    """Rows -> raw digests, and behind them notes that count the rows.

    Args:
        batches: Batches of one column.
        raw: Binary values are raw digests.
        strict: Accept only the canonical spelling.
        digests: False yields the notes alone.
    """
    import pyarrow.compute as pc

    prepared = shard.prepare(batches, raw=raw, strict=strict, block_rows=_BLOCK_ROWS)
    for batch in prepared.with_notes():
        if digests or pc.is_null(batch.column(0))[0].as_py():
            yield batch


def fingerprints(batches: Iterable[pa.RecordBatch], slices: int) -> Iterator[pa.RecordBatch]:
    """Raw digests -> the fingerprint of each slice that is in the partition."""
    import pyarrow as pa

    found = shard.slices.fingerprints(batches, slices)
    columns = {
        "slice": pa.array(found, pa.int32()),
        "digests": pa.array([each.digests for each in found.values()], pa.int64()),
        "high": pa.array([each.hash >> 32 for each in found.values()], pa.int64()),
        "low": pa.array([each.hash & 0xFFFFFFFF for each in found.values()], pa.int64()),
    }
    yield pa.RecordBatch.from_pydict(columns)


def ask(
    batches: Iterable[pa.RecordBatch], settings: shard.Settings, share: shard.Share
) -> Iterator[pa.RecordBatch]:
    """Raw digests -> lines of the verdict table, and behind them notes with the outcome."""
    return shard.ask(batches, settings, share).with_outcome()


def check_images(
    batches: Iterable[pa.RecordBatch],
    groups: Sequence[shard.ImageGroup],
    settings: shard.ImageSettings,
    share: shard.Share,
) -> Iterator[pa.RecordBatch]:
    """Numbers of groups of repositories -> the lines of all tables, and behind them the outcome."""
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield from shard.ask_images([groups[number].batch()], settings, share).tables()


def raw_digests(column: Any, *, raw: bool, strict: bool) -> pa.Array:
    """Text or raw digests -> 32 bytes or null for each, a binary array of the same length."""
    import pyarrow as pa

    planner = Planner(strict=strict, threads=1, raw=raw)
    planner.extend_arrow(column)
    plan = planner.finish(MAX_BATCH)
    index = plan.row_index
    digests = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(32), plan.unique, [None, pa.py_buffer(plan.digests.tobytes())]
    )
    return digests.cast(pa.binary()).take(pa.array(index, mask=index < 0))
