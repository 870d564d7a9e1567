"""`Checker.stream`: blocks of rows without end, left early or closed by the collector."""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dispatch.gate import Gate
from dispatch.quick_checker import ROWS, checker_for
from dispatch.scripted_server import Asked, Reply, ScriptedServer, good


def test_an_endless_stream_is_answered_block_by_block() -> None:
    taken = 0

    def rows() -> Iterator[str]:
        nonlocal taken
        while True:
            yield ROWS[taken % 5000]
            taken += 1

    with ScriptedServer() as server, checker_for(server) as checker:
        answers = checker.stream(rows(), block_rows=300)
        first, second = next(answers), next(answers)
        assert (first.first_row, second.first_row, first.rows) == (0, 300, 300)
        assert first.counts["available"] == sum(
            digest in set(ROWS[:300]) for digest in first.digests("available")
        )
        assert second.report.complete
        assert len(second.verdicts) == 300
        assert taken <= 300 * 4
        answers.close()  # type: ignore[attr-defined]
    assert len(server.asked) <= 3 * 4


def test_a_finite_stream_answers_every_row() -> None:
    with ScriptedServer() as server, checker_for(server) as checker:
        answers = list(checker.stream(iter(ROWS), block_rows=1234))
    assert [answer.first_row for answer in answers] == [0, 1234, 2468, 3702, 4936]
    assert sum(answer.rows for answer in answers) == len(ROWS)


def test_leaving_a_stream_early_stops_its_calls() -> None:
    with ScriptedServer() as server, checker_for(server, rate=50) as checker:
        for answer in checker.stream([*ROWS[:1] * 1000, *ROWS], block_rows=1000):
            assert answer.report.complete
            break
    # The first block took one call. Two blocks of ten calls each were in flight, and closing the checker
    # waits for the calls that still are.
    assert 1 <= len(server.asked) < 15


class OwnedLock:
    """A lock that raises if its owner acquires it again, where a plain lock would block for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout < 0 and self._owner == threading.get_ident():
            raise RuntimeError("this thread waits for itself")
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            self._owner = threading.get_ident()
        return taken

    def release(self) -> None:
        self._owner = None
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@pytest.mark.parametrize("held", [True, False], ids=["by a thread with the lock", "by one without"])
def test_a_stream_closed_by_the_garbage_collector_does_not_wait_for_a_lock(
    gate: Gate, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_block_and_some(asked: Asked) -> Reply:
        # Another thread may make seven calls before the first block's one is sent.
        return good(asked) if asked.digests == tuple(ROWS[:1]) else gate(asked)

    unraisable: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: unraisable.append(told.exc_value))
    with ScriptedServer(first_block_and_some) as server, checker_for(server, max_in_flight=2) as checker:
        lock: Any = OwnedLock()
        pool = checker._connection.pool
        pool.lock = pool.deferred._lock = lock
        # The first block takes one call, the next two ten calls each, and the gate holds most of these.
        rows = itertools.chain(ROWS[:1] * 1000, itertools.cycle(ROWS))
        answers = checker.stream(rows, block_rows=1000)
        assert next(answers).report.complete
        runs = list(checker._registry.runs)
        assert gate.held.wait(60)
        cycle: list[Any] = [answers]
        cycle.append(cycle)
        del answers, cycle
        assert not any(run.done() for run in runs)
        with lock if held else contextlib.nullcontext():
            gc.collect()
            assert unraisable == []
        for run in runs:
            run._wait()
            assert run.cancelled()
        assert len(runs) == 2
