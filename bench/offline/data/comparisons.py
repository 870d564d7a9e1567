"""The answer of a comparison of two audits, in a form that can be compared."""

from __future__ import annotations

import hashlib
from typing import Any


def answer(found: tuple[dict[str, int], list[str]]) -> dict[str, Any]:
    """The number of digests of each change, and a hash of the vanished digests."""
    counts, vanished = found
    return {
        "counts": {word: number for word, number in counts.items() if number},
        "vanished_sha256": hashlib.sha256("".join(sorted(vanished)).encode()).hexdigest(),
    }
