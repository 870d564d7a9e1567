"""What stands in a journal's file: its tables, and how they are written and read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from layercheck._core import JOURNAL_VERSION
from layercheck.errors import JournalError
from layercheck.journal.database import connect, damaged, explained
from layercheck.journal.options import Durability

APPLICATION_ID = 0x6C63_6B6A  # "lckj": what makes a database a journal of ours, in its first hundred bytes
_LAST_ID = 1 << 62
"""Behind it SQLite would not number rows in their order for long."""
_TIMES = (-62_135_596_800, 253_402_300_799)
"""From the year 1 to the year 9999, in seconds since 1970: what can be a time."""
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


class Row(NamedTuple):
    """One finished batch: between which digests of the plan it is, when its answer came, and its outcome."""

    start: int
    stop: int
    answered_at: float
    payload: bytes


class RunRow(NamedTuple):
    """One run: how it went until it was written down last, the rest as JSON."""

    id: int
    started_at: float
    written_at: float
    ended: str
    stats: str
    errors: str


def failpoint(step: str) -> None:
    """A step of writing is done. Tests put something in its place that ends the process there."""


class Store:
    """An open journal. Several threads may use it, one at a time.

    Writes go through a write-ahead log. A process that dies at any instant leaves what was committed,
    and with `durability="full"` so does a machine that loses power; with "normal" that may lose
    the last commits, but no more. When it is closed the journal is a single file again, which can be read
    from read-only media too.

    Args:
        path: The file; made if it is not there, unless `read_only`.
        durability: "full" waits for the disk at each commit.
        read_only: Change nothing.

    Raises:
        JournalError: It cannot be opened, or is no journal of this version.
    """

    def __init__(self, path: Path, *, durability: Durability = "normal", read_only: bool = False) -> None:
        self.path = path
        if read_only and not path.is_file():
            raise JournalError(f"there is no journal {str(path)!r}")
        with explained(self.path):
            self._base = connect(path, read_only=read_only)
        try:
            with explained(self.path):
                self._look()
        except BaseException:
            self._base.close()
            raise
        self._read_only = read_only
        self._durability = durability
        self._prepared = False

    def close(self) -> None:
        """Make it a single file and let go of it."""
        try:
            if not self._read_only:
                failpoint("closing")
                # Fails while somebody reads; then the log stays beside it, and the next one takes it in.
                self._base.execute("PRAGMA busy_timeout=0")
                self._base.execute("PRAGMA journal_mode=DELETE")
                failpoint("merged")
        except sqlite3.Error:
            pass
        finally:
            self._base.close()

    # What is in it.

    @property
    def is_empty(self) -> bool:
        """Nothing was begun in it, or the plan was not yet whole when the process that wrote it ended.

        Raises:
            JournalError: It does not say that its plan is whole, but holds answers: these are kept.
        """
        meta = self.meta()
        if meta.get("state") == "ready":
            return False
        if meta and self.count()[0]:
            raise self.damaged("there are answers in it, but it does not say that its plan is whole")
        return True

    def meta(self) -> dict[str, Any]:
        """What stands there about the run."""
        with explained(self.path):
            tables = self._base.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()
            return dict(self._base.execute("SELECT key, value FROM meta")) if tables[0] else {}

    def parts(self) -> Iterator[bytes]:
        """The plan."""
        with explained(self.path):
            yield from (row[0] for row in self._base.execute("SELECT bytes FROM plan ORDER BY part"))

    def rows(self, *, until: float | None = None) -> Iterator[Row]:
        """The finished batches in the order in which they were written: of one digest the last counts.

        Args:
            until: Only those answered at this time or before.
        """
        query = (
            "SELECT start, stop, answered_at, payload FROM batches "
            "WHERE ?1 IS NULL OR answered_at <= ?1 ORDER BY id"
        )
        with explained(self.path):
            yield from map(Row._make, self._base.execute(query, (until,)))

    def count(self) -> tuple[int, float | None, float | None]:
        """How many batches were written, and when the first and the last of them was answered."""
        with explained(self.path):
            time = "CASE WHEN answered_at BETWEEN ?1 AND ?2 THEN answered_at END"
            query = f"SELECT count(*), min({time}), max({time}) FROM batches"  # noqa: S608
            batches, first, last = self._base.execute(query, _TIMES).fetchone()
            return batches, first, last

    def runs(self) -> Iterator[RunRow]:
        """The runs, the first one first."""
        with explained(self.path):
            yield from map(RunRow._make, self._base.execute("SELECT * FROM runs ORDER BY id"))

    def last_run(self) -> int:
        """The number of the last run; 0 before the first."""
        with explained(self.path):
            last: int = self._base.execute("SELECT ifnull(max(id), 0) FROM runs").fetchone()[0]
            return max(last, 0)

    def integrity(self) -> list[str]:
        """What SQLite itself finds wrong; nothing if all is well."""
        with explained(self.path):
            found = [row[0] for row in self._base.execute("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    # Writing.

    def create(self, values: dict[str, Any], parts: Iterable[bytes]) -> None:
        """Begin: the tables, what the run is, and its plan.

        The plan can be large, so it is no single transaction; until it is whole the journal counts as
        empty.
        """
        with explained(self.path):
            with self._transaction():
                for table, statement in _STATEMENTS.items():
                    self._base.execute(f"DROP TABLE IF EXISTS {table}")
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._base.execute(f"PRAGMA user_version={JOURNAL_VERSION}")
                self._base.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
                failpoint("begun")
            failpoint("created")
            for number, part in enumerate(parts):
                with self._transaction():
                    self._base.execute("INSERT INTO plan VALUES (?, ?)", (number, part))
                failpoint("part")
            with self._transaction():
                self._base.execute("INSERT INTO meta VALUES ('state', 'ready')")
            failpoint("ready")

    def learn(self, key: str, value: str) -> None:
        """What was not known of the run when it was begun."""
        with explained(self.path), self._transaction():
            unknown = "UPDATE meta SET value = ? WHERE key = ? AND value IS NULL"
            self._base.execute(unknown, (value, key))

    def append(self, rows: Iterable[Row], run: RunRow) -> None:
        """Write a group of finished batches, and how their run stands: all of it or nothing."""
        insert = "INSERT INTO batches (start, stop, answered_at, payload) VALUES (?, ?, ?, ?)"
        with explained(self.path):
            with self._transaction():
                failpoint("group")
                self._base.executemany(insert, rows)
                self._base.execute("REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", run)
                failpoint("inserted")
            failpoint("committed")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if not self._prepared:
            # Not before there is something to write: a journal that is refused stays as it is.
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute(f"PRAGMA synchronous={self._durability.upper()}")
            self._prepared = True
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            # After a full disk or an I/O error SQLite may have rolled back already.
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise

    def _look(self) -> None:
        """Refuse what is not ours."""
        tables = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            return
        if self._base.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise JournalError(
                f"{str(self.path)!r} is a database, but no journal of layercheck; use another journal"
            )
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version > JOURNAL_VERSION:
            raise JournalError(
                f"journal {str(self.path)!r} was written by a newer layercheck (format {version}, this one "
                f"knows {JOURNAL_VERSION}); upgrade layercheck, or use another journal"
            )
        if version < 1:
            raise self.damaged("it does not tell its version")
        if version < JOURNAL_VERSION:
            raise JournalError(
                f"journal {str(self.path)!r} was written by an older layercheck (format {version}, this one "
                f"knows {JOURNAL_VERSION}); finish it with that, or use another journal"
            )
        self._look_at_tables()

    def _look_at_tables(self) -> None:
        """A view or a trigger could keep us busy for ever, or change what we write."""
        found = self._base.execute("SELECT type, name, sql FROM sqlite_master WHERE type <> 'index'")
        ours = {name: ("table", name, sql) for name, sql in _STATEMENTS.items()}
        there = [(kind, name, _on_one_line(sql)) for kind, name, sql in found]
        if not set(ours.values()) <= set(there) or any(kind != "table" for kind, _, _ in there):
            raise self.damaged("its tables are not those of a journal")
        query = "SELECT max(id) FROM batches UNION ALL SELECT max(id) FROM runs"
        if any(last is not None and last > _LAST_ID for (last,) in self._base.execute(query)):
            raise self.damaged("its rows are numbered too high")

    def damaged(self, what: str) -> JournalError:
        """The error for a journal that is not as it was written."""
        return damaged(self.path, what)


def _on_one_line(statement: str | None) -> str:
    return " ".join((statement or "").split())


_STATEMENTS = {each.split()[2]: _on_one_line(each) for each in _TABLES.split(";")[:-1]}
"""What makes each table, as SQLite keeps it."""
