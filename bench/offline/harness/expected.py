"""The answer of a plan in a form that every implementation can give.

Times can be compared only between implementations that found the same: the same number of rows, the
same digests in first-seen order, the same number of invalid rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import numpy as np

BLOCK = 1 << 17


@dataclass(frozen=True)
class Answer:
    """Counts, and two fingerprints of the unique digests.

    Attributes:
        rows: Input rows; None if the implementation does not count them.
        invalid: Rows without a digest; None likewise.
        unique: Distinct digests.
        order: sha256 over the digests, 32 bytes each, in first-seen order; None if the
            implementation keeps another order.
        members: The sum of the digests as four 64-bit words each, modulo 2**64: the same for the same
            digests in any order.
    """

    rows: int | None
    invalid: int | None
    unique: int
    order: str | None
    members: tuple[int, ...]

    def differences(self, truth: Answer) -> list[str]:
        """The fields that differ from `truth`; a field that is None is not compared."""
        return [
            f"{name}: {found} instead of {wanted}"
            for name in ("rows", "invalid", "unique", "order", "members")
            if (found := getattr(self, name)) is not None and found != (wanted := getattr(truth, name))
        ]

    def unordered(self) -> Answer:
        """The same without the order of the digests."""
        return replace(self, order=None)

    def uncounted(self) -> Answer:
        """The same without the numbers of rows."""
        return replace(self, rows=None, invalid=None)

    @classmethod
    def of(cls, rows: int, invalid: int, digests: Iterable[bytes]) -> Self:
        """Make it from blocks of raw digests; the length of each block is a multiple of 32."""
        unique = 0
        order = hashlib.sha256()
        members = np.zeros(4, np.uint64)
        for block in digests:
            order.update(block)
            words = np.frombuffer(block, np.uint64).reshape(-1, 4)
            members += words.sum(axis=0, dtype=np.uint64)
            unique += len(words)
        return cls(rows, invalid, unique, order.hexdigest(), tuple(members.tolist()))

    @classmethod
    def of_hex(cls, rows: int, invalid: int, digests: Iterable[str]) -> Self:
        """Make it from digests as 64 hex digits each."""
        return cls.of(rows, invalid, _raw(iter(digests)))


def blocks(raw: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Iterator[bytes]:
    """Yield an (n, 32) array in blocks, so that hashing it needs no second copy."""
    for start in range(0, len(raw), BLOCK):
        yield raw[start : start + BLOCK].tobytes()


def _raw(digests: Iterator[str]) -> Iterator[bytes]:
    while block := list(islice(digests, BLOCK)):
        yield bytes.fromhex("".join(block))


def as_tuple(members: Sequence[int]) -> tuple[int, ...]:
    """`members` from the list that JSON returns."""
    return tuple(int(word) for word in members)
