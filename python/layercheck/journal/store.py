"""The tables of a journal: how they are written and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from layercheck._core import JOURNAL_VERSION
from layercheck.errors import JournalError
from layercheck.journal.database import connect, damaged, journal_errors
from layercheck.journal.file_lock import add_reader, remove_reader
from layercheck.journal.options import Durability

APPLICATION_ID = 0x6C63_6B6A  # "lckj", in the header of the file: marks an SQLite database as a journal
_LAST_ID = 1 << 62
"""The largest row id that is accepted. Near 2^63 SQLite picks ids at random instead of in order."""
_TIME_RANGE = (-62_135_596_800, 253_402_300_799)
"""The year 1 to the year 9999, in seconds since 1970. A number outside is not a time."""
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE plan (part INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    answered_at REAL NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started_at REAL NOT NULL,
    written_at REAL NOT NULL,
    ended TEXT NOT NULL,
    stats TEXT NOT NULL,
    errors TEXT NOT NULL
);
"""


class BatchRow(NamedTuple):
    """One finished batch: its range of digests in the plan, the time of its answer, and its outcome."""

    start: int
    stop: int
    answered_at: float
    payload: bytes


class RunRow(NamedTuple):
    """One run, as of its last write; `stats` and `errors` are JSON."""

    id: int
    started_at: float
    written_at: float
    ended: str
    stats: str
    errors: str


def failpoint(step: str) -> None:
    """Mark a step of writing. Tests replace this function with one that fails or kills the process there."""


class Store:
    """An open journal. Several threads may use it, one at a time.

    Writes go through a write-ahead log. If the process dies at any instant, everything committed is kept.
    If the machine loses power, `durability="full"` keeps everything committed, and "normal" may lose the
    last commits, but no more. `close` makes the journal a single file again, which can also be read from
    read-only media.

    Args:
        path: The file; created if it does not exist, unless `read_only`.
        durability: "full" waits for the disk at each commit.
        read_only: Change nothing.

    Raises:
        JournalError: It cannot be opened, or is not a journal of this version.
    """

    def __init__(self, path: Path, *, durability: Durability = "normal", read_only: bool = False) -> None:
        self.path = path
        if read_only and not path.is_file():
            raise JournalError(f"there is no journal {str(path)!r}")
        self._read_only = read_only
        self._durability = durability
        self._prepared = False
        if read_only:
            add_reader(self)
        self._connection = self._connect()
        try:
            with journal_errors(self.path):
                self._check_format()
        except BaseException:
            self._connection.close()
            remove_reader(self)
            raise

    def _connect(self) -> sqlite3.Connection:
        try:
            with journal_errors(self.path):
                return connect(self.path, read_only=self._read_only)
        except BaseException:
            remove_reader(self)
            raise

    def close(self, *, in_place: bool = True) -> None:
        """Merge the log into the file, and close it.

        Args:
            in_place: Whether the file is still under its name. A file that was moved is made whole where it
                is. The log then stays, because its name may belong to another journal by now.
        """
        try:
            if not self._read_only:
                failpoint("closing")
                # This fails while another process reads. Then the log stays, and the next run merges it.
                self._connection.execute("PRAGMA busy_timeout=0")
                merge = "journal_mode=DELETE" if in_place else "wal_checkpoint(TRUNCATE)"
                self._connection.execute(f"PRAGMA {merge}")
                failpoint("merged")
        except sqlite3.Error:
            pass
        finally:
            # SQLite does not touch the log of a file that is not under its name any more.
            self._connection.close()
            remove_reader(self)

    # Reading.

    @property
    def is_empty(self) -> bool:
        """True if no run started in it, or the process died before it had written the whole plan.

        Raises:
            JournalError: The mark for a whole plan is missing, but there are answers, which must be kept.
        """
        meta = self.meta()
        if meta.get("state") == "ready":
            return False
        if meta and self.count_batches()[0]:
            raise self.damaged("it holds answers, but its plan is not marked as whole")
        return True

    def meta(self) -> dict[str, Any]:
        """The fingerprint of the run, and how the journal was created."""
        with journal_errors(self.path):
            tables = self._connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'meta'"
            ).fetchone()
            return dict(self._connection.execute("SELECT key, value FROM meta")) if tables[0] else {}

    def plan_parts(self) -> Iterator[bytes]:
        """The parts of the plan, in order."""
        with journal_errors(self.path):
            yield from (row[0] for row in self._connection.execute("SELECT bytes FROM plan ORDER BY part"))

    def batches(self, *, until: float | None = None) -> Iterator[BatchRow]:
        """The finished batches in the order of writing: for each digest, the last one counts.

        Args:
            until: Only batches answered at this time or before.
        """
        query = (
            "SELECT start, stop, answered_at, payload FROM batches "
            "WHERE ?1 IS NULL OR answered_at <= ?1 ORDER BY id"
        )
        with journal_errors(self.path):
            yield from map(BatchRow._make, self._connection.execute(query, (until,)))

    def count_batches(self) -> tuple[int, float | None, float | None]:
        """The number of batches, and the times of the first and the last answer."""
        with journal_errors(self.path):
            time = "CASE WHEN answered_at BETWEEN ?1 AND ?2 THEN answered_at END"
            query = f"SELECT count(*), min({time}), max({time}) FROM batches"  # noqa: S608
            batches, first, last = self._connection.execute(query, _TIME_RANGE).fetchone()
            return batches, first, last

    def runs(self) -> Iterator[RunRow]:
        """The runs, the first one first."""
        with journal_errors(self.path):
            yield from map(RunRow._make, self._connection.execute("SELECT * FROM runs ORDER BY id"))

    def last_run(self) -> int:
        """The number of the last run; 0 before the first."""
        with journal_errors(self.path):
            last: int = self._connection.execute("SELECT ifnull(max(id), 0) FROM runs").fetchone()[0]
            return max(last, 0)

    def integrity_problems(self) -> list[str]:
        """The problems that SQLite finds in the file; empty if there are none."""
        with journal_errors(self.path):
            found = [row[0] for row in self._connection.execute("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    # Writing.

    def create(self, values: dict[str, Any], parts: Iterable[bytes]) -> None:
        """Write the tables, the fingerprint of the run and its plan.

        A plan can be large, so its parts are separate transactions. Until it is whole, the journal counts
        as empty.
        """
        with journal_errors(self.path):
            self._create_tables(values)
            for number, part in enumerate(parts):
                self._execute("INSERT INTO plan VALUES (?, ?)", (number, part))
                failpoint("part")
            self._execute("INSERT INTO meta VALUES ('state', 'ready')")
            failpoint("ready")

    def _create_tables(self, values: dict[str, Any]) -> None:
        with self._transaction():
            for table, statement in _STATEMENTS.items():
                self._connection.execute(f"DROP TABLE IF EXISTS {table}")
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={JOURNAL_VERSION}")
            self._connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
            failpoint("begun")
        failpoint("created")

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Execute a statement in a transaction of its own."""
        with self._transaction():
            self._connection.execute(statement, values)

    def set_if_unknown(self, key: str, value: str) -> None:
        """Keep a value about the run that was unknown when the journal was created."""
        with journal_errors(self.path), self._transaction():
            update = "UPDATE meta SET value = ? WHERE key = ? AND value IS NULL"
            self._connection.execute(update, (value, key))

    def append(self, rows: Iterable[BatchRow], run: RunRow) -> None:
        """Write a group of finished batches and the state of their run, in one transaction."""
        insert = "INSERT INTO batches (start, stop, answered_at, payload) VALUES (?, ?, ?, ?)"
        with journal_errors(self.path):
            with self._transaction():
                failpoint("group")
                self._connection.executemany(insert, rows)
                self._connection.execute("REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", run)
                failpoint("inserted")
            failpoint("committed")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if not self._prepared:
            # Switch the mode at the first write, so that a refused journal is left untouched.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(f"PRAGMA synchronous={self._durability.upper()}")
            self._prepared = True
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # After a full disk or an I/O error SQLite may have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _check_format(self) -> None:
        """Refuse a file that is not a journal of this version."""
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            return
        if self._connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise JournalError(
                f"{str(self.path)!r} is a database, but not a journal of layercheck. Choose another path."
            )
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > JOURNAL_VERSION:
            raise JournalError(
                f"journal {str(self.path)!r} was written by a newer layercheck (format {version}; this "
                f"version knows {JOURNAL_VERSION}). Upgrade layercheck, or use another journal."
            )
        if version < 1:
            raise self.damaged("its version is missing")
        if version < JOURNAL_VERSION:
            raise JournalError(
                f"journal {str(self.path)!r} was written by an older layercheck (format {version}; this "
                f"version knows {JOURNAL_VERSION}). Finish it with that version, or use another journal."
            )
        self._check_tables()

    def _check_tables(self) -> None:
        """Refuse views and triggers, which could make a query endless or change what layercheck writes."""
        found = self._connection.execute("SELECT type, name, sql FROM sqlite_master WHERE type <> 'index'")
        expected = {("table", name, sql) for name, sql in _STATEMENTS.items()}
        present = [(kind, name, _on_one_line(sql)) for kind, name, sql in found]
        if not expected <= set(present) or any(kind != "table" for kind, _, _ in present):
            raise self.damaged("its tables are not those of a journal")
        query = "SELECT max(id) FROM batches UNION ALL SELECT max(id) FROM runs"
        if any(last is not None and last > _LAST_ID for (last,) in self._connection.execute(query)):
            raise self.damaged("its row numbers are too high")

    def damaged(self, problem: str) -> JournalError:
        """The error for a journal whose content is not as it was written."""
        return damaged(self.path, problem)


def _on_one_line(statement: str | None) -> str:
    return " ".join((statement or "").split())


_STATEMENTS = {each.split()[2]: _on_one_line(each) for each in _TABLES.split(";")[:-1]}
"""Table name to the statement that creates it, as SQLite keeps it."""
