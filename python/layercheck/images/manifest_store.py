"""`ManifestStore`: a file that keeps what manifests say, so that each is read once."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from layercheck.errors import ManifestStoreError
from layercheck.journal.database import connect

APPLICATION_ID = 0x6C63_6D73
"""`lcms`, in the header of the file: marks an SQLite database as a store of manifests."""

VERSION = 1

# With row ids: the rows are too long for a tree ordered by digest, which would take a page for each.
_TABLE = "CREATE TABLE manifests (digest BLOB NOT NULL UNIQUE, parts BLOB NOT NULL)"
_PER_QUERY = 500

_WAIT_S = 10.0
"""Longest wait for another process that makes the table, seconds."""

_PAUSE_S = 0.02


class ManifestStore:
    """Keeps the parts that manifests name, by the digest of the manifest. Thread-safe.

    A manifest never changes, because its name is the hash of its bytes. So what is kept is valid for ever,
    for every repository and account, and several processes may use the same file at once. A manifest is
    verified before it is kept. What is damaged in the file is read again from the service.

    Args:
        path: The file; created if it does not exist.

    Raises:
        ManifestStoreError: The file cannot be opened, or is not a store of this version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        self._lock = threading.Lock()
        with self._errors("opened"):
            self._connection = connect(self.path, read_only=False)
        try:
            with self._errors("opened"):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def get(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Return what is kept of these manifests, by digest; those that are not kept are left out.

        Raises:
            ManifestStoreError: The file cannot be read.
        """
        found: dict[str, bytes] = {}
        for at in range(0, len(digests), _PER_QUERY):
            keys = [bytes.fromhex(each.removeprefix("sha256:")) for each in digests[at : at + _PER_QUERY]]
            marks = ",".join("?" * len(keys))
            query = f"SELECT digest, parts FROM manifests WHERE digest IN ({marks})"  # noqa: S608 (only marks)
            with self._lock, self._errors("read"):
                rows = self._connection.execute(query, keys).fetchall()
            for key, parts in rows:
                if isinstance(key, bytes) and isinstance(parts, bytes):
                    found["sha256:" + key.hex()] = parts
        return found

    def put(self, parts: Mapping[str, bytes]) -> None:
        """Keep what manifests say.

        Args:
            parts: Projections of the core, by digest; empty ones are left out.

        Raises:
            ManifestStoreError: The file cannot be written.
        """
        rows = [
            (bytes.fromhex(digest.removeprefix("sha256:")), value) for digest, value in parts.items() if value
        ]
        with self._lock, self._errors("written"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR REPLACE INTO manifests VALUES (?, ?)", rows)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def __len__(self) -> int:
        """The number of manifests kept."""
        with self._lock, self._errors("read"):
            (count,) = self._connection.execute("SELECT count(*) FROM manifests").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ManifestStore({str(self.path)!r})"

    def _prepare(self) -> None:
        """Make the table in an empty file. Another process may be making it just now."""
        until = time.monotonic() + _WAIT_S
        while True:
            try:
                self._make()
                return
            except sqlite3.OperationalError as error:
                # SQLite does not wait by itself for a change of the journal mode.
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(_PAUSE_S)

    def _make(self) -> None:
        with self._transaction("BEGIN"):  # so that all that is read is of one moment
            if self._is_store():
                return
        self._connection.execute("PRAGMA journal_mode=WAL")
        with self._transaction("BEGIN IMMEDIATE"):
            if not self._is_store():
                self._connection.execute(_TABLE)
                self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version={VERSION}")

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _is_store(self) -> bool:
        """Whether the file is a store; False if it is empty.

        Raises:
            ManifestStoreError: It is something else.
        """
        execute = self._connection.execute
        (marked,), (version,) = (
            execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        tables = execute("SELECT name, type FROM sqlite_master ORDER BY name").fetchall()
        if marked == APPLICATION_ID and version != VERSION:
            raise ManifestStoreError(
                f"manifest store {str(self.path)!r} is of version {version} and this layercheck writes "
                f"version {VERSION}; choose another file"
            )
        if not (marked or version or tables):
            return False
        named = [(name, kind) for name, kind in tables if not name.startswith("sqlite_")]
        if (marked, named) != (APPLICATION_ID, [("manifests", "table")]):
            raise ManifestStoreError(f"{str(self.path)!r} is not a manifest store; choose another file")
        return True

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "") or ""
            if name.startswith("SQLITE_NOTADB"):
                raise ManifestStoreError(
                    f"{str(self.path)!r} is not a manifest store; choose another file"
                ) from error
            raise ManifestStoreError(
                f"manifest store {str(self.path)!r} cannot be {what}: {error}; check the file, its folder "
                "and the disk, or leave it out"
            ) from error
