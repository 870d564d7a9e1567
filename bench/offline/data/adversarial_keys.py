"""Digests that an attacker chose to make a hash table slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.data.datasets import digests
from offline.harness.expected import Answer

SEED = 7


def crafted(pattern: str, rows: int) -> NDArray[np.uint8]:
    """Return `rows` raw digests, shape (rows, 32); they are distinct unless the pattern is `all equal`."""
    keys = digests(np.arange(rows, dtype=np.uint64), SEED)
    words = keys.view(np.uint64)
    count = np.arange(rows, dtype=np.uint64)
    if pattern == "all equal":
        keys[:] = keys[0]
    elif pattern == "shared first 8 bytes":
        words[:, 0] = words[0, 0]
    elif pattern == "counting in the last bytes":
        words[:] = words[0]
        words[:, 3] = count.byteswap()
    elif pattern == "counting in the first bytes":
        words[:] = words[0]
        words[:, 0] = count
    elif pattern == "words that cancel out":
        # A hash that only xors the words gives all of these the same value.
        words[:, 3] = words[:, 0] ^ words[:, 1] ^ words[:, 2]
    elif pattern == "low bits zero":
        # A table that takes the low bits of a word as the slot puts all of these into one slot.
        words[:] = 0
        words[:, 0] = count << np.uint64(32)
    elif pattern != "random":
        raise ValueError(f"unknown pattern: {pattern}")
    return keys


PATTERNS = (
    "random",
    "all equal",
    "shared first 8 bytes",
    "counting in the last bytes",
    "counting in the first bytes",
    "words that cancel out",
    "low bits zero",
)


def truth(pattern: str, rows: int) -> Answer:
    """The true answer for `crafted(pattern, rows)`."""
    keys = crafted(pattern, rows)
    return Answer.of(rows, 0, [(keys[:1] if pattern == "all equal" else keys).tobytes()])
