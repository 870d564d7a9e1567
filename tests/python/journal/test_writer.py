"""Writing while the run goes on: what is not yet on disk is bounded, and nothing known is lost."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

import layercheck as lc
from fake_account import digests
from journal.conftest import Check, table
from layercheck.journal import store, writer
from layercheck.journal.history import RunSnapshot
from layercheck.journal.options import JournalOptions
from layercheck.journal.resume import begin
from layercheck.journal.store import Store
from layercheck.journal.writer import JournalWriter, Tell
from layercheck.testing import LocalEcr
from layercheck.types import Target

BATCHES = 200


def at_rest(run: lc.Run) -> bool:
    """Nothing is under way, and nothing is to be asked now."""
    with run._workers.lock:
        return run._drive.due(time.monotonic()) is None and not run._drive._scheduler.in_flight


def test_no_more_is_asked_than_may_wait_for_the_disk(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[threading.Thread] = []

    def start_later(self: JournalWriter, tell: Tell, stand: Callable[[], RunSnapshot]) -> None:
        self._tell, self._stand = tell, stand
        begun.append(self._thread)

    monkeypatch.setattr(writer, "UNSAVED", 16)
    monkeypatch.setattr(JournalWriter, "start", start_later)
    plan = lc.plan(digests(1_000), batch_size=1_000 // BATCHES)
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, rate="max", max_in_flight=4) as checker:
        run = checker.submit(plan, journal=journal)
        while not at_rest(run):
            os.sched_yield()
        assert 16 <= ecr.counters.calls <= 16 + 4
        begun[0].start()
        assert run.result(60).complete
    assert ecr.counters.calls == BATCHES
    with lc.Journal(journal) as opened:
        assert opened.status().complete


def test_at_the_end_the_rest_is_written_however_many_groups_it_takes(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def block(step: str) -> None:
        if step == "group":
            assert released.wait(60)

    monkeypatch.setattr(writer, "GROUP", 1)
    monkeypatch.setattr(writer, "UNSAVED", 16)
    monkeypatch.setattr(store, "failpoint", block)
    plan = lc.plan(digests(1_000), batch_size=1_000 // BATCHES)
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, rate="max", max_in_flight=4) as checker:
        run = checker.submit(plan, journal=journal)
        while not at_rest(run):
            os.sched_yield()
        asked = ecr.counters.calls
        # Then what waits is several groups.
        monkeypatch.setattr(writer, "UNSAVED", 2)
        run.cancel()
        kept = run._drive._writer
        assert kept is not None
        while not kept._ending:
            os.sched_yield()
        released.set()
        with pytest.raises(lc.RunCancelled):
            run.result(60)
    with lc.Journal(journal) as opened:
        assert opened.status().settled == asked * (1_000 // BATCHES)


@pytest.mark.parametrize("step", ["group", "inserted"])
@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), MemoryError()], ids=type)
def test_when_writing_fails_once_the_run_ends_and_what_is_known_is_written_after_all(
    check: Check, journal: Path, ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    steps: list[str] = []

    def fail_once(name: str) -> None:
        steps.append(name)
        # Before that the beginning of the run is written down.
        if name == step and steps.count(step) == 2:
            raise error

    monkeypatch.setattr(store, "failpoint", fail_once)
    monkeypatch.setattr(writer, "GROUP", 2)
    ecr.set_latency(5)
    with pytest.raises(lc.JournalError) as caught:
        check(max_in_flight=1)
    report = caught.value.report
    assert report is not None
    assert report.stats.ended == "journal"
    assert sum(report.counts.values()) == report.rows
    known = 1_000 - report.unique_counts["not_checked"]
    assert 200 <= known < 1_000
    with lc.Journal(journal) as opened:
        assert opened.status().settled == known
        assert opened.verify() == []
    ecr.set_latency(0)
    again = check()
    assert again.stats.restored == known
    assert table(again) == table(check(journal=None))


def test_when_only_the_last_group_fails_the_report_is_whole(
    check: Check, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def fail(name: str) -> None:
        steps.append(name)
        if name == "group" and steps.count("group") > 1:
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(writer, "GROUP", 1_000)
    monkeypatch.setattr(writer, "GROUP_S", 60.0)
    monkeypatch.setattr(store, "failpoint", fail)
    with pytest.raises(lc.JournalError, match="run it again") as caught:
        check()
    assert caught.value.report is not None
    assert caught.value.report.complete
    monkeypatch.undo()
    with lc.Journal(journal) as opened:
        assert opened.status().settled == 0


def calls_of_writing(journal: Path, batch_size: int) -> int:
    """Calls that the interpreter makes, or Python makes of C, to write a hundred batches of this size."""
    plan = lc.plan(digests(100 * batch_size), batch_size=batch_size)
    kept = begin(JournalOptions(journal), plan, Target("app"), None)
    for start in range(0, plan.unique, batch_size):
        layers = [
            {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": at}
            for at, digest in enumerate(plan.texts(start, start + batch_size))
        ]
        kept.ledger.merge(start, start + batch_size, {"layers": layers})
        kept.settled(start, start + batch_size)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    # What the collector calls is nobody's business here.
    gc.disable()
    sys.setprofile(count)
    try:
        kept._write(last=False)
    finally:
        sys.setprofile(None)
        gc.enable()
    kept.finish()
    with lc.Journal(journal) as opened:
        assert opened.report().unique_counts["available"] == 100 * batch_size
    return counted


def test_writing_makes_no_interpreter_level_call_for_a_digest(tmp_path: Path) -> None:
    one, many = (calls_of_writing(tmp_path / f"{size}.journal", size) for size in (1, 100))
    assert one == many
    # Nor many for a batch.
    assert many < 100 * 10


def test_what_is_being_written_is_not_yet_on_disk(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole group is at the disk, which does not answer: no second one is asked meanwhile."""
    writing, answer = threading.Event(), threading.Event()
    steps: list[str] = []

    def failpoint(step: str) -> None:
        steps.append(step)
        # Before that the beginning of the run is written down.
        if step == "group" and steps.count(step) == 2:
            writing.set()
            assert answer.wait(60)

    monkeypatch.setattr(writer, "UNSAVED", 16)
    monkeypatch.setattr(writer, "GROUP", 16)
    monkeypatch.setattr(writer, "GROUP_S", 60.0)
    monkeypatch.setattr(store, "failpoint", failpoint)
    plan = lc.plan(digests(1_000), batch_size=1_000 // BATCHES)
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, rate="max", max_in_flight=4) as checker:
        run = checker.submit(plan, journal=journal)
        assert writing.wait(60)
        while not at_rest(run):
            os.sched_yield()
        assert 16 <= ecr.counters.calls <= 16 + 4
        answer.set()
        assert run.result(60).complete


@pytest.mark.parametrize(("durability", "synchronous"), [("normal", 1), ("full", 2)])
def test_each_commit_waits_for_the_disk_only_if_the_machine_counts(
    check: Check, monkeypatch: pytest.MonkeyPatch, durability: str, synchronous: int
) -> None:
    """SQLite's own words for it: 1 syncs the log when it is taken in, 2 at each commit."""
    seen: set[tuple[str, int]] = set()
    transaction = Store._transaction

    @contextlib.contextmanager
    def look(self: Store) -> Iterator[None]:
        with transaction(self):
            pragmas = [self._base.execute(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
            seen.add(tuple(each.fetchone()[0] for each in pragmas))
            yield

    monkeypatch.setattr(Store, "_transaction", look)
    check(durability=durability)
    assert seen == {("wal", synchronous)}
