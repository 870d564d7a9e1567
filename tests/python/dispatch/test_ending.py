"""Runs that end early: known verdicts are kept, and nothing hangs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.scripted_server import Asked, Reply, ScriptedServer, good
from fake_account import digests
from layercheck._core import KnownSecrets
from layercheck.aws.classify import Failure, classify
from layercheck.dispatch.run_registry import RunRegistry
from layercheck.dispatch.schedule.execution import Execution
from layercheck.limits import Limits

QUICK = Limits(tick_s=0.01, grace_s=0.2)
ROWS = digests(5000)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(free=7)
    yield gate
    gate.opened.set()


def checker_for(server: ScriptedServer, **options: Any) -> lc.Checker:
    return lc.Checker("team/app", endpoint_url=server.url, **{"rate": "max", "_limits": QUICK, **options})


def assert_known(report: lc.Report, answered: int, asked: int) -> None:
    """Compare with `asked`, the server's count; up to three more requests may have been on their way."""
    counts = report.counts
    assert sum(counts.values()) == report.rows == len(ROWS)
    assert counts["available"] + counts["unavailable"] == answered * 100
    put = len(ROWS) - counts["not_checked"]
    assert asked * 100 <= put <= (asked + 3) * 100
    assert counts["unanswered"] == put - answered * 100


def test_a_cancelled_run_reports_what_it_knows(gate: Gate) -> None:
    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=3) as checker:
        run = checker.submit(ROWS)
        assert gate.held.wait(60)
        assert not run.done()
        assert run.cancel()
        with pytest.raises(lc.RunCancelled) as caught:
            run.result(60)
        assert run.done()
        assert run.cancelled()
        assert not run.cancel()
        assert isinstance(run.exception(), lc.RunCancelled)
        for report in (caught.value.report, run.report()):
            assert report is not None
            assert report.cancelled
            assert not report.complete
            known = report.counts["available"] + report.counts["unavailable"]
            assert_known(report, known // 100, len(server.asked))


def test_a_run_can_be_cancelled_in_every_state(gate: Gate) -> None:
    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=1, rate=1000) as checker:
        under_way = checker.submit(ROWS)
        assert gate.held.wait(60)
        waiting = checker.submit(ROWS)  # waits for the only slot
        assert waiting.running()
        assert waiting.cancel()
        with pytest.raises(lc.RunCancelled) as caught:
            waiting.result(60)
        assert caught.value.report is not None
        assert caught.value.report.counts["not_checked"] == len(ROWS)
        assert under_way.cancel()
        concurrent.futures.wait([under_way], 60)
        assert not under_way.cancel()
        gate.opened.set()
        done = checker.submit(ROWS[:100])
        assert done.result(60).complete
        assert not done.cancel()
        assert not done.cancelled()


def test_a_run_that_waits_for_the_pacer_can_be_cancelled() -> None:
    with ScriptedServer() as server, checker_for(server, rate=0.01) as checker:
        run = checker.submit(ROWS)
        while not run.report().counts["available"]:
            assert not run.done()
        assert run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result(60)
    assert len(server.asked) == 1


def test_answers_that_arrive_in_the_grace_period_are_kept(gate: Gate) -> None:
    limits = Limits(tick_s=0.01, grace_s=60)
    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=3, _limits=limits) as checker:
        run = checker.submit(ROWS)
        assert gate.held.wait(60)
        run.cancel()
        gate.opened.set()
        with pytest.raises(lc.RunCancelled) as caught:
            run.result(60)
    assert caught.value.report is not None
    assert_known(caught.value.report, len(server.asked), len(server.asked))


def test_the_report_of_a_run_is_available_at_any_time(gate: Gate) -> None:
    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=1) as checker:
        run = checker.submit(ROWS)
        assert gate.held.wait(60)
        early = run.report()
        assert sum(early.counts.values()) == len(ROWS)
        assert early.counts["not_checked"] > 0
        assert not early.cancelled
        gate.opened.set()
        assert run.result(60).complete
        assert early.counts["not_checked"] > 0


def test_the_standard_library_accepts_a_run_as_a_future() -> None:
    called: list[Any] = []
    with ScriptedServer() as server, checker_for(server) as checker:
        runs = [checker.submit(ROWS[start : start + 1000]) for start in range(0, 5000, 1000)]
        runs[0].add_done_callback(called.append)
        done = list(concurrent.futures.as_completed(runs, timeout=60))
        assert set(done) == set(runs)
        assert all(run.result().complete and run.exception() is None for run in runs)
        assert not any(run.cancelled() or run.running() for run in runs)
    assert called == [runs[0]]


def test_leaving_the_block_waits_for_submitted_runs() -> None:
    with ScriptedServer() as server:
        with checker_for(server) as checker:
            run = checker.submit(ROWS)
        assert run.done()
        assert run.result().complete


def test_an_exception_in_the_block_cancels_the_runs(gate: Gate) -> None:
    with ScriptedServer(gate) as server:
        runs: list[lc.Run] = []

        def work() -> None:
            with checker_for(server, max_in_flight=2) as checker:
                runs.append(checker.submit(ROWS))
                assert gate.held.wait(60)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            work()
        (run,) = runs
        assert run.cancelled()
        assert run.report().counts["not_checked"] > 0


def test_a_closed_checker_refuses_new_runs() -> None:
    with ScriptedServer() as server:
        checker = checker_for(server)
        checker.close()
        checker.close()
        with pytest.raises(lc.LayercheckError, match="closed"):
            checker.check(ROWS)


def test_a_checker_can_be_used_again_after_a_run_was_cancelled(gate: Gate) -> None:
    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=2) as checker:
        run = checker.submit(ROWS)
        assert gate.held.wait(60)
        run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result(60)
        gate.opened.set()
        assert checker.check(ROWS).complete


def test_many_threads_may_share_a_checker() -> None:
    with ScriptedServer() as server, checker_for(server) as checker:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            reports = list(
                pool.map(lambda start: checker.check(ROWS[start : start + 500]), range(0, 4000, 500))
            )
        assert all(report.complete and report.rows == 500 for report in reports)


def test_a_run_can_be_awaited() -> None:
    async def main(checker: lc.Checker) -> list[lc.Report]:
        return await asyncio.gather(*(checker.check_async(ROWS[start::3]) for start in range(3)))

    with ScriptedServer() as server, checker_for(server) as checker:
        reports = asyncio.run(main(checker))
    assert sum(report.rows for report in reports) == len(ROWS)
    assert all(report.complete for report in reports)


def test_cancelling_the_task_cancels_the_run(gate: Gate) -> None:
    async def main(checker: lc.Checker) -> None:
        task = asyncio.create_task(checker.check_async(ROWS))
        await asyncio.to_thread(gate.held.wait, 60)
        (run,) = checker._registry.runs
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(concurrent.futures.wait, [run], 60)
        assert run.cancelled()

    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=2) as checker:
        asyncio.run(main(checker))
    assert len(server.asked) < 50


def test_a_run_that_is_cancelled_directly_does_not_cancel_its_task(gate: Gate) -> None:
    async def main(checker: lc.Checker) -> None:
        task = asyncio.create_task(checker.check_async(ROWS))
        await asyncio.to_thread(gate.held.wait, 60)
        (run,) = checker._registry.runs
        run.cancel()
        with pytest.raises(lc.RunCancelled):
            await task

    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=2) as checker:
        asyncio.run(main(checker))


def test_a_progress_callback_that_raises_cancels_the_run_and_keeps_its_answers(gate: Gate) -> None:
    class EnoughError(Exception):
        pass

    def stop(state: lc.Progress) -> None:
        if state.settled:
            raise EnoughError

    gate.free = 20
    with (
        ScriptedServer(gate) as server,
        checker_for(server, max_in_flight=2) as checker,
        pytest.raises(EnoughError) as caught,
    ):
        checker.check(ROWS, progress=stop)
    report = caught.value.report  # type: ignore[attr-defined]
    assert sum(report.counts.values()) == len(ROWS)
    assert report.counts["not_checked"] > 0
    assert report.counts["available"] > 0


PROGRAM = """
    import sys, signal, hashlib
    import layercheck as lc
    from layercheck.dispatch import checker as dispatch
    from layercheck.limits import Limits

    rows = ["sha256:" + hashlib.sha256(str(number).encode()).hexdigest() for number in range(5000)]
    limits = Limits(tick_s=0.01, grace_s=float(sys.argv[2]))
    print("ready", flush=True)

    class Run(dispatch.Run):
        def cancel(self):
            done = super().cancel()
            print("stopping", flush=True)
            return done

    dispatch.Run = Run
    try:
        with lc.Checker("team/app", endpoint_url=sys.argv[1], max_in_flight=4, _limits=limits) as checker:
            checker.check(rows)
    except KeyboardInterrupt as interrupt:
        counts = interrupt.report.counts
        assert sum(counts.values()) == 5000
        known = counts["available"] + counts["unavailable"]
        print(known, counts["unanswered"], counts["not_checked"], flush=True)
        sys.exit(130)
"""


def start(server: ScriptedServer, grace_s: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), server.url, str(grace_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def assert_none_lost(known: int, unanswered: int, not_checked: int, asked: int) -> None:
    """A request given to the client counts as asked, though up to four may not have left the client yet."""
    assert known + unanswered + not_checked == 5000
    assert asked * 100 <= known + unanswered <= (asked + 4) * 100


def test_ctrl_c_keeps_known_verdicts(gate: Gate) -> None:
    with ScriptedServer(gate) as server:
        program = start(server, 0.2)
        assert gate.held.wait(60)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=120)
    assert (program.returncode, err) == (130, "")
    known, unanswered, not_checked = map(int, out.split()[-3:])
    assert known <= 700
    assert_none_lost(known, unanswered, not_checked, len(server.asked))


def test_ctrl_c_waits_for_the_calls_in_flight(gate: Gate) -> None:
    with ScriptedServer(gate) as server:
        program = start(server, 60)
        assert gate.held.wait(60)
        program.send_signal(signal.SIGINT)
        gate.opened.set()
        out, err = program.communicate(timeout=120)
    assert (program.returncode, err) == (130, "")
    known, unanswered, not_checked = map(int, out.split()[-3:])
    assert (known, unanswered) == (len(server.asked) * 100, 0) or not_checked == 0


def test_a_second_ctrl_c_ends_the_program_at_once(gate: Gate) -> None:
    with ScriptedServer(gate) as server:
        program = start(server, 3600)
        assert gate.held.wait(60)
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == "stopping\n"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=120)
    assert (program.returncode, err) == (130, "")
    known, unanswered, not_checked = map(int, out.split()[-3:])
    assert_none_lost(known, unanswered, not_checked, len(server.asked))
    assert unanswered > 0
    assert not gate.opened.is_set()


def test_a_hanging_call_does_not_keep_the_interpreter_alive(gate: Gate) -> None:
    code = """
        import sys, layercheck as lc
        checker = lc.Checker("team/app", endpoint_url=sys.argv[1])
        run = checker.submit(["sha256:" + f"{number:064x}" for number in range(3000)])
        sys.stdin.readline()
        print(run.done())
    """
    with ScriptedServer(gate) as server:
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gate.held.wait(60)
        out, _ = program.communicate("end\n", timeout=120)
    assert (program.returncode, out) == (0, "False\n")


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
    unraisable: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: unraisable.append(told.exc_value))
    with ScriptedServer(gate) as server, checker_for(server, max_in_flight=2) as checker:
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


@pytest.mark.parametrize("point", ["before the thread", "in the wait for the thread"])
def test_a_ctrl_c_while_a_run_starts_leaves_nothing_to_wait_for(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if thread.name != "layercheck-run":
            start(thread)
            return
        if point == "in the wait for the thread":
            start(thread)
        raise KeyboardInterrupt

    with ScriptedServer() as server, checker_for(server) as checker:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", interrupted)
            with pytest.raises(KeyboardInterrupt) as caught:
                checker.check(ROWS)
        report = caught.value.__dict__["report"]
        assert sum(report.counts.values()) == len(ROWS)
        # Nothing is left that `close` waits for, and the checker goes on working.
        assert checker._registry.runs == []
        assert checker.check(ROWS[:100]).complete


def test_a_start_that_was_interrupted_is_not_called_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    with ScriptedServer() as server, checker_for(server) as checker, monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            checker.check(ROWS)
    report = caught.value.__dict__["report"]
    assert (report.stats.ended, report.counts["not_checked"]) == ("cancelled", len(ROWS))
    assert server.asked == []


def test_a_conclusion_that_fails_still_resolves_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Execution, now: float) -> None:
        raise MemoryError("no memory for the conclusion")

    with ScriptedServer() as server, checker_for(server) as checker, monkeypatch.context() as patch:
        patch.setattr(Execution, "conclude", fail)
        with pytest.raises(MemoryError) as caught:
            checker.submit(ROWS[:100]).result(60)
    assert "could not be concluded either" in str(caught.value.__notes__)
    assert caught.value.__dict__["report"].complete


def test_a_run_whose_statistics_cannot_be_had_keeps_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Execution, now: float) -> None:
        raise MemoryError("no memory for the statistics")

    with ScriptedServer() as server, checker_for(server) as checker, monkeypatch.context() as patch:
        patch.setattr(Execution, "stats", fail)
        with pytest.raises(MemoryError) as caught:
            checker.submit(ROWS[:100]).result(60)
    report = caught.value.__dict__["report"]
    assert (report.complete, report.stats.ended) == (True, "fatal")


def test_a_call_whose_error_cannot_be_read_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = itertools.count()

    def fail_first(asked: Asked) -> Reply:
        return Reply(status=500) if asked.number == 1 else good(asked)

    def classify_later(error: BaseException, known: KnownSecrets | None) -> Failure:
        if next(failures) == 0:
            raise MemoryError
        return classify(error, known)

    monkeypatch.setattr("layercheck.dispatch.schedule.execution.classify", classify_later)
    with ScriptedServer(fail_first) as server, checker_for(server) as checker:
        assert checker.check(ROWS, timeout_s=30).complete
    assert next(failures) >= 1


def test_a_thread_that_never_runs_does_not_hang_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the system does if a new thread finds no memory for its first step.
    name = next(each for each in ("_start_joinable_thread", "_start_new_thread") if hasattr(threading, each))
    monkeypatch.setattr("layercheck.daemon_thread.START_S", 0.1)
    with ScriptedServer() as server, checker_for(server) as checker:
        with monkeypatch.context() as patch:
            patch.setattr(threading, name, lambda *_, **__: None)
            with pytest.raises(RuntimeError, match="a new thread did not run") as caught:
                checker.check(ROWS[:100])
        assert caught.value.__dict__["report"].counts["not_checked"] == 100
        assert checker.check(ROWS[:100]).complete


def test_a_future_is_resolved_when_memory_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = itertools.count()
    settle = concurrent.futures.Future.set_result

    def fail_twice(self: concurrent.futures.Future[Any], result: Any) -> None:
        if next(tries) < 2:
            raise MemoryError
        settle(self, result)

    monkeypatch.setattr(concurrent.futures.Future, "set_result", fail_twice)
    with ScriptedServer() as server, checker_for(server) as checker:
        assert checker.submit(ROWS[:100]).result(60).complete


def test_a_ctrl_c_at_the_start_of_close_leaves_no_run_behind(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: RunRegistry, *, cancel: bool) -> None:
        raise KeyboardInterrupt

    with ScriptedServer(gate) as server:
        checker = checker_for(server, max_in_flight=2)
        run = checker.submit(ROWS)
        assert gate.held.wait(60)
        with monkeypatch.context() as patch:
            patch.setattr(RunRegistry, "close", interrupted)
            with pytest.raises(KeyboardInterrupt):
                checker.close()
        gate.opened.set()
        with pytest.raises(lc.RunCancelled):
            run.result(60)


def test_two_callbacks_may_close_their_checker_at_once() -> None:
    both = threading.Barrier(2)

    with ScriptedServer() as server:
        checker = checker_for(server)

        def close(progress: lc.Progress) -> None:
            if not progress.done and not both.broken:
                both.wait(60)
                both.abort()
                checker.close()

        runs = [checker.submit(ROWS, progress=close) for _ in range(2)]
        for run in runs:
            assert isinstance(run.exception(60), lc.RunCancelled | threading.BrokenBarrierError)


def test_a_checker_that_crossed_a_fork_says_so_at_once() -> None:
    code = """
        import os, sys
        import layercheck as lc
        rows = ["sha256:" + "ab" * 32]
        checker = lc.Checker("team/app", endpoint_url=sys.argv[1])
        assert checker.check(rows).complete
        child = os.fork()
        if child == 0:
            try:
                checker.check(rows)
            except lc.LayercheckError as error:
                told = "made in process" in str(error)
            checker.close()
            with lc.Checker("team/app", endpoint_url=sys.argv[1]) as own:
                told = told and own.check(rows).complete
            os._exit(0 if told else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert checker.check(rows).complete
        checker.close()
    """
    with ScriptedServer() as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), server.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (0, "")
