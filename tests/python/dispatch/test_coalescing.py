"""Small checks that come at the same time share calls."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import layercheck as lc
from fake_account import digests
from layercheck.dispatch import coalescing
from layercheck.testing import Fault, LocalEcr

ROWS = digests(1_000)
HELD = set(ROWS[::3])
LONG_S = 0.5
"""So long that all checks of a test come within it, whatever the machine does."""


def checker_of(ecr: LocalEcr, coalesce_s: float | None = LONG_S, **options: Any) -> lc.Checker:
    return lc.Checker("app", client=ecr.client(), coalesce_s=coalesce_s, **options)


def coalescing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "layercheck-coalesce"]


def expected(row: str) -> lc.Verdict:
    return lc.Verdict.AVAILABLE if row in HELD else lc.Verdict.UNAVAILABLE


async def at_once(checker: lc.Checker, rows: list[str]) -> list[lc.Report]:
    return await asyncio.gather(*(checker.check_async([row]) for row in rows))


def test_a_thousand_checks_of_one_digest_make_at_most_sixty_calls() -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr) as checker:
        reports = asyncio.run(at_once(checker, ROWS))
        assert ecr.counters.calls <= 60
    assert [report[row].verdict for report, row in zip(reports, ROWS, strict=True)] == list(
        map(expected, ROWS)
    )
    assert all(report.rows == report.plan.unique == 1 for report in reports)


def test_a_check_alone_is_asked_when_its_time_is_over() -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr, 0.001) as checker:
        assert checker.check([ROWS[0]]).counts["available"] == 1
        assert ecr.counters.calls == 1


def test_without_coalescing_every_check_makes_its_own_call() -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr, None) as checker:
        asyncio.run(at_once(checker, ROWS[:20]))
        assert ecr.counters.calls == 20


def test_checks_of_threads_and_tasks_share_calls() -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr) as checker, ThreadPoolExecutor(20) as threads:
        gate = threading.Barrier(20)

        def one(row: str) -> lc.Report:
            gate.wait()
            return checker.check([row])

        waiting = [threads.submit(one, row) for row in ROWS[:20]]
        reports = [*asyncio.run(at_once(checker, ROWS[20:40])), *(each.result() for each in waiting)]
        assert ecr.counters.calls == 1
    assert sum(report.counts["available"] for report in reports) == sum(row in HELD for row in ROWS[:40])


def test_each_check_gets_its_own_rows_also_where_digests_overlap() -> None:
    inputs: list[list[Any]] = [
        [ROWS[0], "junk", ROWS[1].upper(), ROWS[0]],
        [ROWS[1], None],
        [ROWS[0]],
        ROWS[:60],
        ROWS[30:90],
    ]

    async def work(checker: lc.Checker) -> list[lc.Report]:
        return await asyncio.gather(*map(checker.check_async, inputs))

    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr) as checker:
        together = asyncio.run(work(checker))
        assert ecr.counters.calls <= 2
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr, None) as checker:
        alone = asyncio.run(work(checker))
    assert [list(report) for report in together] == [list(report) for report in alone]
    assert [report.counts for report in together] == [report.counts for report in alone]


@pytest.mark.parametrize(
    ("digests_of", "options"),
    [
        (lambda: ROWS[:100], {}),
        (lambda: ROWS[:250], {}),
        (lambda: lc.plan(ROWS[:3], batch_size=2), {}),
        (lambda: ["junk"], {}),
        (list, {}),
        (lambda: ROWS[:3], {"timeout_s": 60.0}),
        (lambda: ROWS[:3], {"progress": lambda _: None}),
    ],
    ids=["a full call", "several calls", "a batch size", "nothing to ask", "no rows", "time", "progress"],
)
def test_what_cannot_share_a_call_is_checked_at_once(
    digests_of: Callable[[], Any], options: dict[str, Any]
) -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr, 1.0) as checker:
        report = checker.check(digests_of(), **options)
        assert report.complete
        assert coalescing_threads() == []


def test_a_check_with_a_journal_keeps_its_own_journal(tmp_path: Path) -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr) as checker:
        report = checker.check(ROWS[:3], journal=tmp_path / "audit.journal")
    with lc.Journal(tmp_path / "audit.journal") as journal:
        assert list(journal.report()) == list(report)


def test_a_refused_digest_is_refused_for_its_own_check_only() -> None:
    poison = Fault("poison", digests=(ROWS[1],))
    with LocalEcr({"app": HELD}, faults=[poison]) as ecr, checker_of(ecr) as checker:
        reports = asyncio.run(at_once(checker, ROWS[:5]))
    assert [bool(report.counts["refused"]) for report in reports] == [False, True, False, False, False]
    assert [len(report.errors) for report in reports] == [0, 1, 0, 0, 0]
    (error,) = reports[1].errors
    assert (error.start, error.stop, error.kind) == (0, 1, "batch")


def test_a_fatal_error_reaches_every_check_with_its_own_report() -> None:
    async def work(checker: lc.Checker) -> list[Any]:
        checks = (checker.check_async([row, "junk"]) for row in ROWS[:5])
        return await asyncio.gather(*checks, return_exceptions=True)

    with LocalEcr({"app": HELD}, faults=[Fault("access_denied")]) as ecr, checker_of(ecr) as checker:
        errors = asyncio.run(work(checker))
    assert {type(error) for error in errors} == {lc.AccessDeniedError}
    assert len({id(error) for error in errors}) == 5
    assert [error.report.plan.texts(0, 1) for error in errors] == [[row] for row in ROWS[:5]]
    assert all(error.report.rows == 2 and error.response is not None for error in errors)


def test_a_cancelled_check_leaves_the_others_alone() -> None:
    async def work(checker: lc.Checker) -> lc.Report:
        cancelled, kept = (asyncio.ensure_future(checker.check_async([row])) for row in ROWS[:2])
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        return await kept

    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr) as checker:
        assert asyncio.run(work(checker))[ROWS[1]].verdict is expected(ROWS[1])


def test_when_every_check_is_cancelled_nothing_is_asked() -> None:
    async def work(checker: lc.Checker) -> None:
        tasks = [asyncio.ensure_future(checker.check_async([row])) for row in ROWS[:5]]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with LocalEcr({"app": HELD}) as ecr:
        with checker_of(ecr) as checker:
            asyncio.run(work(checker))
        assert ecr.counters.calls == 0


def test_closing_the_checker_answers_the_checks_that_wait() -> None:
    with LocalEcr({"app": HELD}) as ecr, ThreadPoolExecutor(1) as threads:
        checker = checker_of(ecr, 1.0)
        waiting = threads.submit(checker.check, [ROWS[0]])
        while not coalescing_threads():
            pass
        checker.close()
        assert coalescing_threads() == []
        assert waiting.result().counts["available"] == 1
        with pytest.raises(lc.LayercheckError, match="closed"):
            checker.check([ROWS[0]])


def test_a_group_whose_run_cannot_start_fails_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr) as checker:
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "layercheck-run":
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            checker.check([ROWS[0]])


def test_without_a_thread_to_keep_the_time_a_check_is_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr, 1.0) as checker:
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "layercheck-coalesce":
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert checker.check([ROWS[0]]).counts["available"] == 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "0.1", float("nan")])
def test_a_time_that_cannot_be_right_is_refused(wrong: Any) -> None:
    with LocalEcr(["app"]) as ecr, pytest.raises(lc.InvalidParameterError, match="coalesce_s is "):
        checker_of(ecr, wrong)


@pytest.mark.parametrize(
    "wrong", [{"timeout_s": 0}, {"max_age_s": 0}, {"durability": "x"}, {"journal": ""}, {"progress": ""}]
)
def test_wrong_arguments_of_a_small_check_are_refused_as_without_coalescing(wrong: dict[str, Any]) -> None:
    with LocalEcr({"app": HELD}) as ecr, checker_of(ecr, 0.001) as checker:
        with pytest.raises((lc.InvalidParameterError, TypeError)):
            checker.check([ROWS[0]], **wrong)
        assert ecr.counters.calls == 0


@pytest.mark.parametrize("running", [False, True], ids=["before its run", "during its run"])
def test_ctrl_c_in_a_shared_check_says_in_its_report_that_it_was_cancelled(running: bool) -> None:
    wait = coalescing.Part.wait
    both = threading.Barrier(2)

    def interrupt(part: coalescing.Part, *grace_s: float) -> None:
        if grace_s:
            return wait(part, *grace_s)
        both.wait()  # the other check is in the group too, and keeps the run going
        if part.plan.rows == 1:
            return wait(part)
        while running and part.report() is None:
            threading.Event().wait(0.001)  # until the run of the group has started
        raise KeyboardInterrupt

    with (
        LocalEcr({"app": HELD}, latency_ms=200) as ecr,
        checker_of(ecr, 0.05 if running else 1.0) as checker,
        ThreadPoolExecutor(1) as threads,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(coalescing.Part, "wait", interrupt)
        other = threads.submit(checker.check, [ROWS[1]])
        with pytest.raises(KeyboardInterrupt) as caught:
            checker.check([ROWS[0], "junk"])
        assert other.result().complete
    report = caught.value.__dict__["report"]
    assert (report.rows, report.cancelled) == (2, True)
    # As for a check that runs alone, the answer of a call that is under way is kept.
    assert report.counts["invalid"] == 1
    assert report.counts["not_checked"] == (0 if running else 1)
    if running:
        assert report[ROWS[0]].verdict is expected(ROWS[0])


@pytest.mark.usefixtures("no_collection")
def test_ctrl_c_inside_a_lock_of_python_leaves_the_other_checks_their_answers() -> None:
    armed = True

    def interrupt(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal armed
        if event == "return" and armed:
            armed = False
            raise KeyboardInterrupt  # the lock is taken, and the `with` does not know it yet
        return interrupt

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code is not threading.Condition.__enter__.__code__:
            return None
        caller: FrameType | None = frame
        while caller is not None and caller.f_code is not coalescing.Part.wait.__code__:
            caller = caller.f_back
        return None if caller is None else interrupt

    def waiting(checker: lc.Checker) -> None:
        sys.settrace(trace)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                checker.check([ROWS[1]])
        finally:
            sys.settrace(None)

    with LocalEcr({"app": HELD}) as ecr:
        checker, reports = checker_of(ecr), []
        threads = [
            threading.Thread(target=lambda: reports.append(checker.check([ROWS[0]])), daemon=True),
            threading.Thread(target=waiting, args=(checker,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [report.counts["available"] for report in reports] == [1]
        checker.close()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("step", range(4))
def test_ctrl_c_while_a_shared_check_is_cancelled_leaves_the_other_checks_their_answers(step: int) -> None:
    left = step

    def interrupt(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if event == "return":
            left -= 1
            if left == -1:
                raise KeyboardInterrupt
        return interrupt

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        # Python handles a signal when code that the cancelling called returns, among others.
        caller = frame.f_back
        while caller is not None and caller.f_code is not coalescing.Part.cancel.__code__:
            caller = caller.f_back
        return None if caller is None else interrupt

    async def work(checker: lc.Checker) -> None:
        task = asyncio.ensure_future(checker.check_async([ROWS[1]]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        sys.settrace(trace)
        try:
            await task
        finally:
            sys.settrace(None)

    def cancelled(checker: lc.Checker) -> None:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(work(checker))

    with LocalEcr({"app": HELD}) as ecr:
        checker, reports = checker_of(ecr), []
        threads = [
            threading.Thread(target=lambda: reports.append(checker.check([ROWS[0]])), daemon=True),
            threading.Thread(target=cancelled, args=(checker,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [report.counts["available"] for report in reports] == [1]
        checker.close()


def test_a_second_ctrl_c_in_a_shared_check_leaves_at_once() -> None:
    wait = coalescing.Part.wait

    def interrupt(part: coalescing.Part, *grace_s: float) -> None:
        while part.report() is None:
            threading.Event().wait(0.001)
        raise KeyboardInterrupt

    with LocalEcr({"app": HELD}, latency_ms=1_000) as ecr, checker_of(ecr, 0.01) as checker:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(coalescing.Part, "wait", interrupt)
            with pytest.raises(KeyboardInterrupt) as caught:
                checker.check([ROWS[0]])
        report = caught.value.__dict__["report"]
        assert report.counts["not_checked"] + report.counts["unanswered"] == 1
        assert wait is coalescing.Part.wait


def test_ctrl_c_in_the_only_check_of_a_group_ends_its_run() -> None:
    wait = coalescing.Part.wait

    def interrupt(part: coalescing.Part, *grace_s: float) -> None:
        if grace_s:
            return wait(part, *grace_s)
        # A run that made no call yet would make none.
        while part.report() is None or not ecr.counters.calls:
            threading.Event().wait(0.001)
        raise KeyboardInterrupt

    with LocalEcr({"app": HELD}, latency_ms=100) as ecr, checker_of(ecr, 0.01) as checker:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(coalescing.Part, "wait", interrupt)
            with pytest.raises(KeyboardInterrupt) as caught:
                checker.check([ROWS[0]])
        assert caught.value.__dict__["report"][ROWS[0]].verdict is expected(ROWS[0])
