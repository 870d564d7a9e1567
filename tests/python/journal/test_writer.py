"""The writer: the number of unsaved batches is bounded, and no known verdict is lost."""

from __future__ import annotations

import contextlib
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
from layercheck.journal.resume import open_writer
from layercheck.journal.store import Store
from layercheck.journal.writer import JournalWriter, Notify
from layercheck.testing import LocalEcr
from layercheck.types import Target

BATCHES = 200


def is_idle(run: lc.Run) -> bool:
    """True if no call is in flight and none is due now."""
    with run._pool.lock:
        return run._execution.due(time.monotonic()) is None and run._execution._scheduler.in_flight == 0


def test_a_run_pauses_while_too_many_batches_wait_for_the_disk(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def start_later(self: JournalWriter, notify: Notify, snapshot: Callable[[], RunSnapshot]) -> None:
        self._notify, self._snapshot = notify, snapshot
        threads.append(self._thread)

    monkeypatch.setattr(writer, "UNSAVED", 16)
    monkeypatch.setattr(JournalWriter, "start", start_later)
    plan = lc.plan(digests(1_000), batch_size=1_000 // BATCHES)
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, rate="max", max_in_flight=4) as checker:
        run = checker.submit(plan, journal=journal)
        while not is_idle(run):
            os.sched_yield()
        assert 16 <= ecr.counters.calls <= 16 + 4
        threads[0].start()
        assert run.result(60).complete
    assert ecr.counters.calls == BATCHES
    with lc.Journal(journal) as opened:
        assert opened.status().complete


def test_the_end_of_a_run_writes_every_group_that_is_left(
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
        while not is_idle(run):
            os.sched_yield()
        asked = ecr.counters.calls
        # With this limit, the waiting batches make several groups.
        monkeypatch.setattr(writer, "UNSAVED", 2)
        run.cancel()
        feed = run._execution._journal
        assert feed is not None
        while not feed._writer._ending:
            os.sched_yield()
        released.set()
        with pytest.raises(lc.RunCancelled):
            run.result(60)
    with lc.Journal(journal) as opened:
        assert opened.status().settled == asked * (1_000 // BATCHES)


@pytest.mark.parametrize("step", ["group", "inserted"])
@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), MemoryError()], ids=type)
def test_one_failed_write_ends_the_run_and_its_verdicts_are_written_on_the_second_try(
    check: Check, journal: Path, ecr: LocalEcr, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    steps: list[str] = []

    def fail_once(name: str) -> None:
        steps.append(name)
        # The first group is the start of the run.
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


def test_the_report_is_complete_even_if_the_last_group_cannot_be_written(
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
    with pytest.raises(lc.JournalError, match="run the command again") as caught:
        check()
    assert caught.value.report is not None
    assert caught.value.report.complete
    assert caught.value.report.stats.ended == "journal"
    monkeypatch.undo()
    with lc.Journal(journal) as opened:
        assert opened.status().settled == 0


def calls_of_writing(journal: Path, batch_size: int) -> int:
    """Count the calls of Python and C functions that it takes to write a hundred batches of this size."""
    plan = lc.plan(digests(100 * batch_size), batch_size=batch_size)
    kept = open_writer(JournalOptions(journal), plan, Target("app"), None)
    for start in range(0, plan.unique, batch_size):
        layers = [
            {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": at}
            for at, digest in enumerate(plan.texts(start, start + batch_size))
        ]
        kept.ledger.merge(start, start + batch_size, {"layers": layers})
        kept.enqueue(start, start + batch_size)
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        kept._write(last=False)
    finally:
        sys.setprofile(None)
    kept.finish()
    with lc.Journal(journal) as opened:
        assert opened.report().unique_counts["available"] == 100 * batch_size
    return counted


@pytest.mark.usefixtures("no_collection")
def test_writing_makes_no_interpreter_level_call_per_digest(tmp_path: Path) -> None:
    one, many = (calls_of_writing(tmp_path / f"{size}.journal", size) for size in (1, 100))
    assert one == many
    # And fewer than ten per batch.
    assert many < 100 * 10


def test_batches_that_are_being_written_count_as_unsaved(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk does not answer a full group, the run does not ask a second one."""
    writing, answer = threading.Event(), threading.Event()
    steps: list[str] = []

    def failpoint(step: str) -> None:
        steps.append(step)
        # The first group is the start of the run.
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
        while not is_idle(run):
            os.sched_yield()
        assert 16 <= ecr.counters.calls <= 16 + 4
        answer.set()
        assert run.result(60).complete


@pytest.mark.parametrize(("durability", "synchronous"), [("normal", 1), ("full", 2)])
def test_each_commit_waits_for_the_disk_only_with_full_durability(
    check: Check, monkeypatch: pytest.MonkeyPatch, durability: str, synchronous: int
) -> None:
    """SQLite's values of `synchronous`: 1 syncs the log when SQLite merges it, 2 at each commit."""
    seen: set[tuple[str, int]] = set()
    transaction = Store._transaction

    @contextlib.contextmanager
    def transaction_and_pragmas(self: Store) -> Iterator[None]:
        with transaction(self):
            pragmas = [self._connection.execute(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")]
            seen.add(tuple(each.fetchone()[0] for each in pragmas))
            yield

    monkeypatch.setattr(Store, "_transaction", transaction_and_pragmas)
    check(durability=durability)
    assert seen == {("wal", synchronous)}
