"""pandas: `drop_duplicates` keeps first-seen order; the text columns are Arrow's, the default of pandas 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from offline.harness.expected import Answer

Found = tuple[int, int, Any]


def text_file(path: Path) -> Found:
    rows = pd.read_csv(path, header=None, names=["row"], dtype="str", engine="pyarrow")["row"]
    return _plan(rows)


def text_list(rows: list[str]) -> Found:
    return _plan(pd.Series(rows, dtype="str"))


def _plan(rows: Any) -> Found:
    hexes = rows.str.lower().str.removeprefix("sha256:")
    valid = hexes[hexes.str.fullmatch("[0-9a-f]{64}")]
    return len(rows), len(rows) - len(valid), valid.drop_duplicates()


def answer(found: Found) -> Answer:
    return Answer.of_hex(*found)
