"""`ask`: raw digests of one part -> its lines of the verdict table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from layercheck._core import MAX_BATCH, Ledger, Plan, Planner
from layercheck.errors import CredentialsError, InvalidParameterError, UnansweredError
from layercheck.shard.fingerprint import Fingerprint
from layercheck.shard.opening import KEEP_S, forget_session, open_checker
from layercheck.shard.outcome import VERDICTS, Outcome, PartError
from layercheck.shard.settings import Settings
from layercheck.shard.share import Share
from layercheck.shard.table import BATCH_ROWS, OPEN, arrow, schema
from layercheck.types import RunStats

if TYPE_CHECKING:
    import pyarrow as pa

    from layercheck.dispatch import Checker
    from layercheck.report import Report

BLOCK_DIGESTS = 1_000_000
"""Digests that are planned and asked at once: about 64 MB, whatever the size of the part."""
_LOOK_S = 0.1
_CREDENTIALS_S = 30.0
"""How long a part looks for credentials again. Many processes that start together ask the metadata service at
once, and some get no answer (boto3#902, botocore#2304)."""


@dataclass(slots=True)
class Patience:
    """How a part waits before it looks for credentials again, and at its end; tests replace the clock."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    draw: Callable[[float, float], float] = random.uniform


class Asking:
    """The lines of one part, as an iterator of record batches, and its outcome once it has ended.

    Attributes:
        outcome: What was done so far; complete when the iterator has ended.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        settings: Settings,
        share: Share,
        *,
        stop: Callable[[], bool] | None = None,
        patience: Patience | None = None,
    ) -> None:
        if not isinstance(settings.rate, float):
            raise InvalidParameterError("the settings have no rate yet; use those that accept() returned")
        self._batches = batches
        self._settings = settings
        self._share = share
        self._stop = stop
        self._patience = patience or Patience()
        self._checker: Checker | None = None
        self._opened_at = 0.0
        self._asked_at: float | None = None
        self.outcome = Outcome(parts=1)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield record batches in `SCHEMA`, of at most 50,000 lines: one line for each different digest."""
        try:
            for plan in _blocks(self._batches):
                if plan.invalid and self.outcome.error is None:
                    what = f"{plan.invalid:,} rows of a part are not 32 bytes; pass what prepare() yields"
                    self._fail(PartError.of(InvalidParameterError(what)))
                asked_at = datetime.now(UTC)
                report = self._report(plan)
                yield from self._lines(plan, report, asked_at)
            self._hold()
        except InvalidParameterError as error:
            self._fail(PartError.of(error))
        finally:
            self._close()

    def with_outcome(self) -> Iterator[pa.RecordBatch]:
        """Yield the same, and the outcome behind them as notes; see `Outcome`."""
        yield from self
        yield self.outcome.as_batch()

    def _report(self, plan: Plan) -> Report:
        """Ask, unless this part has had a fatal error; what was not asked is `not_checked`."""
        from layercheck.report import Report

        if self.outcome.error is None:
            try:
                report = self._check(plan)
            except MemoryError:
                raise  # the engine tries the part again, perhaps where there is more
            except Exception as error:  # noqa: BLE001 (an engine would try it four times, and lose its class)
                self._fail(PartError.of(error))
                report = getattr(error, "report", None) or _unasked(plan, self._settings)
            else:
                if report.stats.ended != "done":
                    self._fail(
                        PartError(
                            UnansweredError.__name__,
                            report.stats.ended,
                            "the service stopped answering; run the same again to go on",
                        )
                    )
        else:
            report = _unasked(plan, self._settings)
        assert isinstance(report, Report)  # noqa: S101 (for the type checker)
        return report

    def _check(self, plan: Plan) -> Report:
        began = self._patience.clock()
        pause_s = 0.5
        while True:
            try:
                checker = self._open()
                if self._asked_at is None:
                    self._asked_at = self._patience.clock()
                return self._result(checker, plan)
            except CredentialsError as error:
                self._close()
                forget_session(self._settings)
                # What the service itself refuses does not change by waiting, and answers are not asked twice.
                late = self._patience.clock() - began >= _CREDENTIALS_S
                stopped = self._stop is not None and self._stop()
                if late or stopped or error.response is not None or _has_answers(error.report):
                    raise
                self._patience.sleep(self._patience.draw(0.0, pause_s))
                pause_s = min(2 * pause_s, 8.0)

    def _result(self, checker: Checker, plan: Plan) -> Report:
        """Wait for the report, and look at `stop` meanwhile.

        Raises:
            RunCancelled: `stop` said so; the answers up to then are its report.
        """
        if self._stop is None:
            return checker.check(plan)
        run = checker.submit(plan)
        try:
            while not run.done():
                if self._stop():
                    run.cancel()
                    break
                wait([run], _LOOK_S)
        except BaseException:
            run.cancel()
            raise
        return run.result()

    def _open(self) -> Checker:
        """Return the checker of this part; a new one with a new session if the last one is old."""
        now = self._patience.clock()
        if self._checker is not None and now - self._opened_at >= KEEP_S:
            self._close()
        if self._checker is None:
            self._checker = open_checker(self._settings, self._share)
            self._opened_at = now
        return self._checker

    def _hold(self) -> None:
        """Wait until the share allows one call more.

        The next part of this asker begins with a call at once. Parts of one call each would be faster than
        the share otherwise.
        """
        if self._asked_at is None or self.outcome.error is not None:
            return
        end = self._asked_at + self.outcome.requests / self._share.rate
        while (left := end - self._patience.clock()) > 0 and not (self._stop is not None and self._stop()):
            self._patience.sleep(min(left, _LOOK_S))

    def _close(self) -> None:
        if self._checker is not None:
            self._checker.close(cancel=True)
            self._checker = None

    def _fail(self, error: PartError) -> None:
        self.outcome = self.outcome + Outcome(error=error)

    def _lines(self, plan: Plan, report: Report, asked_at: datetime) -> Iterator[pa.RecordBatch]:
        # Counted before the lines are yielded, because the engine may never ask for the end of the iterator.
        stats = report.stats
        self.outcome += Outcome(
            asked=Fingerprint.of(plan.digests),
            counts={verdict: report.unique_counts[verdict] for verdict in VERDICTS},
            calls=stats.calls,
            requests=stats.requests,
            retries=stats.retries,
            throttles=stats.throttles,
            milliseconds=round(stats.seconds * 1000),
        )
        pa = arrow()
        reader = pa.RecordBatchReader.from_stream(report.table(unique=True, plain=True))
        for batch in reader:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield _line_batch(batch.slice(start, BATCH_ROWS), asked_at, self.outcome.error)


def ask(
    batches: Iterable[pa.RecordBatch],
    settings: Settings,
    share: Share,
    *,
    stop: Callable[[], bool] | None = None,
    _patience: Patience | None = None,
) -> Asking:
    """Ask for the digests of a part, at this task's share of the rate.

    A client is made when the first digest comes; a part without digests makes none. A fatal error raises
    nothing: the digests that were not asked are `not_checked`, with its code and reason, and
    `Asking.outcome` has it.
    Exceptions of `batches` pass through, so that the engine tries the task again.

    Args:
        batches: Record batches whose first column holds raw digests of 32 bytes, as `prepare` yields them.
            The digests of a part should be different; those of a million are deduplicated.
        settings: What `accept` returned.
        share: What `share_of` returned.
        stop: Asked several times a second, on the thread that iterates. When it says True, nothing more is
            asked, and the outcome's error is a `RunCancelled`.

    Returns:
        The lines, and after them the outcome.

    Examples:
        >>> import pyarrow as pa
        >>> from layercheck import shard
        >>> from layercheck.testing import LocalEcr
        >>> there, gone = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
        >>> with LocalEcr({"app": [there]}, region_name=None) as ecr:
        ...     settings = shard.Settings(
        ...         "app", endpoint_url=ecr.endpoint_url, session="layercheck.testing:dummy_session"
        ...     )
        ...     settings = shard.accept(settings, shard.look(settings))
        ...     rows = shard.prepare([pa.record_batch({"digest": [there, gone, there]})])
        ...     asking = shard.ask(rows, settings, shard.share_of(settings.rate))
        ...     lines = pa.Table.from_batches(asking, schema=shard.SCHEMA)
        >>> lines["verdict"].to_pylist(), asking.outcome.calls
        (['available', 'unavailable'], 1)
    """
    return Asking(batches, settings, share, stop=stop, patience=_patience)


def _blocks(batches: Iterable[Any]) -> Iterator[Plan]:
    """Yield plans of about a million digests.

    Raises:
        InvalidParameterError: A column holds no raw digests.
    """
    block = Planner(threads=1, raw=True)
    rows = 0
    for batch in batches:
        column = batch.column(0)
        if not _is_binary(column.type):
            raise InvalidParameterError(
                f"the first column of a part is {column.type}; expected raw digests as prepare() yields them"
            )
        block.extend_arrow(column)
        rows += batch.num_rows
        if rows >= BLOCK_DIGESTS:
            yield block.finish(MAX_BATCH)
            block, rows = Planner(threads=1, raw=True), 0
    if rows:
        yield block.finish(MAX_BATCH)


def _is_binary(kind: Any) -> bool:
    pa = arrow()
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or kind == pa.binary(32))


def _has_answers(report: Report | None) -> bool:
    if report is None:
        return False
    counts = report.unique_counts
    return any(counts[verdict] for verdict in VERDICTS if verdict not in OPEN)


def _unasked(plan: Plan, settings: Settings) -> Report:
    from layercheck.report import Report

    return Report(Ledger(plan).columns(), target=settings.target, stats=RunStats(), cancelled=True)


def _line_batch(batch: Any, asked_at: datetime, error: PartError | None) -> pa.RecordBatch:
    import pyarrow.compute as pc

    pa = arrow()
    wanted = schema()
    columns = [batch.column(name) for name in wanted.names[:-1]]
    unasked = pc.equal(batch.column("verdict"), "not_checked")
    if error is not None and pc.any(unasked).as_py():
        for at, text in ((4, error.code), (5, error.message)):
            blank = pc.and_(unasked, pc.is_null(columns[at]))
            columns[at] = pc.if_else(blank, pa.scalar(text, pa.string()), columns[at])
    moment = pa.scalar(asked_at, wanted.field("asked_at").type)
    columns.append(pc.if_else(unasked, pa.scalar(None, moment.type), moment))
    return pa.RecordBatch.from_arrays(columns, schema=wanted)
