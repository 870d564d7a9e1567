"""`Report`, the result of a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from layercheck._core import Columns, Plan, Table
from layercheck.display.wording import counted
from layercheck.errors import InvalidDigestError, UnansweredError, VerdictError
from layercheck.report import dataframes, files, notebook
from layercheck.report.hints import NOTHING_ASKED, hint_of
from layercheck.report.row import Counts, Row
from layercheck.report.timeline import Timeline
from layercheck.types import BatchError, RunStats, Target
from layercheck.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

    from layercheck.page.link import Files
    from layercheck.report.plot import ReportPlots


Only: TypeAlias = str | Verdict | Iterable[str | Verdict] | None
"""Verdicts whose lines a table has; None for all."""

_CHUNK = 4_096  # rows that an iteration makes at once


class Report:
    """The rows of a run with their verdicts, and the run's statistics and errors. Immutable.

    `report[digest]` is what is known of one digest, `digest in report` says whether it was among the rows,
    `report.row(i)` is one input row, and an iteration goes over all rows. A report can be pickled.

    Every input row has exactly one verdict, so `sum(report.counts.values()) == report.rows`,
    even if the run ended early.

    Table columns, wherever a report becomes a table: `row` (int64, from 0), `digest` (text, null
    for invalid rows), `verdict` (text), `size` (int64, bytes), `media_type`, `code`, `reason`,
    `input` (the original text, invalid rows only).

    Examples:
        >>> import layercheck as lc
        >>> from layercheck.testing import LocalEcr
        >>> there, gone = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
        >>> with LocalEcr({"app": [there]}) as ecr:
        ...     report = lc.check([there, gone, "junk"], "app", client=ecr.client())
        >>> report.rows, report.counts["available"], report.digests("unavailable") == [gone]
        (3, 1, True)
        >>> report[gone].verdict, there in report, report.row(2).code
        (<Verdict.UNAVAILABLE: 2>, True, 'not_hexadecimal')
    """

    def __init__(
        self,
        columns: Columns,
        *,
        target: Target,
        stats: RunStats,
        errors: Sequence[BatchError] = (),
        cancelled: bool = False,
        timeline: Timeline | None = None,
    ) -> None:
        self._columns = columns
        self._counts: dict[str, int] | None = None
        self._target = target
        self._stats = stats
        self._errors = tuple(errors)
        self._cancelled = cancelled
        self._timeline = timeline or Timeline()

    @property
    def plan(self) -> Plan:
        """The plan that was checked."""
        return self._columns.plan

    @property
    def target(self) -> Target:
        """Where the digests were checked."""
        return self._target

    @property
    def stats(self) -> RunStats:
        """Calls, retries, throttles, seconds, calls per second."""
        return self._stats

    @property
    def timeline(self) -> Timeline:
        """Requests, throttles, answered digests and rate over the time of the run, in at most 120 intervals.

        A run that goes on with a journal has the requests since it was opened. A report
        that was read from a journal, or that a cluster made, has an empty timeline.
        """
        return self._timeline

    @property
    def plot(self) -> ReportPlots:
        """The plots of this report: `plot.verdicts()`, `causes()`, `sizes()`, `timeline()`; `plot.tables()`.

        A plot is a chart of Altair, or None if there is nothing to show. A notebook shows it as SVG. The
        tables have the numbers of the plots.

        Raises:
            ImportError: A plot is asked for, and the extra `plots` is not installed. `plot.tables()` needs
                no extra.

        Examples:
            >>> import layercheck as lc
            >>> from layercheck.testing import LocalEcr
            >>> there, gone = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
            >>> with LocalEcr({"app": [there]}) as ecr:
            ...     report = lc.check([there, gone], "app", client=ecr.client())
            >>> report.plot.tables()[0].summary
            '1 of 2 rows available (50.0 %); 1 unavailable.'
        """
        from layercheck.report.plot import ReportPlots

        return ReportPlots(self)

    @property
    def errors(self) -> tuple[BatchError, ...]:
        """What went wrong with which calls, in the order it happened."""
        return self._errors

    @property
    def cancelled(self) -> bool:
        """True if the run was cancelled, interrupted or ended by an error before it was done."""
        return self._cancelled

    @property
    def rows(self) -> int:
        """Input rows."""
        return self.plan.rows

    @property
    def counts(self) -> Counts:
        """Verdict to number of rows; all eight, and their sum is `rows`. A key is a word or a `Verdict`."""
        if self._counts is None:
            self._counts = self._columns.counts
        return Counts(self._counts)

    @property
    def unique_counts(self) -> Counts:
        """Verdict to number of digests; their sum is `plan.unique`. A key is a word or a `Verdict`."""
        return Counts(self._columns.unique_counts)

    @property
    def complete(self) -> bool:
        """True if no digest is `unanswered` or `not_checked`."""
        counts = self.unique_counts
        return not (counts["unanswered"] or counts["not_checked"])

    @property
    def hint(self) -> str | None:
        """Why the whole report is probably not what you wanted, in one line; else None.

        It is the hint of the plan (`Plan.hint`), that an input without rows was given, or the likely reasons
        if ten or more digests were checked and all of them are unavailable.
        """
        return hint_of(self)

    @property
    def verdicts(self) -> NDArray[np.uint8]:
        """Verdict codes of the rows: numpy uint8 of shape (rows,), read-only. See `Verdict`."""
        return self._columns.verdicts

    @property
    def unique_verdicts(self) -> NDArray[np.uint8]:
        """Verdict codes of the digests: numpy uint8 of shape (unique,), read-only, no copy."""
        return self._columns.unique_verdicts

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Layer sizes of the digests in bytes, -1 where none was given: int64, shape (unique,)."""
        return self._columns.sizes

    def digests(self, verdict: str | Verdict) -> list[str]:
        """Return the digests with the given verdict, each once, in first-seen order.

        Args:
            verdict: A word such as ``"unavailable"``, or a `Verdict`. For ``"invalid"`` the list
                is empty, because invalid rows have no digest; see `plan.rejects`.

        Raises:
            ValueError: If there is no such verdict.
        """
        if isinstance(verdict, str):
            verdict = Verdict.from_label(verdict)
        return self._columns.digests(Verdict(verdict))

    def __getitem__(self, digest: str | bytes) -> Row:
        """Return what is known of a digest, with its first row.

        Args:
            digest: A text in any accepted spelling, or 32 raw bytes.

        Raises:
            KeyError: No row has this digest.
            TypeError: `digest` is neither text nor bytes; for a row number, use `row`.
        """
        if not isinstance(digest, str | bytes):
            kind = type(digest).__name__
            raise TypeError(f"report[...] takes a digest, not {kind}; for an input row use report.row(i)")
        row = self.plan.first_row(digest)
        if row is None:
            raise KeyError(f"no row of the report has the digest {digest!r}")
        return self.row(row)

    def __contains__(self, digest: object) -> bool:
        """Whether a row has this digest, in any accepted spelling or as 32 raw bytes."""
        return isinstance(digest, str | bytes) and self.plan.first_row(digest) is not None

    def row(self, row: int) -> Row:
        """Return one input row with its verdict.

        Args:
            row: Number of the row, counted from 0; a negative number counts from the end.

        Raises:
            IndexError: There is no such row.
        """
        at = row + self.rows if row < 0 else row
        if not 0 <= at < self.rows:
            raise IndexError(f"there is no row {row}: the report has {self.rows:,} rows, counted from 0")
        return Row.of_line(self._columns.table().lines(at, at + 1)[0])

    def __iter__(self) -> Iterator[Row]:
        """Iterate over all rows, in input order, in bounded memory."""
        table = self._columns.table()
        for start in range(0, self.rows, _CHUNK):
            yield from map(Row.of_line, table.lines(start, start + _CHUNK))

    def table(self, *, unique: bool = False, only: Only = None, plain: bool = False) -> Table:
        """Return the report table, which other tools read in chunks through `__arrow_c_stream__`.

        Args:
            unique: One line for each digest instead of one for each row.
            only: Only the lines with these verdicts: a word, a `Verdict`, or several of them. None: all.
            plain: In Arrow, text in place of dictionaries, every column nullable, and at most 50,000 lines in
                a record batch. Engines such as Spark take no dictionaries.

        Raises:
            ValueError: If there is no such verdict.
        """
        codes = None if only is None else [int(each) for each in _verdicts(only)]
        return self._columns.table(unique=unique, only=codes, plain=plain)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table of rows as an Arrow stream (PyCapsule interface), in bounded memory."""
        return self.table().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """The schema of `__arrow_c_stream__`."""
        return self.table().__arrow_c_schema__()

    def to_arrow(self, *, unique: bool = False, plain: bool = False) -> pa.Table:
        """Return the table as a `pyarrow.Table`.

        Args:
            unique: One line for each digest instead of one for each row.
            plain: Text in place of dictionaries, and every column nullable, as `table` has it.

        Raises:
            ImportError: If pyarrow is not installed; the message says how to install it.
        """
        return dataframes.to_arrow(self.table(unique=unique, plain=plain))

    def to_pandas(self, *, unique: bool = False) -> pd.DataFrame:
        """Return the table as a pandas DataFrame; verdict and media type are categories.

        Args:
            unique: One line for each digest instead of one for each row.

        Raises:
            ImportError: If pandas or pyarrow is not installed.
        """
        return dataframes.to_pandas(self.table(unique=unique))

    def to_polars(self, *, unique: bool = False) -> pl.DataFrame:
        """Return the table as a polars DataFrame.

        Args:
            unique: One line for each digest instead of one for each row.

        Raises:
            ImportError: If polars is not installed.
        """
        return dataframes.to_polars(self.table(unique=unique))

    def to_numpy(self) -> dict[str, NDArray[Any]]:
        """Return the report as arrays: an entry per row in `verdict` and `row_index`, per digest in the rest.

        Returns:
            A dict: `verdict` (uint8, rows), `row_index` (int64, rows; -1 for invalid rows),
            `digest` (uint8, unique x 32), `unique_verdict` (uint8, unique), `size` (int64, unique;
            -1 where none was given). All read-only.
        """
        return {
            "verdict": self.verdicts,
            "row_index": self.plan.row_index,
            "digest": self.plan.digests,
            "unique_verdict": self.unique_verdicts,
            "size": self.sizes,
        }

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        unique: bool = False,
        only: Only = None,
        full: Files = (),
    ) -> None:
        """Write the table, or a page for people, to a file atomically.

        The file is written under a temporary name beside `path`, synced to disk and renamed, so
        that a crash leaves either the old file or the new one.

        Args:
            path: The file. Its suffix selects the format, unless `format` is given. With `.gz` or `.zst`
                behind it, CSV and JSON Lines are compressed. `.html` is a page: one file that shows the
                verdicts, plots, and the first 2,000 lines with a verdict other than available.
            format: `"parquet"`, `"csv"`, `"jsonl"`, `"arrow"` or `"html"`.
            unique: One line for each digest instead of one for each row.
            only: Only the lines with these verdicts: a word, a `Verdict`, or several of them. None: all.
            full: The file with all rows, or several, to which a page links. Without effect on a table.

        Raises:
            ValueError: If neither suffix nor `format` is one of these, or there is no such verdict.
            ImportError: If Parquet or Arrow is asked for and pyarrow is not installed.
            OSError: If the file cannot be written; an existing file at `path` is left untouched.
        """
        if files.format_of(path, format, page=True) == "html":
            from layercheck.page.link import links
            from layercheck.report.page import page_of

            listed = None if only is None else _verdicts(only)
            files.save_page(page_of(self, only=listed, unique=unique, files=links(path, full)), path)
            return
        files.save(self.table(unique=unique, only=only), path, format)

    def raise_for_failures(self, *, verdicts: Only = None) -> None:
        """Raise if rows are invalid, refused or without an answer, or have a verdict that you name.

        Without `verdicts` this is no gate: `unavailable`, `archived` and `other` are answers, not failures,
        and an empty input passes.

        Args:
            verdicts: Verdicts that count as failures too, such as ``("unavailable", "archived", "other")``: a
                word, a `Verdict`, or several of them. With them, a report without rows is a failure too,
                because nothing was checked. None: no further ones.

        Raises:
            UnansweredError: If digests are `unanswered` or `not_checked`, or `verdicts` are given and there
                are no rows.
            InvalidDigestError: If rows are `invalid`, or digests were `refused` by the service.
            VerdictError: If digests have one of `verdicts`.
            ValueError: If there is no such verdict.

        Examples:
            >>> import layercheck as lc
            >>> from layercheck.testing import LocalEcr
            >>> with LocalEcr({"team/app": []}) as ecr:
            ...     report = lc.check(["sha256:" + "ab" * 32], "team/app", client=ecr.client())
            >>> report.raise_for_failures()
            >>> report.raise_for_failures(verdicts="unavailable")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ...
            layercheck.errors.VerdictError: of 1 digest in team/app: 1 unavailable; first: sha256:abab...
        """
        wanted = () if verdicts is None else tuple(dict.fromkeys(_verdicts(verdicts)))
        counts = self.counts
        missing = counts["unanswered"] + counts["not_checked"]
        if missing:
            cause = f"; first cause: {self._errors[0].message}" if self._errors else ""
            raise UnansweredError(
                f"{missing:,} of {self.rows:,} rows have no answer "
                f"({counts['unanswered']:,} unanswered, {counts['not_checked']:,} not checked){cause}",
                report=self,
            )
        if counts["invalid"] or counts["refused"]:
            first = f"; first: {self.plan.rejects[0].message}" if counts["invalid"] else ""
            raise InvalidDigestError(
                f"{counts['invalid']:,} rows are invalid and {counts['refused']:,} were refused "
                f"by the service{first}",
                report=self,
            )
        if wanted and not self.rows:
            raise UnansweredError(NOTHING_ASKED, report=self)
        found = [verdict for verdict in wanted if self.unique_counts[verdict]]
        if found:
            said = ", ".join(f"{self.unique_counts[verdict]:,} {verdict.label}" for verdict in found)
            raise VerdictError(
                f"of {counted(self.plan.unique, 'digest')} in {self.target.repository_name}: {said}; "
                f"first: {self.digests(found[0])[0]}",
                report=self,
            )

    def __repr__(self) -> str:
        counts = ", ".join(f"{word}={rows}" for word, rows in self.counts.items() if rows)
        state = "complete" if self.complete else "incomplete"
        return f"Report({self.target.repository_name!r}, rows={self.rows}, {counts or 'no rows'}, {state})"

    def _repr_html_(self) -> str:
        return notebook.render(self)


def _verdicts(only: str | Verdict | Iterable[str | Verdict]) -> list[Verdict]:
    given = [only] if isinstance(only, str | Verdict) else only
    return [Verdict.from_label(each) if isinstance(each, str) else Verdict(each) for each in given]
