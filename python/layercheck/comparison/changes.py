"""The changes between two checks, read from journals or report files."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from layercheck._core import Comparison, Plan
from layercheck.comparison import notebook
from layercheck.comparison.kinds_of_change import CHANGES as CHANGES
from layercheck.comparison.kinds_of_change import LISTED as LISTED
from layercheck.comparison.kinds_of_change import WRITTEN
from layercheck.comparison.kinds_of_change import Change as Change
from layercheck.comparison.sources import add_source
from layercheck.file_formats import compressed_suffix
from layercheck.report.atomic_write import atomic_write
from layercheck.report.dataframes import pyarrow
from layercheck.report.files import format_of, save_page
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from layercheck.comparison.plot import ChangePlots
    from layercheck.page.link import Files
    from layercheck.report import Report
    from layercheck.types import Target

_ABSENT = len(Verdict)
_NOT_FINAL = (Verdict.NOT_CHECKED, Verdict.INVALID, Verdict.UNANSWERED)
_STORED = (Verdict.AVAILABLE, Verdict.ARCHIVED)
_LABELS = [*(verdict.label for verdict in Verdict), "absent"]
_WINDOW = 1 << 17  # digests that are processed at once


class Line(NamedTuple):
    """A digest whose verdict changed.

    Attributes:
        digest: The digest, as text.
        change: How its verdict changed.
        before: Its verdict in the first check; `absent` if it is not in it.
        after: Its verdict in the second check; `absent` if it is not in it.
    """

    digest: str
    change: Change
    before: str
    after: str


@dataclass(frozen=True, repr=False)
class Changes:
    """The joined digests of two checks; made by `layercheck.diff`.

    Attributes:
        plan: All digests of both checks, those of the first check first.
        before: The verdict code of each digest in the first check; 8 if it is not in it.
        after: The verdict code of each digest in the second check; 8 if it is not in it.
        targets: Where each check was made, from its journal; None for a report file, which does not say it.
    """

    plan: Plan
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    targets: tuple[Target | None, Target | None]

    def __repr__(self) -> str:
        counts = ", ".join(f"{change}={count}" for change, count in self.counts.items() if count)
        return f"Changes({counts or 'no digests'})"

    def _repr_html_(self) -> str:
        return notebook.render(self)

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        """The change of each digest, as an index into `CHANGES`: numpy uint8 of shape (unique,)."""
        import numpy as np

        sides = range(_ABSENT + 1)
        table = bytes(CHANGES.index(_change(a, b)) for a in sides for b in sides)
        pairs = self.before * np.uint8(len(sides)) + self.after
        # Translate bytes, because numpy would first turn each pair into an index of eight bytes.
        return np.frombuffer(pairs.tobytes().translate(table.ljust(256)), dtype=np.uint8)

    @property
    def counts(self) -> dict[str, int]:
        """Change to number of digests, for all nine changes."""
        import numpy as np

        numbers = np.zeros(len(CHANGES), dtype=np.int64)
        for _, codes in self._windows():
            numbers += np.bincount(codes, minlength=len(CHANGES))
        return dict(zip(CHANGES, numbers.tolist(), strict=True))

    @property
    def plot(self) -> ChangePlots:
        """The plots of this comparison: `plot.changes()`, `transitions()`; `plot.tables()`.

        A plot is a chart of Altair, or None if there is nothing to show. A notebook shows it as SVG. The
        tables have the numbers of the plots, and need no extra.

        Raises:
            ImportError: A plot is asked for, and the extra `plots` is not installed.
        """
        from layercheck.comparison.plot import ChangePlots

        return ChangePlots(self)

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of digests in the first check and in the second."""
        import numpy as np

        first, second = (int(np.count_nonzero(codes != _ABSENT)) for codes in (self.before, self.after))
        return first, second

    @property
    def unsettled(self) -> tuple[int, int]:
        """The number of digests without a final verdict in each check, because its run is not complete."""
        import numpy as np

        first, second = (
            sum(int(np.count_nonzero(codes == verdict)) for verdict in _NOT_FINAL)
            for codes in (self.before, self.after)
        )
        return first, second

    def digests(self, change: Change) -> list[str]:
        """Return the digests with the given change, in the order of the first check.

        Raises:
            ValueError: If there is no such change.
        """
        return list(chain.from_iterable(map(self._texts, self._positions((change,)))))

    def lines(self, changes: Sequence[Change] = LISTED) -> Iterator[Line]:
        """Yield the digests with one of the given changes, in the order of the first check.

        Args:
            changes: The changes to yield.

        Raises:
            ValueError: If there is no such change.
        """
        for positions in self._positions(changes):
            yield from map(Line, *self._columns(positions))

    def to_arrow(self) -> pa.Table:
        """Return the lines as a `pyarrow.Table`.

        Raises:
            ImportError: If pyarrow is not installed.
        """
        arrow = pyarrow("to_arrow()")
        return arrow.Table.from_batches(self._batches(arrow), _schema(arrow))

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        full: Files = (),
        names: tuple[str, str] | None = None,
    ) -> None:
        """Write the lines to a file atomically, as `Report.write` does, as JSON Lines, Parquet or a page.

        Args:
            path: The file. Its suffix selects the format, unless `format` is given. `.html` is a page: one
                file with the numbers, plots, and the first 2,000 changes.
            format: `"jsonl"`, `"parquet"` or `"html"`.
            full: The file with all changes, or several, to which a page links. Without effect on a table.
            names: What a page calls the two checks, such as their files.

        Raises:
            ValueError: If the format is another one.
            ImportError: If Parquet is asked for and pyarrow is not installed.
            OSError: If the file cannot be written; an existing file is left untouched.
        """
        chosen = format_of(path, format, page=True)
        if chosen not in WRITTEN or compressed_suffix(path):
            what = f"compressed {chosen}" if compressed_suffix(path) else chosen
            raise ValueError(f"changes are written as jsonl, parquet or html, not {what}")
        if chosen == "html":
            from layercheck.comparison.page import page_of
            from layercheck.page.link import links

            save_page(page_of(self, names=names, files=links(path, full)), path)
            return
        if chosen == "jsonl":
            with atomic_write(Path(path)) as temporary, open(temporary, "w", encoding="utf-8") as file:  # noqa: PTH123 - a name, not a path
                file.writelines(map(as_json, self.lines()))
            return
        arrow = pyarrow("writing Parquet")
        parquet = importlib.import_module("pyarrow.parquet")
        with (
            atomic_write(Path(path)) as temporary,
            parquet.ParquetWriter(temporary, _schema(arrow), compression="zstd") as writer,
        ):
            for batch in self._batches(arrow):
                writer.write_batch(batch)

    def _windows(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        codes = self.codes
        return ((at, codes[at : at + _WINDOW]) for at in range(0, len(codes), _WINDOW))

    def _positions(self, changes: Sequence[Change]) -> Iterator[NDArray[np.int64]]:
        """Yield the positions of the digests with one of the given changes, in non-empty blocks."""
        import numpy as np

        unknown = set(changes) - set(CHANGES)
        if unknown:
            raise ValueError(f"unknown change {min(unknown)!r}; expected one of: {', '.join(CHANGES)}")
        wanted = np.array([CHANGES.index(change) for change in changes], dtype=np.uint8)
        for at, codes in self._windows():
            positions = np.flatnonzero(np.isin(codes, wanted))
            if len(positions):
                yield positions + at

    def _texts(self, positions: NDArray[np.int64]) -> list[str]:
        digits = self.plan.digests[positions].tobytes().hex()
        return ["sha256:" + digits[at : at + 64] for at in range(0, len(digits), 64)]

    def _columns(self, positions: NDArray[np.int64]) -> tuple[list[str], list[Change], list[str], list[str]]:
        """The columns of `Line` for the digests at these positions."""
        changes = [CHANGES[code] for code in self.codes[positions].tolist()]
        before, after = (
            [_LABELS[code] for code in codes[positions].tolist()] for codes in (self.before, self.after)
        )
        return self._texts(positions), changes, before, after

    def _batches(self, arrow: Any) -> Iterator[Any]:
        for positions in self._positions(LISTED):
            yield arrow.RecordBatch.from_arrays(
                [arrow.array(column, arrow.string()) for column in self._columns(positions)],
                list(Line._fields),
            )


def diff(before: str | os.PathLike[str] | Report, after: str | os.PathLike[str] | Report) -> Changes:
    r"""Compare two checks of the same digests.

    Digests are joined by value, so that the two inputs may differ in content and order. The kind of a file
    is detected from its first bytes, or else from its suffix. CSV and JSON Lines may be gzipped or
    zstd-compressed, and may come from a pipe.

    The join is in memory. `make bench-diff` measures it on 10 M digests: 120 bytes a digest for two
    journals, 80 for two reports. The files themselves are read in pieces: a batch of an Arrow file,
    65,536 rows of Parquet.

    Args:
        before: A `Report`, or the path of a journal or of a report written as Parquet, Arrow, CSV or JSON
            Lines.
        after: The later report or journal, likewise.

    Raises:
        JournalError: A file is not a journal, or is damaged.
        ValueError: A file is not a report: it has no columns `digest` and `verdict`, is cut short, has a
            verdict that this version does not know, or two different verdicts for a digest. The message
            names the file and the line or row.
        ImportError: A file is Parquet or Arrow, and pyarrow is not installed.
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
    comparison = Comparison()
    targets = add_source(comparison, before), add_source(comparison, after)
    plan, (first, second) = comparison.finish()
    return Changes(plan, first, second, targets)


def _change(before: int, after: int) -> Change:
    if before == _ABSENT or after == _ABSENT:
        return "added" if before == _ABSENT else "removed"
    if before in _NOT_FINAL or after in _NOT_FINAL:
        return "unknown"
    if before == after:
        return "same"
    pair = (before, after)
    if before in _STORED and after == Verdict.UNAVAILABLE:
        return "vanished"
    if before == Verdict.UNAVAILABLE and after in _STORED:
        return "appeared"
    if pair == (Verdict.AVAILABLE, Verdict.ARCHIVED):
        return "archived"
    return "restored" if pair == (Verdict.ARCHIVED, Verdict.AVAILABLE) else "changed"


def as_json(line: Line) -> str:
    """The line as JSON, with a line end."""
    # Format by hand, because nothing here needs an escape and the json module takes four times as long.
    return (
        f'{{"digest": "{line.digest}", "change": "{line.change}", '
        f'"before": "{line.before}", "after": "{line.after}"}}\n'
    )


def _schema(arrow: Any) -> Any:
    return arrow.schema([(name, arrow.string()) for name in Line._fields])
