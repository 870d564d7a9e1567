"""`prepare`: rows of any spelling -> raw digests, each once, and how many rows there were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from layercheck._core import MAX_BATCH, Plan, Planner
from layercheck.errors import InvalidParameterError
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.table import BATCH_ROWS, arrow, prepared_schema

if TYPE_CHECKING:
    import pyarrow as pa

_HALF = 1 << 32
_ENOUGH_ROWS = 20
_COUNTS = ("rows", "invalid", "null", "digests", "hash_low", "hash_high")
PREPARED_NOTES = tuple(f"layercheck.{name}" for name in _COUNTS)
"""The names of the notes of a prepared part, whose numbers the engine adds up."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of one part, or of several together. Counts can be added up.

    Attributes:
        rows: Input rows.
        invalid: Rows without a digest, nulls among them.
        null: Rows that are null.
        seen: Fingerprint of the digests of all valid rows, duplicates included. It is the same however the
            rows are ordered and cut, so that a rerun can tell whether it has the same input.
    """

    rows: int = 0
    invalid: int = 0
    null: int = 0
    seen: Fingerprint = field(default_factory=Fingerprint)

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @classmethod
    def of_notes(cls, notes: Mapping[str, Any]) -> Counts:
        """Return the counts that notes stand for, each summed up by its name in `PREPARED_NOTES`."""
        rows, invalid, null, digests, low, high = (int(notes.get(name) or 0) for name in PREPARED_NOTES)
        return cls(rows, invalid, null, Fingerprint(digests, (low + high * _HALF) % (1 << 64)))


def check_form(plan: Plan) -> None:
    """Refuse rows of which none is a digest, because `raw` was given or left out by mistake.

    Few rows may all be wrong for other reasons, and are not refused.

    Raises:
        InvalidParameterError: The rows have the other form.
    """
    if plan.rows >= _ENOUGH_ROWS and not plan.unique and plan.hint is not None and "raw=True" in plan.hint:
        raise InvalidParameterError(f"none of {plan.rows:,} rows is a digest: {plan.hint}")


class Prepared:
    """The digests of one part, as an iterator of record batches, and its counts once it has ended.

    Attributes:
        counts: What was read so far; complete when the iterator has ended.
    """

    def __init__(self, blocks: Iterable[Plan]) -> None:
        self._blocks = blocks
        self.counts = Counts()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield record batches with one column, `digest` (binary, 32 bytes, no nulls)."""
        for plan in self._blocks:
            check_form(plan)
            self.counts += _counts(plan)
            for start in range(0, plan.unique, BATCH_ROWS):
                yield _digests(plan, start, min(start + BATCH_ROWS, plan.unique))

    def with_notes(self) -> Iterator[pa.RecordBatch]:
        """Yield record batches in `PREPARED`: the digests, and the counts behind them as notes.

        A note has a null `digest`. An engine adds up the notes by name and drops them.
        """
        pa = arrow()
        for batch in self:
            rest = [pa.nulls(batch.num_rows, field.type) for field in list(prepared_schema())[1:]]
            yield pa.RecordBatch.from_arrays([batch.column(0), *rest], schema=prepared_schema())
        seen = self.counts.seen
        values = [self.counts.rows, self.counts.invalid, self.counts.null, seen.digests]
        values += [seen.hash % _HALF, seen.hash // _HALF]
        notes = {"digest": [None] * len(values), "name": list(PREPARED_NOTES), "value": values}
        yield pa.RecordBatch.from_pydict(notes, schema=prepared_schema())


def prepare(
    batches: Iterable[pa.RecordBatch],
    *,
    column: str | None = None,
    raw: bool = False,
    strict: bool = False,
    block_rows: int | None = None,
) -> Prepared:
    """Validate and deduplicate the rows of a part, without touching the network.

    Run it twice: on each part of the input, so that fewer digests are shuffled, and on each range after the
    shuffle, so that every digest is there once.

    Args:
        batches: Record batches; an exception of the iterator passes through. None at all is a part without
            rows.
        column: The column with the digests; None if there is only one.
        raw: Binary values are raw digests of 32 bytes, as for `layercheck.plan`. Values of another length are
            invalid rows.
        strict: Accept only `sha256:` followed by 64 lower-case hex digits.
        block_rows: Deduplicate within blocks of about so many rows instead of the whole part, so that memory
            does not grow with the part. A digest may then be yielded once for each block.

    Returns:
        The digests and, after them, the counts.

    Raises:
        ValueError: `column` is missing or not given, once the iteration starts.
        TypeError: The column has a type that holds no digests, likewise.
        InvalidParameterError: None of many rows is a digest, because they are raw digests and `raw` is not
            given, or the other way round.

    Examples:
        >>> import pyarrow as pa
        >>> from layercheck import shard
        >>> rows = pa.record_batch({"digest": ["sha256:" + "ab" * 32, "AB" * 32, "latest", None]})
        >>> prepared = shard.prepare([rows])
        >>> [batch.num_rows for batch in prepared]
        [1]
        >>> prepared.counts.rows, prepared.counts.invalid, prepared.counts.null
        (4, 2, 1)
    """
    return Prepared(_plans(batches, column, raw=raw, strict=strict, block_rows=block_rows))


def _plans(
    batches: Iterable[Any], column: str | None, *, raw: bool, strict: bool, block_rows: int | None
) -> Iterator[Plan]:
    def planner() -> Planner:
        return Planner(strict=strict, threads=1, raw=raw)

    block, rows = planner(), 0
    for batch in batches:
        if not batch.num_rows:
            continue
        block.extend_arrow(_column(batch, column))
        rows += batch.num_rows
        if block_rows is not None and rows >= block_rows:
            yield block.finish(MAX_BATCH)
            block, rows = planner(), 0
    if rows:
        yield block.finish(MAX_BATCH)


def _column(batch: Any, column: str | None) -> Any:
    names = batch.schema.names
    shown = ", ".join(repr(str(name)[:80]) for name in names[:20])
    if column is None:
        if len(names) != 1:
            raise ValueError(f"which column holds the digests? choose one of {shown} by column=")
        return batch.column(0)
    if names.count(column) != 1:
        problem = "no column" if column not in names else "more than one column"
        raise ValueError(f"{problem} {column!r}; there are {shown or 'none'}")
    return batch.column(names.index(column))


def _counts(plan: Plan) -> Counts:
    import numpy as np

    index = plan.row_index
    times = np.bincount(index[index >= 0], minlength=plan.unique).astype(np.int64)
    null = plan.reject_counts.get("not_text", 0)
    return Counts(plan.rows, plan.invalid, null, Fingerprint.of(plan.digests, times))


def _digests(plan: Plan, start: int, stop: int) -> pa.RecordBatch:
    import numpy as np

    pa = arrow()
    values = np.ascontiguousarray(plan.digests[start:stop]).reshape(-1)
    offsets = np.arange(0, (stop - start) * 32 + 1, 32, dtype=np.int32)
    column = pa.Array.from_buffers(
        pa.binary(), stop - start, [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    )
    return pa.RecordBatch.from_arrays([column], names=["digest"])
