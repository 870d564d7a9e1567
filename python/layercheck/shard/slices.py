"""Slices: the digest space cut by its first two bytes, so that each slice is one job of the engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from layercheck.errors import InvalidParameterError
from layercheck.shard.arguments import whole_number
from layercheck.shard.fingerprint import Fingerprint, raw_digests
from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MAX_SLICES = 4096
"""Most slices: files and jobs cost more than they save beyond it."""
_SECONDS = 240.0
_DIGESTS_PER_CALL = 100


def slice_count(digests: int, rate: float, *, seconds: float = _SECONDS, most: int | None = None) -> int:
    """Return how many slices there should be: a power of two from 1 to 4,096.

    Args:
        digests: Different digests, or an upper bound of their number.
        rate: Calls per second of all askers together.
        seconds: How long the asking of one slice should take. A slice costs a job of the engine, about two
            seconds; the death of the driver costs what the slice under way had asked.
        most: Most digests of a slice, about; None for as many as the time allows.

    Examples:
        >>> slice_count(10**6, 500.0), slice_count(10**9, 500.0), slice_count(10**12, 500.0)
        (1, 128, 4096)
    """
    each = rate * _DIGESTS_PER_CALL * seconds
    wanted = max(1, math.ceil(digests / (each if most is None else min(each, most))))
    return min(MAX_SLICES, 1 << (wanted - 1).bit_length())


def check_slices(slices: int) -> int:
    """Return the number of slices.

    Raises:
        InvalidParameterError: It is not a power of two from 1 to 4,096.
    """
    number = whole_number(slices)
    if number is None or not 1 <= number <= MAX_SLICES or number & (number - 1):
        raise InvalidParameterError(f"slices is {slices!r}; expected a power of two from 1 to {MAX_SLICES:,}")
    return number


def slice_numbers(column: Any, slices: int) -> pa.Array:
    """Return the slice of each raw digest, int32: `first_two_bytes * slices // 65536`, big-endian.

    In SQL this is `cast(conv(hex(substring(digest, 1, 2)), 16, 10) as int) * slices div 65536`.

    Args:
        column: A binary column of 32 bytes a row, without nulls.
        slices: A power of two from 1 to 4,096.
    """
    return arrow().array(_numbers(raw_digests(column), check_slices(slices)))


def slices_of(batches: Iterable[pa.RecordBatch], slices: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the rows of each batch by slice: a number and a batch with the rows of that slice.

    Args:
        batches: Record batches whose first column holds raw digests without nulls.
        slices: A power of two from 1 to 4,096.
    """
    import numpy as np

    pa = arrow()
    check_slices(slices)
    for batch in batches:
        if not batch.num_rows:
            continue
        numbers = _numbers(raw_digests(batch.column(0)), slices)
        order = np.argsort(numbers, kind="stable")
        found, starts = np.unique(numbers[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        for number, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True):
            yield number, batch.take(pa.array(order[start:end]))


def fingerprints(batches: Iterable[pa.RecordBatch], slices: int) -> dict[int, Fingerprint]:
    """Return the fingerprint of each slice that has digests. Those of several parts can be added up."""
    found: dict[int, Fingerprint] = {}
    for number, batch in slices_of(batches, slices):
        found[number] = found.get(number, Fingerprint()) + Fingerprint.of(raw_digests(batch.column(0)))
    return found


def _numbers(digests: NDArray[np.uint8], slices: int) -> NDArray[np.int32]:
    import numpy as np

    first = digests[:, 0].astype(np.int32) << 8 | digests[:, 1]
    return (first * slices >> 16).astype(np.int32)
