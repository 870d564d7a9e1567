"""The database that a journal is: how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layercheck.errors import JournalError

_BUSY_S = 10.0
_LONGEST = 64 << 20
"""Bytes of a value that is read: several times the largest that is written, a part of a plan."""
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_FORMAT", "SQLITE_TOOBIG", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
_MEANINGS = {
    "SQLITE_FULL": "the disk is full; make room and run it again",
    "SQLITE_IOERR": "the disk reports an input/output error; see what is wrong with it, then run it again",
    "SQLITE_READONLY": "it cannot be written; make file and folder writable, or use another journal",
    # It does not tell why; a log beside it that cannot be made says the same.
    "SQLITE_CANTOPEN": "it cannot be opened; check the permissions of file and folder, and the room on disk",
    "SQLITE_PERM": "it cannot be opened; check the permissions of file and folder",
    "SQLITE_NOTADB": "this file is no journal; use another journal",
    "SQLITE_BUSY": "another program holds it (a backup, or an SQLite shell?); end that and run it again",
    "SQLITE_LOCKED": "another program holds it (a backup, or an SQLite shell?); end that and run it again",
    **dict.fromkeys(_DAMAGE, ""),
}


def damaged(path: Path, what: str) -> JournalError:
    """The error for a journal that is not as it was written."""
    return JournalError(
        f"journal {str(path)!r} is damaged: {what}; see what is left of it with "
        "layercheck journal verify, and begin again with another journal"
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> JournalError:
    name = getattr(error, "sqlite_errorname", "") or ""
    family = next((known for known in _MEANINGS if name.startswith(known)), "")
    if family in _DAMAGE:
        return damaged(path, str(error))
    what = _MEANINGS.get(family, f"{error}; see what is wrong with the disk, then run it again")
    return JournalError(f"journal {str(path)!r}: {what}")


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open it, or make it unless `read_only`. What SQLite raises is left to `explained`."""
    # Which thread is who's business is ours: one writes, and the others have ended or not yet begun.
    mode = "ro" if read_only else "rwc"
    uri = f"{path.as_uri()}?mode={mode}"
    base = _careful(
        sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    )
    if not read_only:
        return base
    try:
        base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # The log of a run that was killed cannot be opened in a folder that is read-only; without a log
        # there is nothing but the file.
        base.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        return _careful(
            sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False)
        )
    except BaseException:
        base.close()
        raise
    return base


def _careful(base: sqlite3.Connection) -> sqlite3.Connection:
    """The file can be anybody's (https://www.sqlite.org/security.html)."""
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    base.execute("PRAGMA trusted_schema=OFF")
    base.execute("PRAGMA cell_size_check=ON")
    # Text that is no UTF-8 is a wrong value like any other, and no reason to read nothing at all.
    base.text_factory = lambda text: str(text, "utf-8", "replace")
    return base
