"""How the verdict of a digest may change between two checks, and what each change means."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from layercheck.file_formats import ReportFormat

Change: TypeAlias = Literal[
    "vanished", "appeared", "archived", "restored", "changed", "same", "unknown", "added", "removed"
]
"""How the verdict of a digest changed.

`vanished`: it was available or archived and is unavailable; `appeared`: the reverse. `archived`: it was
available and is archived; `restored`: the reverse. `changed`: any other change. `same`: the verdict is the
same. `unknown`: one of the two verdicts is not final. `added`: it is only in the second check; `removed`:
it is only in the first."""

CHANGES: tuple[Change, ...] = get_args(Change)
LISTED: tuple[Change, ...] = ("vanished", "appeared", "archived", "restored", "changed")
"""The changes that `Changes.lines` lists by default."""

CHANGE_NOTES = {
    "vanished": "was in the repository, now is not",
    "appeared": "was not in the repository, now is",
    "archived": "was readable, now is archived",
    "restored": "was archived, now is readable",
    "changed": "another change of the verdict",
    "same": "the same verdict",
    "unknown": "no final verdict in A or in B",
    "added": "only in B",
    "removed": "only in A",
}
"""Change to what it means."""

WRITTEN: tuple[ReportFormat, ...] = ("jsonl", "parquet", "html")
"""What changes are written as."""
