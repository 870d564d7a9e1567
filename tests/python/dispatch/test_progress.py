"""The progress of a running run, and the bars that show it."""

from __future__ import annotations

import itertools
import os
import pty
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import Any

import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from fake_account import digests
from layercheck._core import Call
from layercheck.dispatch.outcome import Outcome, OutcomeKind
from layercheck.dispatch.schedule.progress import RunProgress
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

QUICK = Limits(retry=RetryPolicy(back_off_base_s=0.001, back_off_cap_s=0.01), tick_s=0.01)
ROWS = digests(5000)


def checker_for(server: ScriptedServer, **options: Any) -> lc.Checker:
    return lc.Checker("team/app", endpoint_url=server.url, **{"rate": "max", "_limits": QUICK, **options})


def test_progress_is_reported_during_a_run_and_once_at_its_end() -> None:
    states: list[lc.Progress] = []
    with ScriptedServer() as server, checker_for(server, rate=200) as checker:
        checker.check(ROWS, progress=states.append)
    assert [state.done for state in states] == [False] * (len(states) - 1) + [True]
    assert len(states) > 1
    assert all(state.unique == len(ROWS) == sum(state.counts.values()) for state in states)
    assert [state.settled for state in states] == sorted(state.settled for state in states)
    last = states[-1]
    assert (last.settled, last.calls, last.in_flight, last.rate) == (len(ROWS), 50, 0, 200)


def test_progress_counts_rows_and_batches_and_ends_with_all_of_them() -> None:
    states: list[lc.Progress] = []
    rows = [*ROWS[:1000], *ROWS[:500], "junk", *ROWS[:1]]
    with ScriptedServer() as server, checker_for(server, rate=100) as checker:
        report = checker.check(rows, progress=states.append)
    for before, after in itertools.pairwise(states):
        assert before.rows_done <= after.rows_done
        assert before.batches_done <= after.batches_done
    assert all((state.rows, state.batches) == (1502, 10) for state in states)
    assert states[0].rows_done >= 1  # the invalid row has its verdict from the start
    last = states[-1]
    assert (last.rows_done, last.batches_done, last.seconds_left) == (1502, 10, 0.0)
    assert last.counts == report.unique_counts


def test_the_seconds_of_progress_go_on_while_calls_of_a_cancelled_run_hang() -> None:
    gate, states = Gate(20), list[lc.Progress]()
    limits = replace(QUICK, grace_s=0.2)
    with ScriptedServer(gate) as server, checker_for(server, _limits=limits) as checker:
        run = checker.submit(ROWS, progress=states.append)
        assert gate.held.wait(60)
        run.cancel()
        with pytest.raises(lc.RunCancelled):
            run.result(60)
        gate.opened.set()
    seconds = [state.seconds for state in states]
    assert states[-1].done
    assert seconds == sorted(seconds)


def test_a_split_batch_is_done_when_its_last_digest_is_done() -> None:
    poison = ROWS[150]
    states: list[lc.Progress] = []

    def script(asked: Asked) -> Reply:
        return fault("InvalidParameterException", "no") if poison in asked.digests else good(asked)

    with ScriptedServer(script) as server, checker_for(server) as checker:
        report = checker.check(ROWS[:300], progress=states.append)
    assert report.stats.halvings >= 6
    assert states[-1].batches_done == states[-1].batches == 3
    assert states[-1].calls > 3


def test_a_split_batch_is_counted_once() -> None:
    progress = RunProgress(lc.plan(ROWS[:300]))

    def record(kind: OutcomeKind, start: int, stop: int) -> None:
        progress.record(Outcome(kind, Call(start, stop), 0.0))

    record(OutcomeKind.SPLIT, 100, 200)
    record(OutcomeKind.ANSWERED, 0, 100)
    assert progress.batches_done == 1
    record(OutcomeKind.RETRIED, 150, 200)
    record(OutcomeKind.SPLIT, 150, 200)
    record(OutcomeKind.GIVEN_UP, 150, 175)
    record(OutcomeKind.ANSWERED, 100, 150)
    assert progress.batches_done == 1
    record(OutcomeKind.REFUSED, 175, 200)
    assert progress.batches_done == 2


def test_the_time_left_follows_the_recent_speed() -> None:
    progress = RunProgress(lc.plan(ROWS))
    assert progress.seconds_left(0.0, 0) is None
    assert progress.seconds_left(0.5, 100) is None  # too early for an estimate
    assert progress.seconds_left(2.0, 1000) == pytest.approx(8.0)
    # Ten seconds at full speed outweigh a minute of throttling.
    for tick in range(60):
        progress.seconds_left(62.0 + tick * 0.25, 1000 + tick * 50)
    assert progress.seconds_left(77.0, 4000) == pytest.approx(5.0, rel=0.05)
    assert progress.seconds_left(80.0, 5000) == 0.0


def test_progress_is_reported_a_few_times_a_second_whatever_the_call_rate() -> None:
    states: list[lc.Progress] = []
    with ScriptedServer() as server, checker_for(server, _limits=Limits(tick_s=60)) as checker:
        checker.check(ROWS, progress=states.append)
    # At the start and at the end of the run.
    assert [state.done for state in states] == [False, True]


def test_a_progress_argument_that_is_not_callable_is_refused() -> None:
    wrong: Any = "yes"
    with (
        ScriptedServer() as server,
        checker_for(server) as checker,
        pytest.raises(TypeError, match="progress"),
    ):
        checker.check(ROWS, progress=wrong)


PROGRAM = """
    import sys, threading
    import layercheck as lc
    from layercheck.display import plain_lines
    if sys.argv[2] == "log":
        plain_lines.INTERVAL_S = 0.0
    rows = ["sha256:" + f"{number:064x}" for number in range(3000)]
    before = threading.enumerate()
    report = lc.check(rows, "team/app", endpoint_url=sys.argv[1], progress=True)
    assert report.complete
    print("left:", [each for each in threading.enumerate() if each not in before])
    print("rich:", "rich" in sys.modules)
"""


def run_program(server: ScriptedServer, where: str, terminal: bool) -> str:
    """The output of the program, in a pseudo-terminal or to a pipe."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), server.url, where]
    if not terminal:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        ).stdout
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    written = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux raises this when the last process has closed the terminal
                break
            if not block:
                break
            written += block
    os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


def test_progress_true_shows_a_rich_bar_on_a_terminal_and_restores_the_cursor() -> None:
    with ScriptedServer() as server:
        written = run_program(server, "terminal", terminal=True)
    assert "3,000 of 3,000 digests" in written
    assert "calls/s" in written
    assert "1,500 available" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1  # the cursor is shown again
    assert "left: []" in written
    assert "rich: True" in written


def test_progress_true_says_nothing_to_a_log_in_a_short_run() -> None:
    with ScriptedServer() as server:
        written = run_program(server, "file", terminal=False)
    assert written == "left: []\nrich: False\n"


def test_progress_true_writes_plain_lines_to_a_log_in_a_long_run() -> None:
    with ScriptedServer() as server:
        written = run_program(server, "log", terminal=False)
    first = written.splitlines()[0]
    assert re.fullmatch(
        r"layercheck: checked [\d,]+ of 3,000 digests \([<>]?[\d.]+ %\), [\d,]+ calls/s.*", first
    )
    assert "\r" not in written
    assert "\x1b" not in written


def test_a_bar_that_fails_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the terminal was closed")

    monkeypatch.setattr("layercheck.display.callback.can_animate", lambda: True)
    monkeypatch.setattr("layercheck.display.terminal.CheckBar.__call__", fail)
    with ScriptedServer() as server, checker_for(server) as checker:
        assert checker.check(ROWS, progress=True).complete
