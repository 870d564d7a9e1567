"""What changed between two audits: journals, or written reports."""

from __future__ import annotations

import csv
import importlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from layercheck._core import Plan, Planner
from layercheck.journal.reading import Journal
from layercheck.plan import plan
from layercheck.report.write import format_of, replacing
from layercheck.tables import pyarrow
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from layercheck.types import Target

Change: TypeAlias = Literal[
    "vanished", "appeared", "archived", "restored", "changed", "same", "unknown", "added", "removed"
]
"""What became of a digest: it was there (perhaps archived) and is unavailable; the other way round; it was
available and is archived; the other way round; another verdict otherwise; the same verdict; one of the two
has no final verdict; it was not in the first input; it is not in the second."""

CHANGES: tuple[Change, ...] = get_args(Change)
TOLD: tuple[Change, ...] = ("vanished", "appeared", "archived", "restored", "changed")
"""Those that are listed digest by digest."""

_ABSENT = len(Verdict)
_OPEN = (Verdict.NOT_CHECKED, Verdict.INVALID, Verdict.UNANSWERED)
_THERE = (Verdict.AVAILABLE, Verdict.ARCHIVED)
_CHUNK = 100_000


class Line(NamedTuple):
    """A digest whose verdict changed."""

    digest: str
    change: Change
    before: str
    after: str


class Findings(NamedTuple):
    """Digests with a verdict each, and where they were checked, if that is known."""

    digests: NDArray[np.uint8]
    verdicts: NDArray[np.uint8]
    target: Target | None


@dataclass(frozen=True)
class Changes:
    """The digests of two audits, joined; made by `layercheck.diff`.

    Attributes:
        plan: All digests of both, those of the first one first.
        before: Verdict code of each in the first audit; 8 where it is not in it.
        after: The same in the second.
        targets: Where each audit was made, if the journal tells; a written report does not.
    """

    plan: Plan
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    targets: tuple[Target | None, Target | None]

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        """What became of each digest, as a place in `CHANGES`: uint8, one a digest."""
        import numpy as np

        table = np.array(
            [[CHANGES.index(_change(a, b)) for b in range(_ABSENT + 1)] for a in range(_ABSENT + 1)],
            dtype=np.uint8,
        )
        codes: NDArray[np.uint8] = table[self.before, self.after]
        return codes

    @property
    def counts(self) -> dict[str, int]:
        """Word for what became of them to number of digests; all nine words."""
        import numpy as np

        numbers = np.bincount(self.codes, minlength=len(CHANGES)).tolist()
        return dict(zip(CHANGES, numbers, strict=True))

    def digests(self, change: Change) -> list[str]:
        """The digests of which one thing became, in the order of the first audit.

        Raises:
            ValueError: If there is no such word.
        """
        if change not in CHANGES:
            raise ValueError(f"unknown change {change!r}; expected one of: {', '.join(CHANGES)}")
        import numpy as np

        return [self._text(at) for at in np.flatnonzero(self.codes == CHANGES.index(change)).tolist()]

    def lines(self) -> Iterator[Line]:
        """The digests whose verdict changed, one after the other."""
        for places in self._told():
            for at in places.tolist():
                change = CHANGES[int(self.codes[at])]
                yield Line(self._text(at), change, _word(self.before[at]), _word(self.after[at]))

    def to_arrow(self) -> pa.Table:
        """The same as a `pyarrow.Table`.

        Raises:
            ImportError: If pyarrow is not installed.
        """
        arrow = pyarrow("to_arrow()")
        schema = arrow.schema([(name, arrow.string()) for name in Line._fields])
        return arrow.Table.from_batches(_batches(arrow, self.lines(), schema), schema)

    def write(self, path: str | os.PathLike[str], *, format: str | None = None) -> None:
        """Write them to a file, whole or not at all: as `Report.write`, but JSON Lines or Parquet only.

        Raises:
            ValueError: If it is to be another format.
            ImportError: If Parquet is asked for and pyarrow is not installed.
            OSError: If the file cannot be written; what stood there before is untouched.
        """
        chosen = format_of(path, format)
        if chosen not in ("jsonl", "parquet"):
            raise ValueError(f"changes are written as jsonl or parquet, not {chosen}")
        parquet = None
        if chosen == "parquet":
            pyarrow("writing Parquet")
            parquet = importlib.import_module("pyarrow.parquet")
        with replacing(Path(path)) as temporary:
            if parquet is not None:
                parquet.write_table(self.to_arrow(), temporary, compression="zstd")
                return
            with open(temporary, "w", encoding="utf-8") as file:  # noqa: PTH123 - a name, not a path
                file.writelines(json.dumps(line._asdict()) + "\n" for line in self.lines())

    def _told(self) -> Iterator[NDArray[Any]]:
        import numpy as np

        wanted = np.isin(self.codes, [CHANGES.index(change) for change in TOLD])
        places = np.flatnonzero(wanted)
        yield from (places[at : at + _CHUNK] for at in range(0, len(places), _CHUNK))

    def _text(self, at: int) -> str:
        return self.plan.texts(at, at + 1)[0]


def diff(before: str | os.PathLike[str], after: str | os.PathLike[str]) -> Changes:
    """What changed between two audits of the same digests.

    Digests are joined by value; the two inputs need not be the same, nor in the same order. Works in
    memory: some 150 bytes a digest.

    Args:
        before: A journal, or a report that was written as Parquet, Arrow, CSV or JSON Lines.
        after: The later one, likewise.

    Raises:
        JournalError: Not a journal, or damaged.
        ValueError: A report without the columns `digest` and `verdict`, or with an unknown verdict.
        ImportError: Parquet or Arrow without pyarrow.
        OSError: A file cannot be read.
    """
    import numpy as np

    first, second = findings(before), findings(after)
    planner = Planner(strict=False)
    # The planner numbers digests as they come for the first time: that is the join.
    planner.extend_raw(first.digests)
    planner.extend_raw(second.digests)
    joined = planner.finish(1)
    codes = np.full((2, joined.unique), _ABSENT, dtype=np.uint8)
    codes[0, : len(first.verdicts)] = first.verdicts
    codes[1, joined.row_index[len(first.verdicts) :]] = second.verdicts
    return Changes(joined, codes[0], codes[1], (first.target, second.target))


def findings(path: str | os.PathLike[str]) -> Findings:
    """The digests of a journal or a written report with their verdicts; `diff` tells what may go wrong."""
    suffix = Path(path).suffix.lower()
    if suffix in (".parquet", ".pq", ".arrow", ".feather"):
        return _of_columns(*_arrow_columns(path, suffix))
    if suffix in (".csv", ".jsonl", ".ndjson"):
        digests, words = [], []
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows: Iterable[Any] = csv.DictReader(file) if suffix == ".csv" else map(json.loads, file)
            for row in rows:
                try:
                    digests.append(row["digest"] or None)
                    words.append(row["verdict"])
                except (KeyError, TypeError):
                    raise _no_report(path) from None
        return _of_columns(digests, words)
    with Journal(path) as journal:
        report = journal.report()
        return Findings(report.plan.digests, report.unique_verdicts, journal.target)


def _arrow_columns(path: str | os.PathLike[str], suffix: str) -> tuple[Any, list[str]]:
    pyarrow("reading Parquet and Arrow files")
    if suffix in (".parquet", ".pq"):
        table = importlib.import_module("pyarrow.parquet").read_table(path)
    else:
        table = importlib.import_module("pyarrow.feather").read_table(path)
    if not {"digest", "verdict"} <= set(table.column_names):
        raise _no_report(path)
    return table.column("digest"), table.column("verdict").to_pylist()


def _of_columns(digests: Any, words: list[str]) -> Findings:
    import numpy as np

    rows = plan(digests)
    known = {verdict.label: int(verdict) for verdict in Verdict}
    unknown = set(words) - set(known)
    if unknown:
        raise ValueError(f"unknown verdict {min(map(str, unknown))!r} in a report")
    codes = np.fromiter((known[word] for word in words), dtype=np.uint8, count=len(words))
    verdicts = np.zeros(rows.unique, dtype=np.uint8)
    valid = rows.row_index >= 0
    verdicts[rows.row_index[valid]] = codes[valid]
    return Findings(rows.digests, verdicts, None)


def _no_report(path: str | os.PathLike[str]) -> ValueError:
    return ValueError(f"{os.fspath(path)!r} is no report: it has not the columns digest and verdict")


def _change(before: int, after: int) -> Change:
    if before == _ABSENT or after == _ABSENT:
        return "added" if before == _ABSENT else "removed"
    if before in _OPEN or after in _OPEN:
        return "unknown"
    if before == after:
        return "same"
    pair = (before, after)
    if before in _THERE and after == Verdict.UNAVAILABLE:
        return "vanished"
    if before == Verdict.UNAVAILABLE and after in _THERE:
        return "appeared"
    if pair == (Verdict.AVAILABLE, Verdict.ARCHIVED):
        return "archived"
    return "restored" if pair == (Verdict.ARCHIVED, Verdict.AVAILABLE) else "changed"


def _word(code: Any) -> str:
    return Verdict(int(code)).label


def _batches(arrow: Any, lines: Iterator[Line], schema: Any) -> Iterator[Any]:
    rows: list[Line] = []
    for line in lines:
        rows.append(line)
        if len(rows) == _CHUNK:
            yield _batch(arrow, rows, schema)
            rows = []
    yield _batch(arrow, rows, schema)


def _batch(arrow: Any, rows: list[Line], schema: Any) -> Any:
    return arrow.RecordBatch.from_pylist([row._asdict() for row in rows], schema)
