"""What changed between two audits: journals, or written reports."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from layercheck._core import Audits, Plan
from layercheck.comparison.sources import take
from layercheck.report.atomic_write import replacing
from layercheck.report.dataframes import pyarrow
from layercheck.report.files import format_of
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
_LABELS = [verdict.label for verdict in Verdict]
_WINDOW = 1 << 17  # digests that are looked at together


class Line(NamedTuple):
    """A digest whose verdict changed."""

    digest: str
    change: Change
    before: str
    after: str


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

        sides = range(_ABSENT + 1)
        table = bytes(CHANGES.index(_change(a, b)) for a in sides for b in sides)
        pairs = self.before * np.uint8(len(sides)) + self.after
        # As bytes, since numpy would make an index of eight bytes of each pair first.
        return np.frombuffer(pairs.tobytes().translate(table.ljust(256)), dtype=np.uint8)

    @property
    def counts(self) -> dict[str, int]:
        """Word for what became of them to number of digests; all nine words."""
        import numpy as np

        numbers = np.zeros(len(CHANGES), dtype=np.int64)
        for _, codes in self._windows():
            numbers += np.bincount(codes, minlength=len(CHANGES))
        return dict(zip(CHANGES, numbers.tolist(), strict=True))

    @property
    def sizes(self) -> tuple[int, int]:
        """Digests of the first audit and of the second."""
        import numpy as np

        first, second = (int(np.count_nonzero(codes != _ABSENT)) for codes in (self.before, self.after))
        return first, second

    @property
    def unsettled(self) -> tuple[int, int]:
        """Digests without a final verdict in the first audit and in the second: their run is not complete."""
        import numpy as np

        first, second = (
            sum(int(np.count_nonzero(codes == verdict)) for verdict in _OPEN)
            for codes in (self.before, self.after)
        )
        return first, second

    def digests(self, change: Change) -> list[str]:
        """The digests of which one thing became, in the order of the first audit.

        Raises:
            ValueError: If there is no such word.
        """
        return list(chain.from_iterable(map(self._texts, self._places((change,)))))

    def lines(self, changes: Sequence[Change] = TOLD) -> Iterator[Line]:
        """The digests whose verdict changed, one after the other, in the order of the first audit.

        Args:
            changes: Only those of which one of these became.

        Raises:
            ValueError: If there is no such word.
        """
        for places in self._places(changes):
            yield from map(Line, *self._columns(places))

    def to_arrow(self) -> pa.Table:
        """The same as a `pyarrow.Table`.

        Raises:
            ImportError: If pyarrow is not installed.
        """
        arrow = pyarrow("to_arrow()")
        return arrow.Table.from_batches(self._batches(arrow), _schema(arrow))

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
        if chosen == "jsonl":
            with replacing(Path(path)) as temporary, open(temporary, "w", encoding="utf-8") as file:  # noqa: PTH123 - a name, not a path
                file.writelines(map(as_json, self.lines()))
            return
        arrow = pyarrow("writing Parquet")
        parquet = importlib.import_module("pyarrow.parquet")
        with (
            replacing(Path(path)) as temporary,
            parquet.ParquetWriter(temporary, _schema(arrow), compression="zstd") as writer,
        ):
            for batch in self._batches(arrow):
                writer.write_batch(batch)

    def _windows(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        codes = self.codes
        return ((at, codes[at : at + _WINDOW]) for at in range(0, len(codes), _WINDOW))

    def _places(self, changes: Sequence[Change]) -> Iterator[NDArray[np.int64]]:
        """Where the digests are of which one of these became: some at a time, never none."""
        import numpy as np

        unknown = set(changes) - set(CHANGES)
        if unknown:
            raise ValueError(f"unknown change {min(unknown)!r}; expected one of: {', '.join(CHANGES)}")
        wanted = np.array([CHANGES.index(change) for change in changes], dtype=np.uint8)
        for at, codes in self._windows():
            places = np.flatnonzero(np.isin(codes, wanted))
            if len(places):
                yield places + at

    def _texts(self, places: NDArray[np.int64]) -> list[str]:
        digits = self.plan.digests[places].tobytes().hex()
        return ["sha256:" + digits[at : at + 64] for at in range(0, len(digits), 64)]

    def _columns(self, places: NDArray[np.int64]) -> tuple[list[str], list[Change], list[str], list[str]]:
        """The columns of `Line` for the digests at these places."""
        changes = [CHANGES[code] for code in self.codes[places].tolist()]
        before, after = (
            [_LABELS[code] for code in codes[places].tolist()] for codes in (self.before, self.after)
        )
        return self._texts(places), changes, before, after

    def _batches(self, arrow: Any) -> Iterator[Any]:
        for places in self._places(TOLD):
            yield arrow.RecordBatch.from_arrays(
                [arrow.array(column, arrow.string()) for column in self._columns(places)], list(Line._fields)
            )


def diff(before: str | os.PathLike[str], after: str | os.PathLike[str]) -> Changes:
    r"""What changed between two audits of the same digests.

    Digests are joined by value; the two inputs need not be the same, nor in the same order. What a file is
    is told from its first bytes, or else from its suffix; CSV and JSON Lines may be gzipped or
    zstd-compressed, and come out of a pipe.

    Works in memory: measured by `make bench-diff` on 10 M digests, 120 bytes for each of two journals' and
    80 of two reports'. Of the files themselves only pieces are in memory at a time: a batch of an Arrow file,
    65,536 rows of Parquet.

    Args:
        before: A journal, or a report that was written as Parquet, Arrow, CSV or JSON Lines.
        after: The later one, likewise.

    Raises:
        JournalError: Not a journal, or damaged.
        ValueError: What is no report: without the columns `digest` and `verdict`, cut short, with a verdict
            that this version does not know, or with two different ones for a digest. The message names
            the file and the line or row.
        ImportError: Parquet or Arrow without pyarrow.
        OSError: A file cannot be read.

    Examples:
        >>> import layercheck as lc, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for day, verdict in ("monday", "available"), ("tuesday", "unavailable"):
        ...     _ = (folder / f"{day}.csv").write_text(f"digest,verdict\nsha256:{'ab' * 32},{verdict}\n")
        >>> changes = lc.diff(folder / "monday.csv", folder / "tuesday.csv")
        >>> changes.counts["vanished"], changes.digests("vanished") == ["sha256:" + "ab" * 32]
        (1, True)
    """
    audits = Audits()
    targets = take(audits, before), take(audits, after)
    plan, (first, second) = audits.finish()
    return Changes(plan, first, second, targets)


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


def as_json(line: Line) -> str:
    """The line as one of JSON Lines, its end included."""
    # Digests and words need no escapes, and the json module takes four times as long.
    return (
        f'{{"digest": "{line.digest}", "change": "{line.change}", '
        f'"before": "{line.before}", "after": "{line.after}"}}\n'
    )


def _schema(arrow: Any) -> Any:
    return arrow.schema([(name, arrow.string()) for name in Line._fields])
