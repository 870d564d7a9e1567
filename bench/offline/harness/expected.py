"""What a plan comes to, in a form in which it can be compared with anybody's.

Times are only worth comparing between implementations that found the same: the same number of
rows, the same digests in first-seen order, the same number of invalid rows.
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
        rows: Input rows; None for those who do not count them.
        invalid: Rows that are no digest; None likewise.
        unique: Distinct digests.
        order: sha256 over the digests, 32 bytes each, in first-seen order; None where there is no
            such order.
        members: The digests taken as four 64-bit words each and added up, modulo 2**64: the same
            for the same digests in any order.
    """

    rows: int | None
    invalid: int | None
    unique: int
    order: str | None
    members: tuple[int, ...]

    def differences(self, truth: Answer) -> list[str]:
        """What is not as in `truth`, leaving out what this one does not claim to know."""
        return [
            f"{name}: {ours} instead of {wanted}"
            for name in ("rows", "invalid", "unique", "order", "members")
            if (ours := getattr(self, name)) is not None and ours != (wanted := getattr(truth, name))
        ]

    def unordered(self) -> Answer:
        """The same for an implementation that gives the digests in an order of its own."""
        return replace(self, order=None)

    def uncounted(self) -> Answer:
        """The same for an implementation that does not say how many rows there were."""
        return replace(self, rows=None, invalid=None)

    @classmethod
    def of(cls, rows: int, invalid: int, digests: Iterable[bytes]) -> Self:
        """From digests as blocks of raw bytes, a multiple of 32 long each."""
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
        """From digests as 64 hex digits each."""
        return cls.of(rows, invalid, _raw(iter(digests)))


def blocks(raw: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Iterator[bytes]:
    """An (n, 32) array in blocks, so that hashing it takes no second copy of it."""
    for start in range(0, len(raw), BLOCK):
        yield raw[start : start + BLOCK].tobytes()


def _raw(digests: Iterator[str]) -> Iterator[bytes]:
    while block := list(islice(digests, BLOCK)):
        yield bytes.fromhex("".join(block))


def as_tuple(members: Sequence[int]) -> tuple[int, ...]:
    """`members` as it comes back from JSON."""
    return tuple(int(word) for word in members)
