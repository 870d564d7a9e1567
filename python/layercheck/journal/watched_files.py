"""Notices that a journal, or SQLite's log beside it, was removed, moved, replaced or cut in mid-run."""

from __future__ import annotations

import contextlib
from pathlib import Path

from layercheck.errors import JournalError
from layercheck.journal.file_lock import FileId

LOG_SUFFIXES = ("-wal", "-shm")
"""SQLite's log of a journal, and the index of that log, lie beside it under these names."""


class WatchedFiles:
    """Compares the files under the names of a journal with those that the run opened.

    SQLite writes on to a file that was removed, without an error, and nothing of it is kept.

    Args:
        path: The journal.
        opened: The file that was opened under this name.
    """

    def __init__(self, path: Path, opened: FileId) -> None:
        self._path = path
        self._opened = opened
        self._logs: dict[Path, FileId] = {}
        self._sizes: dict[Path, int] = {}

    def note_log(self) -> None:
        """Remember the files of the log, after the first write, which creates them."""
        for suffix in LOG_SUFFIXES:
            log = self._path.with_name(self._path.name + suffix)
            found = _file_id(log)
            if found is not None:
                self._logs[log] = found

    def check(self) -> None:
        """Check that every file is in its place and whole: one `stat` for each of the three.

        Raises:
            JournalError: A file is not; the message says what happened and what to do.
        """
        self.check_journal()
        for log, opened in self._logs.items():
            if _file_id(log) != opened:
                raise JournalError(
                    f"journal {str(self._path)!r}: its log {log.name!r} was removed or replaced in mid-run. "
                    "The journal keeps what was known until then. Leave the files beside a "
                    "journal alone, and run the command again to go on with it."
                )
        self._check_sizes()

    def check_journal(self) -> None:
        """Check that the journal itself is in its place.

        Raises:
            JournalError: It is not.
        """
        found = _file_id(self._path)
        if found == self._opened:
            return
        happened = "removed or moved in mid-run" if found is None else "replaced by another file in mid-run"
        raise JournalError(
            f"journal {str(self._path)!r} was {happened}, so it keeps nothing more of this run. If it was "
            "moved, move it back and run the command again to go on with it; otherwise name a new journal. "
            "The report has what is known."
        )

    def _check_sizes(self) -> None:
        """Check that journal and log are not shorter than before: SQLite itself shortens them at the end."""
        for path in (self._path, self._path.with_name(self._path.name + "-wal")):
            try:
                size = path.lstat().st_size
            except OSError:
                continue  # removed since: the next check says so
            if size < self._sizes.get(path, 0):
                raise JournalError(
                    f"journal {str(self._path)!r}: {path.name!r} was cut short in mid-run, so it may be "
                    "damaged. Run layercheck journal verify. If it is sound, run the command again to go "
                    "on with it; otherwise name a new journal. The report has what is known."
                )
            self._sizes[path] = size

    @property
    def in_place(self) -> bool:
        """Whether the journal itself is in its place."""
        return _file_id(self._path) == self._opened

    def remove_log(self) -> None:
        """Remove the log of a moved journal, because a log harms another file under the same name."""
        for log, opened in self._logs.items():
            if _file_id(log) == opened:
                with contextlib.suppress(OSError):
                    log.unlink()


def _file_id(path: Path) -> FileId | None:
    """The file under a name; None if there is none, or if it cannot be reached any more."""
    try:
        return FileId.of(path.lstat())
    except OSError:
        return None
