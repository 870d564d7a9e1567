"""Reads a journal: its verdicts, its runs, and whether it is sound."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from layercheck._core import Ledger, Plan
from layercheck.errors import JournalError
from layercheck.journal import notebook
from layercheck.journal.fingerprint import Fingerprint
from layercheck.journal.history import JournalRun, read_runs, total_stats
from layercheck.journal.lock import Owner, owner_of
from layercheck.journal.resume import read_plan, restore
from layercheck.journal.store import Store
from layercheck.types import Target

if TYPE_CHECKING:
    from layercheck.report import Report


@dataclass(frozen=True, slots=True, repr=False)
class JournalStatus:
    """The state of a journal.

    Attributes:
        path: The file.
        target: Where its digests are checked.
        rows: Rows of the input.
        unique: Different digests among them.
        settled: Digests that have a final verdict.
        counts: Verdict word to digests, all eight words.
        batches: Batches written; if a digest was asked more than once, its last batch counts.
        created_at: When it was created.
        first_answer_at: When the first batch was answered; None before that.
        last_answer_at: When the last batch was answered.
        created_by: The version of layercheck that created it.
        owner: The process that writes to it now; None if there is none.
        runs: The runs that wrote to it, the first one first.
    """

    path: Path
    target: Target
    rows: int
    unique: int
    settled: int
    counts: dict[str, int]
    batches: int
    created_at: datetime
    first_answer_at: datetime | None
    last_answer_at: datetime | None
    created_by: str
    owner: Owner | None
    runs: tuple[JournalRun, ...]

    @property
    def complete(self) -> bool:
        """True if every digest has a final verdict."""
        return self.settled == self.unique

    def __repr__(self) -> str:
        state = "complete" if self.complete else f"{self.unique - self.settled} digests open"
        return (
            f"JournalStatus({str(self.path)!r}, rows={self.rows}, unique={self.unique}, {state}, "
            f"runs={len(self.runs)})"
        )


class Journal:
    """A journal, opened to be read; a run may write to it meanwhile.

    Examples:
        >>> import pathlib, tempfile
        >>> import layercheck as lc
        >>> from layercheck.testing import LocalEcr
        >>> there, gone = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
        >>> with tempfile.TemporaryDirectory() as folder, LocalEcr({"app": [there]}) as ecr:
        ...     path = pathlib.Path(folder, "audit.journal")
        ...     report = lc.check([there, gone, "junk"], "app", client=ecr.client(), journal=path)
        ...     with lc.Journal(path) as journal:
        ...         journal.status().complete, journal.report().counts == report.counts
        (True, True)

    Raises:
        JournalError: There is no journal, or it is not a journal of this version, or it is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._store = Store(self.path, read_only=True)
        try:
            if not self.path.stat().st_size:
                raise JournalError(
                    f"journal {str(self.path)!r} holds no run, because the file is empty: it is not a "
                    "journal, or the process that created it ended before its first call; name another file"
                )
            if self._store.is_empty:
                raise JournalError(
                    f"journal {str(self.path)!r} holds no run, because the process that created it ended "
                    "before its first call"
                )
            self._fingerprint = self._read_fingerprint()
        except BaseException:
            self._store.close()
            raise

    @property
    def target(self) -> Target:
        """Where its digests are checked."""
        return self._fingerprint.target

    def plan(self) -> Plan:
        """The plan, rebuilt from the journal.

        Raises:
            JournalError: The journal is damaged.
        """
        plan = read_plan(self._store)
        hashes = tuple(each.hex() for each in plan.fingerprint())
        kept = self._fingerprint
        expected = (kept.digests_sha256, kept.rows_sha256, kept.rows, kept.unique, kept.invalid)
        if expected != (*hashes, plan.rows, plan.unique, plan.invalid):
            raise self._store.damaged("its plan does not match its fingerprint")
        return plan

    def report(self, *, as_of: datetime | None = None) -> Report:
        """The report of the journal's verdicts; needs neither the input nor the network.

        Its `stats` add up all runs; `ended` and `errors` are those of the last run.

        Args:
            as_of: Only what was answered at this time or before, for a journal whose run was repeated with
                `max_age_s`.

        Raises:
            JournalError: The journal is damaged.
        """
        from layercheck.report import Report

        # Read the runs before the verdicts, because a running run may write new verdicts between the two.
        runs = self._runs()
        ledger = self._ledger(as_of)
        ended = runs[-1].ended if runs else "killed"
        errors = runs[-1].errors if runs else ()
        stats = total_stats(runs, "done" if ledger.settled == self._fingerprint.unique else ended)
        return Report(ledger.columns(), target=self.target, stats=stats, errors=errors)

    def status(self) -> JournalStatus:
        """The state of the journal now.

        Raises:
            JournalError: The journal is damaged.
        """
        ledger = self._ledger(None)
        batches, first, last = self._store.count_batches()
        meta = self._store.meta()
        try:
            created_at = _time(meta.get("created_at"))
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise self._store.damaged(str(error)) from error
        return JournalStatus(
            path=self.path,
            target=self.target,
            rows=self._fingerprint.rows,
            unique=self._fingerprint.unique,
            settled=ledger.settled,
            counts=ledger.unique_counts(),
            batches=batches,
            created_at=created_at,
            first_answer_at=None if first is None else _time(first),
            last_answer_at=None if last is None else _time(last),
            created_by=str(meta.get("created_by", "")),
            owner=owner_of(self.path),
            runs=tuple(self._runs()),
        )

    def verify(self) -> list[str]:
        """Check the journal; return its problems as sentences, or an empty list if every byte can be trusted.

        Checks SQLite's own structures, the plan, and each batch.
        """
        problems: list[str] = []
        try:
            problems += [f"the database: {each}" for each in self._store.integrity_problems()]
            ledger = Ledger(self.plan())
            unreadable = restore(self._store, ledger)
            if unreadable:
                many = f"{unreadable:,} batches" if unreadable > 1 else "1 batch"
                problems.append(f"{many} cannot be read; a resumed run asks these digests again")
            unreadable = read_runs(self._store.runs(), in_use=False)[1]
            if unreadable:
                problems.append(f"{unreadable:,} of its runs cannot be read; their statistics are lost")
        except JournalError as error:
            problems.append(str(error))
        return problems

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Journal is an open file, so it cannot be pickled or copied; send its path, or its report"
        )

    def _repr_html_(self) -> str | None:
        try:
            return notebook.render(self)
        except JournalError:
            return None  # closed, or damaged since; the notebook then shows the other form

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r}, {self.target.repository_name!r}, rows={self._fingerprint.rows})"

    def _ledger(self, as_of: datetime | None) -> Ledger:
        ledger = Ledger(self.plan())
        restore(self._store, ledger, until=None if as_of is None else as_of.timestamp())
        ledger.seal()  # so that a report does not copy it
        return ledger

    def _runs(self) -> list[JournalRun]:
        # Look for an owner before and after, because a run may start or end between the two.
        before = owner_of(self.path)
        rows = list(self._store.runs())
        return read_runs(rows, in_use=(before or owner_of(self.path)) is not None)[0]

    def _read_fingerprint(self) -> Fingerprint:
        try:
            return Fingerprint.from_values(self._store.meta())
        except ValueError as error:
            raise self._store.damaged(str(error)) from error


def _time(seconds: Any) -> datetime:
    if not isinstance(seconds, int | float):
        raise TypeError("a time in it is not a number")
    return datetime.fromtimestamp(seconds, UTC)
