"""Starts and ends of runs that themselves are interrupted or fail: what waits for them gets a result."""

from __future__ import annotations

import concurrent.futures
import itertools
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.quick_checker import ROWS, checker_for
from dispatch.scripted_server import Asked, Reply, ScriptedServer, good
from layercheck._core import KnownSecrets
from layercheck.aws.classify import Failure, classify
from layercheck.dispatch.run_registry import RunRegistry
from layercheck.dispatch.schedule.execution import Execution


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


def test_a_thread_without_memory_for_its_first_steps_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as server, checker_for(server) as checker:
        with monkeypatch.context() as patch:
            patch.setattr("layercheck.daemon_thread.FIRST_STEPS_BYTES", 1 << 62)
            with pytest.raises(RuntimeError, match="a new thread did not run") as caught:
                checker.check(ROWS[:100])
            assert not server.asked
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
