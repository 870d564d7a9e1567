"""Runs that end early: known verdicts are kept, and nothing hangs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.quick_checker import ROWS, checker_for
from dispatch.scripted_server import ScriptedServer
from layercheck.limits import Limits


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
