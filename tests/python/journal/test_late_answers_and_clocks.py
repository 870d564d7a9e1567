"""Late answers, wrong clocks and the largest numbers: the report and the journal agree."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import layercheck as lc
from fake_account import digests
from journal.conftest import Check, table
from layercheck.dispatch.schedule.exchange import Exchange
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.schedule.workers import CallAbandonedExit
from layercheck.journal import resume, store, writer
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import Fault, LocalEcr


class LateAnswer:
    """Holds back the answer to the first call until `let_in` is set.

    The thread waits in Python, because an abandoned call can be ended there. In the core it cannot.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here, self.let_in, self.taken = threading.Event(), threading.Event(), threading.Event()
        self._merge: Callable[..., Any] = Exchange._merge
        monkeypatch.setattr(
            Exchange, "_merge", lambda exchange, call, answer: self._wait(exchange, call, answer)
        )

    def _wait(self, exchange: Exchange, call: Any, answer: Any) -> Any:
        if call.start or self.here.is_set():
            return self._merge(exchange, call, answer)
        self.here.set()
        while not self.let_in.is_set():
            try:
                self.let_in.wait(60)
            except CallAbandonedExit:
                continue
        try:
            return self._merge(exchange, call, answer)
        finally:
            self.taken.set()


def test_an_answer_after_the_end_of_the_run_changes_nothing(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = LateAnswer(monkeypatch)
    limits = Limits(grace_s=0.01, tick_s=0.01)
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, max_in_flight=1, _limits=limits) as checker:
        run = checker.submit(digests(300), journal=journal)
        assert late.here.wait(60)
        run.cancel()
        assert isinstance(run.exception(60), lc.RunCancelled)
        reported = table(run.report())
        late.let_in.set()
        assert late.taken.wait(60)
        assert table(run.report()) == reported
    assert {line["verdict"] for line in reported} == {"unanswered", "not_checked"}
    with lc.Journal(journal) as opened:
        assert table(opened.report()) == reported


def test_an_answer_to_an_abandoned_call_is_in_the_journal_if_it_is_in_the_report(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = LateAnswer(monkeypatch)
    monkeypatch.setattr(writer, "GROUP", 1)
    written = threading.Event()
    given_up = threading.Event()

    def failpoint(step: str) -> None:
        if step == "committed" and given_up.is_set():
            written.set()

    monkeypatch.setattr(store, "failpoint", failpoint)
    give_up = Execution._give_up

    def note(execution: Execution, *about: Any) -> None:
        given_up.set()
        give_up(execution, *about)

    monkeypatch.setattr(Execution, "_give_up", note)

    # The other calls may be given up between two looks at the progress, and the run must not end then.
    is_over = Execution.is_over
    monkeypatch.setattr(
        Execution, "is_over", lambda execution, now: late.taken.is_set() and is_over(execution, now)
    )

    def let_in(_: lc.Progress) -> None:
        if given_up.is_set() and not late.let_in.is_set():
            assert written.wait(60)
            late.let_in.set()
            assert late.taken.wait(60)

    # The late answer is to the first call; every later call for its digests fails, until they are given up.
    ecr.set_faults([Fault("server_error", calls=(4, None))])
    limits = Limits(retry=RetryPolicy(attempts=1), call_deadline_s=2.0, tick_s=0.01)
    with lc.Checker("app", endpoint_url=ecr.endpoint_url, max_in_flight=2, _limits=limits) as checker:
        report = checker.check(digests(300), journal=journal, progress=let_in)
    assert late.taken.is_set()
    assert report.complete
    with lc.Journal(journal) as opened:
        assert table(opened.report()) == table(report)


def test_the_largest_layer_size_is_restored_from_the_journal(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    ecr.put("app", digests(3)[:1], size=2**63 - 1)
    first = check()
    assert first.table().lines(0, 1)[0]["size"] == 2**63 - 1
    with lc.Journal(journal) as opened:
        assert opened.verify() == []
        assert table(opened.report()) == table(first)
    assert check().stats.calls == 0


@pytest.mark.parametrize("set_by_s", [-10_000, 10_000], ids=["back", "forward"])
def test_the_last_outcome_of_a_digest_counts_even_if_the_clock_was_wrong(
    check: Check, ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch, set_by_s: float
) -> None:
    """The first answers are recent enough. The last answers are not, because the clock was wrong then."""
    check()
    gone = digests(1_000)[:200:2]
    ecr.remove("app", gone)
    with monkeypatch.context() as patch:
        clock = SimpleNamespace(time=lambda: time.time() + set_by_s)
        patch.setattr(writer, "time", clock)
        patch.setattr(resume, "time", clock)
        again = check(max_age_s=0)
    assert again.stats.calls == 10
    ecr.put("app", gone)
    calls = ecr.counters.calls
    last = check(max_age_s=3_600)
    assert ecr.counters.calls == calls + 10
    assert set(gone) <= set(last.digests("available"))
    with lc.Journal(journal) as opened:
        assert table(opened.report()) == table(last)


def test_another_run_cannot_take_a_journal_whose_verdicts_were_asked_again_without_an_answer(
    check: Check, ecr: LocalEcr, journal: Path
) -> None:
    there = digests(1_000)[:3]
    check(there)
    then = datetime.now(UTC)
    ecr.set_faults([Fault("omit", share=1.0)])
    assert check(there, max_age_s=0).unique_counts["unanswered"] == 3
    with pytest.raises(lc.JournalError, match="belongs to another run"):
        check(there[:2])
    with lc.Journal(journal) as opened:
        assert opened.report(as_of=then).complete


def test_cancelling_a_task_while_its_journal_is_created_releases_the_lock(
    ecr: LocalEcr, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the event loop ends at once, while the thread that creates the journal is still busy."""
    begun, go_on = threading.Event(), threading.Event()

    def failpoint(step: str) -> None:
        if step == "created":
            begun.set()
            assert go_on.wait(60)

    monkeypatch.setattr(store, "failpoint", failpoint)

    async def end_of_loop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            go_on.set()

    async def begin_and_leave() -> asyncio.Task[None]:
        async with lc.Checker("app", endpoint_url=ecr.endpoint_url) as checker:
            task = asyncio.ensure_future(checker.check_async(digests(300), journal=journal))
            assert await asyncio.to_thread(begun.wait, 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        last = asyncio.ensure_future(end_of_loop())
        await asyncio.sleep(0)
        return last

    asyncio.run(begin_and_leave())
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]
    assert ecr.counters.calls == 0
    assert lc.check(digests(300), "app", endpoint_url=ecr.endpoint_url, journal=journal).complete


def test_a_run_that_fails_to_start_releases_the_lock_of_its_journal(
    check: Check, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Execution, "__init__", fail)
        with pytest.raises(MemoryError):
            check()
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]
    assert check().complete
