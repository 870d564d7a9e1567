"""Digests that somebody chose to make a hash table slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.data.datasets import digests
from offline.harness.expected import Answer

SEED = 7


def crafted(pattern: str, rows: int) -> NDArray[np.uint8]:
    """`rows` raw digests, shape (rows, 32), distinct but for `all equal`."""
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
        # For a hash that only xors the words, all of these are one key.
        words[:, 3] = words[:, 0] ^ words[:, 1] ^ words[:, 2]
    elif pattern == "low bits zero":
        # For a table that takes the low bits of a word as the place, likewise.
        words[:] = 0
        words[:, 0] = count << np.uint64(32)
    elif pattern != "random":
        raise ValueError(f"no such pattern: {pattern}")
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
    """What a plan of `crafted(pattern, rows)` comes to."""
    keys = crafted(pattern, rows)
    return Answer.of(rows, 0, [(keys[:1] if pattern == "all equal" else keys).tobytes()])
