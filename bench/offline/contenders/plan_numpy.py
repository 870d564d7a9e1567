"""numpy: `unique` sorts, and the first index of each digest restores the order of the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.harness.expected import Answer, blocks

Found = tuple[int, NDArray[np.uint8]]


def raw(digests: NDArray[np.uint8]) -> Found:
    whole = digests.view("V32").ravel()
    _, first = np.unique(whole, return_index=True)
    first.sort()
    return len(whole), digests[first]


def answer(found: Found) -> Answer:
    rows, unique = found
    return Answer.of(rows, 0, blocks(unique))
