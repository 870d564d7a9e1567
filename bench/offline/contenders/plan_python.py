"""Plain Python, the usual first solution: a regular expression, and a dict that keeps first-seen order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from offline.harness.expected import Answer

Found = tuple[int, int, dict[str, None]]

MATCH = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII).fullmatch


def text_file(path: Path) -> Found:
    rows = invalid = 0
    unique: dict[str, None] = {}
    with path.open() as file:
        for line in file:
            rows += 1
            if found := MATCH(line.strip().lower()):
                unique[found[1]] = None
            else:
                invalid += 1
    return rows, invalid, unique


def text_list(rows: list[str]) -> Found:
    matches = [found for row in rows if (found := MATCH(row.lower()))]
    unique = dict.fromkeys([found[1] for found in matches])
    return len(rows), len(rows) - len(matches), unique


def answer(found: tuple[int, int, Iterable[str]]) -> Answer:
    return Answer.of_hex(*found)
