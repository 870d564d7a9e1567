"""Writes down what a run finds, group by group, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from layercheck._core import Ledger
from layercheck.errors import JournalError
from layercheck.journal.history import RunSnapshot, row_of
from layercheck.journal.lock import JournalLock
from layercheck.journal.store import Row, RunRow, Store

GROUP = 128
"""Finished batches after which a group is committed at once."""

GROUP_S = 0.25
"""Longest that a finished batch waits for its commit, seconds: some ten commits a second would do no harm
either, but an audit that was killed loses a quarter of a second gladly."""

UNSAVED = 256
"""Finished batches that may wait for the disk; from there on nothing more is asked. So what a killed run has
to ask again is bounded, however slow the disk."""

Tell = Callable[[JournalError | None], None]


class JournalWriter:
    """The journal of one run that is under way.

    Workers say which digests have their outcome; that costs them one entry in a queue. What it is
    is read from the ledger when a group is written, off the interpreter lock.

    If the disk fails, nothing is lost: what was not written stays in the queue and in the ledger, the run
    is told, and at its end it is tried once more.

    Attributes:
        ledger: The run's verdicts, with those that the journal knew already.
        restored: How many digests it knew.
    """

    def __init__(self, store: Store, claim: JournalLock, ledger: Ledger) -> None:
        self.ledger = ledger
        self.restored = ledger.settled
        self._store = store
        self._claim = claim
        self._run_id = store.last_run() + 1
        self._started_at = time.time()
        self._pending: deque[tuple[int, int, float]] = deque()
        self._writing = 0
        self._wake = threading.Event()
        self._ending = self._finished = False
        self._error: JournalError | None = None
        self._tell: Tell = _nobody
        self._stand: Callable[[], RunSnapshot] = RunSnapshot
        self._thread = threading.Thread(target=self._serve, name="layercheck-journal", daemon=True)

    def start(self, tell: Tell, stand: Callable[[], RunSnapshot]) -> None:
        """Begin to write.

        Args:
            tell: Called on the recorder's thread: with the error when writing fails, with None after
                each group, when there may be room again for more to be asked.
            stand: Says how the run stands, on the same thread and when it ends.
        """
        self._tell = tell
        self._stand = stand
        self._thread.start()

    def settled(self, start: int, stop: int) -> None:
        """The digests `start..stop` have what outcome they get from one call. From any thread, at once."""
        self._pending.append((start, stop, time.time()))
        if len(self._pending) >= GROUP:
            self._wake.set()

    @property
    def backlogged(self) -> bool:
        """So much waits for the disk that nothing more is to be asked."""
        return len(self._pending) + self._writing >= UNSAVED

    def finish(self) -> JournalError | None:
        """Write the rest, close the journal and give it back; returns what went wrong. Safe to call twice."""
        if self._finished:
            return self._error
        self._finished = self._ending = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            if self._error is not None:
                self._last_attempt()
        finally:
            self._store.close()
            self._claim.close()
        return self._error

    def _serve(self) -> None:
        # Written before the first call: a run that is killed at once was a run too.
        self._guarded(lambda: self._store.append((), self._run_row()))
        while self._error is None:
            self._wake.wait(0 if self._ending else GROUP_S)
            self._wake.clear()
            ending = self._ending
            self._guarded(lambda: self._write(last=ending))  # noqa: B023 - it is called at once
            if ending and not self._pending:
                return

    def _guarded(self, write: Callable[[], None]) -> None:
        """Whatever goes wrong with writing ends the run and not this thread alone."""
        try:
            write()
        except JournalError as error:
            self._error = error
            self._tell(error)
        except BaseException as error:  # noqa: BLE001 (the run must be told, e.g. of a MemoryError)
            self._error = JournalError(f"the journal cannot be written: {error}")
            self._error.__cause__ = error
            self._tell(self._error)

    def _write(self, *, last: bool) -> None:
        """Commit what waits, at the end also how the run ended."""
        group = [self._pending.popleft() for _ in range(min(len(self._pending), UNSAVED))]
        if not (group or last):
            return
        self._writing = len(group)
        try:
            records = self.ledger.records(group)
            rows = [
                Row(record[0], record[1], at, record[2])
                for (_, _, at), record in zip(group, records, strict=True)
                if record is not None
            ]
            self._store.append(rows, self._run_row())
        except BaseException:
            self._pending.extendleft(reversed(group))
            raise
        finally:
            self._writing = 0
        # Each time: a worker that just saw it behind may still be on its way to waiting for this.
        self._tell(None)

    def _last_attempt(self) -> None:
        """There may be room again: what is not written now is asked again by the next run."""
        try:
            self._write(last=True)
            while self._pending:
                self._write(last=True)
        except Exception:  # noqa: BLE001 (what went wrong first is what is told)
            return

    def _run_row(self) -> RunRow:
        return row_of(self._run_id, self._started_at, time.time(), self._stand())


def _nobody(error: JournalError | None) -> None:
    """Before the start nobody listens."""
