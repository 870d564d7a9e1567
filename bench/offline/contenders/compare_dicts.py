"""The comparison in plain Python: the csv module and two dicts. It knows only two verdicts."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from offline.data.comparisons import answer

__all__ = ["answer", "compare"]


def compare(files: list[str]) -> tuple[dict[str, int], list[str]]:
    before, after = map(_verdicts, files)
    counts: Counter[str] = Counter(added=len(after.keys() - before.keys()))
    vanished = []
    for digest, verdict in before.items():
        now = after.get(digest)
        if now is None:
            counts["removed"] += 1
        elif now == verdict:
            counts["same"] += 1
        elif now == "unavailable":
            counts["vanished"] += 1
            vanished.append(digest)
        else:
            counts["appeared"] += 1
    return counts, vanished


def _verdicts(path: str) -> dict[str, str]:
    with Path(path).open(newline="") as file:
        return {row["digest"]: row["verdict"] for row in csv.DictReader(file)}
