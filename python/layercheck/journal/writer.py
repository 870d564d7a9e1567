"""Writes the verdicts of a run to its journal, group by group, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from layercheck._core import Ledger
from layercheck.daemon_thread import DaemonThread
from layercheck.errors import JournalError
from layercheck.journal.history import RunSnapshot, run_row
from layercheck.journal.lock import JournalLock
from layercheck.journal.store import BatchRow, RunRow, Store
from layercheck.journal.watched_files import WatchedFiles

GROUP = 128
"""A group of this many finished batches is committed at once."""

GROUP_S = 0.25
"""Longest wait of a finished batch for its commit, in seconds. Ten commits a second would cost little too,
but a killed run can afford to ask a quarter of a second again."""

UNSAVED = 256
"""Finished batches that may wait for the disk. At this number the run asks nothing more, so that a killed run
has a bounded number of batches to ask again, however slow the disk is."""

Notify = Callable[[JournalError | None], None]
"""Called with an error, or with None after each group."""


class JournalWriter:
    """The journal of one running run.

    Workers queue the range of each call that has its outcome. The writer's thread reads the outcomes from
    the ledger when it writes a group, off the interpreter lock.

    If the disk fails, nothing is lost, because unwritten batches stay in the queue and in the ledger. The
    writer notifies the run, and tries once more at its end. Before each group it checks that the files are
    still in their place, because SQLite writes on to a removed file.

    Attributes:
        ledger: The run's verdicts, including those restored from the journal.
        restored: The number of digests restored from the journal.
    """

    def __init__(self, store: Store, lock: JournalLock, ledger: Ledger) -> None:
        self.ledger = ledger
        self.restored = ledger.settled
        self._store = store
        self._lock = lock
        self._files = WatchedFiles(lock.path, lock.file_id)
        self._run_id = store.last_run() + 1
        self._started_at = time.time()
        self._pending: deque[tuple[int, int, float]] = deque()
        self._writing = 0
        self._wake = threading.Event()
        self._ending = self._finished = False
        self._error: JournalError | None = None
        # Made now, because there will be no memory for it.
        self._no_memory = JournalError(
            f"journal {str(store.path)!r} cannot be written: out of memory; give the process more"
        )
        self._notify: Notify = _ignore
        self._snapshot: Callable[[], RunSnapshot] = RunSnapshot
        self._thread = DaemonThread(target=self._write_until_finished, name="layercheck-journal")

    def start(self, notify: Notify, snapshot: Callable[[], RunSnapshot]) -> None:
        """Start the writer's thread.

        Args:
            notify: Called on that thread: with the error when writing fails, and with None after each
                group, because the run may then be allowed to ask more.
            snapshot: Returns the state of the run. Called on that thread, and in `finish`.
        """
        self._notify = notify
        self._snapshot = snapshot
        self._thread.start()

    def enqueue(self, start: int, stop: int) -> None:
        """Queue the digests `start..stop`, whose outcome of one call is known. Thread-safe; never blocks."""
        self._pending.append((start, stop, time.time()))
        if len(self._pending) >= GROUP:
            self._wake.set()

    def enqueue_all(self, batches: list[tuple[int, int, float]]) -> None:
        """Do the same for several: start, stop, and since how many seconds their outcome is known."""
        now = time.time()
        self._pending.extend([(start, stop, now - ago_s) for start, stop, ago_s in batches])
        if len(self._pending) >= GROUP:
            self._wake.set()

    @property
    def group(self) -> int:
        """The number of finished batches that are committed at once."""
        return GROUP

    def has_room_for(self, batches: int) -> bool:
        """Whether so many batches more may wait for the disk."""
        return len(self._pending) + self._writing + batches < UNSAVED

    @property
    def backlogged(self) -> bool:
        """True if so many batches wait for the disk that the run must not ask more."""
        return len(self._pending) + self._writing >= UNSAVED

    def finish(self) -> JournalError | None:
        """Write the rest, close the journal and release its lock; return the error if any. Safe to repeat."""
        if self._finished:
            return self._error
        self._finished = self._ending = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            if self._error is not None:
                self._last_attempt()
            else:
                self._error = self._loss()
            if self._error is None and self._pending:
                # The thread ended for lack of memory.
                self._last_attempt()
                self._error = self._no_memory if self._pending else None
        finally:
            self._close()
        return self._error

    def _loss(self) -> JournalError | None:
        """What happened to the files since the last group, if anything."""
        try:
            self._files.check()
        except JournalError as error:
            return error
        return None

    def _close(self) -> None:
        try:
            in_place = self._files.in_place
            self._store.close(in_place=in_place)
            if not in_place:
                self._files.remove_log()
        finally:
            self._lock.close()

    def _write_until_finished(self) -> None:
        # Write the run first, so that a run killed at once is in the journal too.
        self._catch_errors(self._begin)
        while self._error is None:
            self._wake.wait(0 if self._ending else GROUP_S)
            self._wake.clear()
            ending = self._ending
            self._catch_errors(lambda: self._write(last=ending))  # noqa: B023 - called at once
            if ending and not self._pending:
                return

    def _catch_errors(self, write: Callable[[], None]) -> None:
        """Run `write`, and pass any error to the run, because ending this thread alone would hide it."""
        try:
            write()
        except JournalError as error:
            self._error = error
            self._notify(error)
        except MemoryError:
            self._error = self._no_memory
            self._notify(self._error)
        except BaseException as error:  # noqa: BLE001 (whatever it is, it must reach the run)
            self._error = JournalError(f"the journal cannot be written: {error}")
            self._error.__cause__ = error
            self._notify(self._error)

    def _begin(self) -> None:
        self._files.check()
        self._store.append((), self._run_row())
        self._files.note_log()

    def _write(self, *, last: bool, again: bool = False) -> None:
        """Commit one group of queued batches; with `last`, also the end of the run.

        A log that was removed does not matter when the run tries `again`, because closing the journal merges
        it.
        """
        group = [self._pending.popleft() for _ in range(min(len(self._pending), UNSAVED))]
        if not (group or last):
            return
        self._writing = len(group)
        try:
            self._commit(group, again=again)
        except BaseException:
            self._pending.extendleft(reversed(group))
            raise
        finally:
            self._writing = 0
        # Notify after every group, because a worker that just saw the backlog may be about to wait for this.
        self._notify(None)

    def _commit(self, group: list[tuple[int, int, float]], *, again: bool) -> None:
        records = self.ledger.records(group)
        rows = [
            BatchRow(record[0], record[1], at, record[2])
            for (_, _, at), record in zip(group, records, strict=True)
            if record is not None
        ]
        if again:
            self._files.check_journal()
        else:
            self._files.check()
        self._store.append(rows, self._run_row())

    def _last_attempt(self) -> None:
        """Try once more, because the disk may have space again. The next run asks what stays unwritten."""
        try:
            self._write(last=True, again=True)
            while self._pending:
                self._write(last=True, again=True)
        except Exception:  # noqa: BLE001 (the first error is the one reported)
            return

    def _run_row(self) -> RunRow:
        return run_row(self._run_id, self._started_at, time.time(), self._snapshot())


def _ignore(error: JournalError | None) -> None:
    """The callback before `start`: there is no run to notify."""
