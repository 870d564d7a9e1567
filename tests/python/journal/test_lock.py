"""The lock beside a journal: one owner at a time, whom the error names, and no other file is touched."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

import layercheck as lc
from journal.conftest import Check
from layercheck.journal import lock as journal_lock
from layercheck.journal.lock import SUFFIX, JournalLock, owner_of


@pytest.fixture
def lock(journal: Path) -> Path:
    return journal.with_name(journal.name + SUFFIX)


def test_a_symbolic_link_in_place_of_the_lock_is_not_followed(
    check: Check, journal: Path, lock: Path
) -> None:
    mine = journal.with_name("mine.txt")
    mine.write_text("not a lock")
    lock.symlink_to(mine)
    with pytest.raises(lc.JournalError, match="cannot be written: too many levels of symbolic links"):
        check()
    assert mine.read_text() == "not a lock"


def test_an_owner_that_has_not_yet_written_its_name_is_waited_for_and_named(
    journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes start at once: the second looks after the first has locked, before it writes its name."""
    first = JournalLock(journal)
    owner = lock.read_bytes()
    lock.write_bytes(b"")
    waits: list[float] = []

    def write_name_meanwhile(seconds: float) -> None:
        waits.append(seconds)
        lock.write_bytes(owner)

    monkeypatch.setattr(time, "sleep", write_name_meanwhile)
    with pytest.raises(lc.JournalError, match=f"in use by process {os.getpid()} "):
        JournalLock(journal)
    assert len(waits) == 1
    first.close()
    assert not lock.exists()


def test_an_owner_that_never_writes_its_name_is_waited_for_only_a_limited_time(
    journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_lock, "_OWNER_NAME_WAIT_S", 0.02)
    with JournalLock(journal):
        lock.write_bytes(b"\xff not json")
        with pytest.raises(lc.JournalError, match=r"in use by another process\. Wait until"):
            JournalLock(journal)


def test_a_reader_that_looks_for_an_owner_does_not_keep_a_writer_out(
    journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.write_bytes(b"left behind by a killed process")
    with lock.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)

        def release(_: float) -> None:
            fcntl.flock(reader, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", release)
        with JournalLock(journal):
            owner = owner_of(journal)
            assert owner is not None
            assert owner.pid == os.getpid()


def test_closing_a_lock_does_not_remove_a_newer_lock_of_the_same_name(journal: Path, lock: Path) -> None:
    first = JournalLock(journal)
    lock.unlink()
    second = JournalLock(journal)
    first.close()
    with pytest.raises(lc.JournalError, match="in use by process"):
        JournalLock(journal)
    second.close()
    assert not lock.exists()


def test_if_many_start_at_once_one_gets_the_lock_and_the_others_name_it(journal: Path, lock: Path) -> None:
    rounds, racers = 50, 4
    gate = threading.Barrier(racers)
    won: list[int] = []
    messages: list[str] = []

    def race() -> None:
        for number in range(rounds):
            gate.wait(60)
            try:
                mine = JournalLock(journal)
            except lc.JournalError as error:
                mine = None
                messages.append(str(error))
            else:
                won.append(number)
            gate.wait(60)
            if mine is not None:
                mine.close()
            gate.wait(60)

    threads = [threading.Thread(target=race) for _ in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert won == list(range(rounds))
    assert len(messages) == rounds * (racers - 1)
    assert all(f"in use by process {os.getpid()} on" in each for each in messages)
    assert not lock.exists()


@pytest.mark.parametrize("step", ["_is_current", "_write_owner", "_lock_file"])
def test_a_lock_is_free_again_after_ctrl_c_in_its_opening(
    journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Free at once, although the exception and its frames are still there."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(JournalLock, step, interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            JournalLock(journal, create=True)
    assert caught.value.__traceback__ is not None
    with JournalLock(journal, create=True):
        pass
    assert not lock.exists()
