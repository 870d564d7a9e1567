"""The lock beside a journal: one at a time, named to everyone else, and no way to somebody else's file."""

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


def test_a_link_in_its_place_is_not_followed(check: Check, journal: Path, lock: Path) -> None:
    mine = journal.with_name("mine.txt")
    mine.write_text("dear to me")
    lock.symlink_to(mine)
    with pytest.raises(lc.JournalError, match="cannot be written: too many levels of symbolic links"):
        check()
    assert mine.read_text() == "dear to me"


def test_who_is_about_to_sign_is_named(journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that start at the same instant: the second comes between the lock and the name on it."""
    first = JournalLock(journal)
    signature = lock.read_bytes()
    lock.write_bytes(b"")
    glances: list[float] = []

    def sign_meanwhile(seconds: float) -> None:
        glances.append(seconds)
        lock.write_bytes(signature)

    monkeypatch.setattr(time, "sleep", sign_meanwhile)
    with pytest.raises(lc.JournalError, match=f"in use by process {os.getpid()} "):
        JournalLock(journal)
    assert len(glances) == 1
    first.close()
    assert not lock.exists()


def test_an_owner_who_does_not_sign_is_not_waited_for_for_ever(
    journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_lock, "_SIGNING_S", 0.02)
    with JournalLock(journal):
        lock.write_bytes(b"\xff not json")
        with pytest.raises(lc.JournalError, match="in use by another process; wait until that has ended"):
            JournalLock(journal)


def test_a_reader_who_looks_for_an_owner_keeps_nobody_out(
    journal: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.write_bytes(b"left behind by one that was killed")
    with lock.open("rb") as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)

        def look_away(_: float) -> None:
            fcntl.flock(glance, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", look_away)
        with JournalLock(journal):
            owner = owner_of(journal)
            assert owner is not None
            assert owner.pid == os.getpid()


def test_what_took_the_place_of_the_lock_is_not_removed(journal: Path, lock: Path) -> None:
    first = JournalLock(journal)
    lock.unlink()
    second = JournalLock(journal)
    first.close()
    with pytest.raises(lc.JournalError, match="in use by process"):
        JournalLock(journal)
    second.close()
    assert not lock.exists()


def test_of_many_that_start_at_once_one_wins_and_is_named(journal: Path, lock: Path) -> None:
    rounds, racers = 50, 4
    gate = threading.Barrier(racers)
    won: list[int] = []
    said: list[str] = []

    def race() -> None:
        for number in range(rounds):
            gate.wait(60)
            try:
                mine = JournalLock(journal)
            except lc.JournalError as error:
                mine = None
                said.append(str(error))
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
    assert len(said) == rounds * (racers - 1)
    assert all(f"in use by process {os.getpid()} on" in each for each in said)
    assert not lock.exists()
