"""`Fingerprint`: tells whether two runs have the same digests, in any order and in any parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layercheck.shard.table import arrow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_PIECE = 1 << 18  # digests that are hashed at once, so that the intermediate arrays stay small
_FACTORS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
_MIX = 0xBF58476D1CE4E5B9


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How many digests there are, and the sum of their hashes modulo 2 ** 64.

    A sum has no order, and the sum of two parts is that of both together. Digests are hashes themselves, so
    that a short function of their bytes is enough. It protects from mistakes, not from an attacker.

    Attributes:
        digests: Digests, each counted as often as it was seen.
        hash: The sum, from 0 to 2 ** 64 - 1.

    Examples:
        >>> Fingerprint(2, 5) + Fingerprint(1, 2**64 - 1)
        Fingerprint(digests=3, hash=4)
    """

    digests: int = 0
    hash: int = 0

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(self.digests + other.digests, (self.hash + other.hash) & _MASK)

    @property
    def text(self) -> str:
        """The hash as 16 hex digits."""
        return f"{self.hash:016x}"

    @classmethod
    def of(cls, digests: NDArray[np.uint8], times: NDArray[np.int64] | None = None) -> Fingerprint:
        """Return the fingerprint of raw digests.

        Args:
            digests: uint8 of shape (n, 32).
            times: How often each was seen, int64 of shape (n,); None for once each.
        """
        import numpy as np

        total = 0
        for start in range(0, len(digests), _PIECE):
            hashes = _hashes(digests[start : start + _PIECE])
            if times is not None:
                hashes = hashes * times[start : start + _PIECE].astype(np.uint64)
            total += int(np.add.reduce(hashes, dtype=np.uint64))
        return cls(len(digests) if times is None else int(times.sum()), total & _MASK)


def fingerprint(batches: Iterable[pa.RecordBatch]) -> Fingerprint:
    """Return the fingerprint of batches of raw digests, as `prepare` yields them.

    Args:
        batches: Record batches whose first column holds 32 raw bytes a row. Nulls do not count.

    Examples:
        >>> import pyarrow as pa
        >>> from layercheck import shard
        >>> prepared = shard.prepare([pa.record_batch({"digest": ["sha256:" + "ab" * 32]})])
        >>> shard.fingerprint(prepared)
        Fingerprint(digests=1, hash=11279294387844246391)
    """
    total = Fingerprint()
    for batch in batches:
        total += Fingerprint.of(raw_digests(batch.column(0)))
    return total


def raw_digests(column: Any) -> NDArray[np.uint8]:
    """Return the values of a binary column of 32 bytes each as uint8 of shape (n, 32), without nulls.

    Raises:
        ValueError: A value has another length.
    """
    import numpy as np

    pa = arrow()
    if column.null_count:
        column = column.drop_null()
    if column.type != pa.binary(32):
        try:
            column = column.cast(pa.binary(32))
        except pa.ArrowInvalid:
            raise ValueError("a digest has not 32 bytes; prepare the rows first") from None
    data = column.buffers()[1]
    if data is None or not len(column):
        return np.empty((0, 32), dtype=np.uint8)
    start = column.offset * 32
    return np.frombuffer(data, dtype=np.uint8)[start : start + len(column) * 32].reshape(-1, 32)


def _hashes(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    import numpy as np

    words = np.ascontiguousarray(digests).view("<u8").astype(np.uint64, copy=False)
    mixed = np.zeros(len(words), dtype=np.uint64)
    for at, factor in enumerate(_FACTORS):
        mixed ^= words[:, at]
        mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(_MIX)
    mixed ^= mixed >> np.uint64(32)
    return mixed
