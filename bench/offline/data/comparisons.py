"""What all comparisons of two audits have to find out, made comparable."""

from __future__ import annotations

import hashlib
from typing import Any


def answer(found: tuple[dict[str, int], list[str]]) -> dict[str, Any]:
    """How many digests of each kind, and which ones vanished."""
    counts, vanished = found
    return {
        "counts": {word: number for word, number in counts.items() if number},
        "vanished_sha256": hashlib.sha256("".join(sorted(vanished)).encode()).hexdigest(),
    }
