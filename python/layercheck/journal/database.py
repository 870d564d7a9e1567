"""The SQLite database of a journal: opens it, and translates its errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layercheck.errors import JournalError

_BUSY_TIMEOUT_S = 10.0
_MAX_VALUE_BYTES = 64 << 20
"""The longest value that is read: several times the longest that is written, a part of a plan."""
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_TOOBIG", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
_HELD = (
    "another program holds it (a backup, or an SQLite shell?). End that program and run the command again."
)
_MESSAGES = {
    "SQLITE_FULL": "the disk is full. Free some space and run the command again.",
    "SQLITE_IOERR": "the disk reports an input/output error. Check the disk, then run the command again.",
    "SQLITE_READONLY": "it cannot be written. Make the file and its folder writable, or choose another path.",
    # SQLite does not tell why. It reports the same if it cannot create the log beside the journal.
    "SQLITE_CANTOPEN": "it cannot be opened. Check the permissions of file and folder, and the disk space.",
    "SQLITE_PERM": "it cannot be opened. Check the permissions of file and folder.",
    "SQLITE_NOTADB": "this file is not a journal. Choose another path.",
    "SQLITE_BUSY": _HELD,
    "SQLITE_LOCKED": _HELD,
    **dict.fromkeys(_DAMAGE, ""),
}


def damaged(path: Path, problem: str) -> JournalError:
    """The error for a journal whose content is not as it was written."""
    return JournalError(
        f"journal {str(path)!r} is damaged: {problem}. Run layercheck journal verify to see what is left of "
        "it, and start again with another journal."
    )


@contextmanager
def journal_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as `JournalError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(path, error) from error


def _translate(path: Path, error: sqlite3.Error) -> JournalError:
    name = getattr(error, "sqlite_errorname", "") or ""
    family = next((known for known in _MESSAGES if name.startswith(known)), "")
    if family in _DAMAGE:
        return damaged(path, str(error))
    message = _MESSAGES.get(family, f"{error}. Check the disk, then run the command again.")
    return JournalError(f"journal {str(path)!r}: {message}")


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open the database; create it unless `read_only`. Raises SQLite's errors as they are."""
    # SQLite's check of threads is off, because only one thread writes while all others have ended or have
    # not started.
    mode = "ro" if read_only else "rwc"
    uri = f"{path.as_uri()}?mode={mode}"
    connection = _harden(
        sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    )
    if not read_only:
        return connection
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # In a read-only folder SQLite cannot open the log of a killed run. Without a log, the file holds
        # everything.
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        return _harden(
            sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False)
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _harden(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Guard against a crafted file, because anybody may have made it (https://www.sqlite.org/security.html)."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    # Text that is not UTF-8 becomes a wrong value like any other, so that the rest can still be read.
    connection.text_factory = lambda text: str(text, "utf-8", "replace")
    return connection
