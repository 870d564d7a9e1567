"""One journal has one writer, whatever names its file has."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sqlite3
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

import layercheck as lc
from journal.conftest import Check, table
from layercheck.journal.filesystems import is_mounted_alone
from layercheck.journal.lock import JournalLock, owner_of
from layercheck.testing import LocalEcr

CONTEXT = multiprocessing.get_context("spawn")


def hold(path: Path, held: Event, released: Event) -> None:
    with JournalLock(path, create=True):
        held.set()
        released.wait(60)


class Holder:
    """Another process that holds a journal's lock."""

    def __init__(self, path: Path) -> None:
        held, self._released = CONTEXT.Event(), CONTEXT.Event()
        self.process = CONTEXT.Process(target=hold, args=(path, held, self._released))
        self.process.start()
        assert held.wait(60)

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self.process.join(60)


@pytest.mark.parametrize("begun", [False, True], ids=["empty", "begun"])
def test_a_journal_with_a_hard_link_is_refused_under_both_names(
    check: Check, ecr: LocalEcr, journal: Path, begun: bool
) -> None:
    if begun:
        check()
    else:
        journal.touch()
    second = journal.with_name("second")
    os.link(journal, second)
    before, calls = journal.read_bytes(), ecr.counters.requests
    for name in (journal, second):
        with pytest.raises(lc.JournalError, match=r"file with several names \(hard links\).*Use a copy"):
            check(journal=name)
    assert (journal.read_bytes(), ecr.counters.requests) == (before, calls)
    assert sorted(each.name for each in journal.parent.iterdir()) == [journal.name, second.name]
    second.unlink()
    assert check().complete


def test_a_hard_link_made_in_mid_run_does_not_let_a_second_process_in(check: Check, journal: Path) -> None:
    with Holder(journal):
        second = journal.with_name("second")
        os.link(journal, second)
        with pytest.raises(lc.JournalError, match=r"in use by process|several names"):
            check(journal=second)


def test_a_journal_that_is_moved_in_mid_run_stays_locked_and_its_owner_is_named(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    check()
    calls = ecr.counters.calls
    with Holder(journal) as holder:
        second = journal.with_name("second")
        journal.rename(second)
        for _ in range(2):
            message = f"in use by process {holder.process.pid}, which opened it under another name"
            with pytest.raises(lc.JournalError, match=message):
                check(journal=second)
        assert owner_of(second) is None
    assert ecr.counters.calls == calls
    assert table(check(journal=second)) == table(check(journal=None))


def test_a_second_run_in_the_same_process_is_refused_under_another_name(check: Check, journal: Path) -> None:
    with JournalLock(journal, create=True):
        second = journal.with_name("second")
        journal.rename(second)
        with pytest.raises(lc.JournalError, match=f"in use by process {os.getpid()}, which opened it under"):
            check(journal=second)
    assert check(journal=second).complete


def test_a_journal_whose_owner_was_killed_is_free_under_its_new_name(check: Check, journal: Path) -> None:
    holder = Holder(journal)
    second = journal.with_name("second")
    journal.rename(second)
    assert holder.process.pid is not None
    os.kill(holder.process.pid, signal.SIGKILL)
    holder.process.join(60)
    assert check(journal=second).complete


def test_every_path_to_the_one_name_is_the_same_journal(
    check: Check, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = journal.parent
    (folder / "deep").mkdir()
    (folder / "link").symlink_to(journal)
    (folder / "way").symlink_to(folder)
    monkeypatch.chdir(folder)
    paths = ["audit.journal", "deep/../audit.journal", "link", "way/audit.journal", "way/way/link"]
    with JournalLock(journal, create=True):
        for path in paths:
            with pytest.raises(lc.JournalError, match=f"in use by process {os.getpid()} "):
                check(journal=path)
    check(journal=paths[0])
    for path in paths:
        assert check(journal=path).stats.restored == 1_000


def test_a_reader_in_the_same_process_keeps_its_locks_when_a_run_ends(check: Check, journal: Path) -> None:
    """Closing a descriptor of a file drops the locks of SQLite in this process, also those of a reader."""
    first = check()
    # A log, as a killed run leaves it.
    base = sqlite3.connect(journal)
    base.execute("PRAGMA journal_mode=WAL")
    with lc.Journal(journal) as reader:
        base.close()
        batches = reader._store._connection.execute("SELECT id FROM batches")
        assert batches.fetchone() is not None
        assert table(check()) == table(first)
        # Another process cannot take the file from this reader, because its lock is still there.
        other = CONTEXT.Process(target=take_the_file, args=(journal,))
        other.start()
        other.join(60)
        assert other.exitcode == 0
        batches.close()
    assert table(check()) == table(first)


def take_the_file(journal: Path) -> None:
    """Leave with 0 if SQLite refuses to lock the whole file."""
    base = sqlite3.connect(journal, timeout=0)
    try:
        base.execute("PRAGMA locking_mode=EXCLUSIVE")
        base.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return
    finally:
        base.close()
    raise SystemExit(1)


def test_no_descriptor_is_left_open(check: Check, journal: Path) -> None:
    for _ in range(3):
        check()
    gc.collect()
    before = len(list(Path("/dev/fd").iterdir()))
    check()
    with lc.Journal(journal):
        check()
        check()
    with pytest.raises(lc.JournalError), JournalLock(journal, create=True):
        check()
    gc.collect()
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_file_that_is_mounted_alone_is_recognized(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "30 22 254:0 /srv/audit.journal /data/audit.journal rw - ext4 /dev/vda rw\n"
    )
    assert is_mounted_alone(Path("/data/audit.journal"), mounts)
    assert not is_mounted_alone(Path("/data/other.journal"), mounts)
    assert not is_mounted_alone(Path("/data/audit.journal"), tmp_path / "none")


def test_a_journal_that_is_mounted_alone_is_refused(
    check: Check, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layercheck.journal.lock.is_mounted_alone", lambda path: True)
    with pytest.raises(lc.JournalError, match=r"a single file that was mounted here.*Mount its folder"):
        check()
    assert not journal.exists()
