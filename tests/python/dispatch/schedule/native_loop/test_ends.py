"""A run whose calls are made in the core ends as any other, whatever its calls do."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.schedule.native_loop.calls_in_the_core import (
    LIMITS,
    MANY,
    InTheCore,
    assert_true,
    assert_true_as_far_as_known,
    cancelled,
    journaled,
    opened,
    singly,
)
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from layercheck.limits import Limits

PATIENT = Limits(tick_s=0.02, grace_s=60)


def test_an_access_denied_in_the_midst_ends_the_run_with_what_is_known(in_the_core: InTheCore) -> None:
    script = lambda asked: good(asked) if asked.number < 500 else fault("AccessDeniedException")  # noqa: E731
    with (
        ScriptedServer(script) as server,
        opened(server.url) as checker,
        pytest.raises(lc.AccessDeniedError) as caught,
    ):
        checker.check(singly(MANY))
    report = caught.value.report
    assert report is not None
    assert report.counts["available"] + report.counts["unavailable"] == 500
    assert len(server.asked) <= 508
    assert report.stats.requests == len(server.asked)
    assert in_the_core.calls > 400


@pytest.mark.parametrize("journal", [False, True], ids=["", "journal"])
def test_a_cancelled_run_keeps_every_answer_and_asks_nothing_more(
    journal: bool, in_the_core: InTheCore, tmp_path: Path
) -> None:
    with ScriptedServer() as server, opened(server.url) as checker:
        run = checker.submit(singly(MANY), journal=tmp_path / "j" if journal else None)
        assert in_the_core.hundred.wait(60)
        run.cancel()
        report = cancelled(run)
        asked = len(server.asked)
        checker.check(["ab" * 32])
    assert len(server.asked) == asked + 1
    assert report.counts["available"] + report.counts["unavailable"] == report.stats.calls == asked
    assert report.stats.requests == asked
    if journal:
        assert sum(stop - start for start, stop, _ in journaled(tmp_path / "j")) == asked


def test_calls_in_flight_get_their_grace_when_a_run_is_cancelled(in_the_core: InTheCore, gate: Gate) -> None:
    gate.free = 300
    with (
        ScriptedServer(gate) as server,
        opened(server.url, _limits=PATIENT) as checker,
    ):
        run = checker.submit(singly(MANY))
        assert gate.held.wait(60)
        run.cancel()
        gate.opened.set()
        report = cancelled(run)
    known = report.counts["available"] + report.counts["unavailable"]
    assert known == len(server.asked) <= 308
    assert in_the_core.calls > 100


@pytest.mark.parametrize("how", ["timeout", "stalled", "cancelled", "left"])
def test_calls_that_hang_in_the_core_do_not_hold_up_the_end(
    how: str, in_the_core: InTheCore, gate: Gate
) -> None:
    gate.free = 300
    limits = replace(LIMITS, stall_s=1.0) if how == "stalled" else LIMITS
    with ScriptedServer(gate) as server, opened(server.url, _limits=limits) as checker:
        run = checker.submit(singly(MANY), timeout_s=0.5 if how == "timeout" else None)
        if how in ("cancelled", "left"):
            assert gate.held.wait(60)
            run.cancel()
        if how == "left":
            run._leave()
        assert run._wait(60)
        report = run.report()
    assert report.stats.ended == {"timeout": "timeout", "stalled": "stalled"}.get(how, "cancelled")
    known = report.counts["available"] + report.counts["unavailable"]
    assert 100 < known <= 300
    assert known == report.stats.calls
    assert known + report.counts["unanswered"] <= 308
    assert_true_as_far_as_known(report)
    assert in_the_core.calls > 100


@pytest.mark.usefixtures("no_collection")
def test_a_second_ctrl_c_is_not_needed(in_the_core: InTheCore) -> None:
    def script(asked: Asked) -> Reply:
        if asked.number == 300:
            os.kill(os.getpid(), signal.SIGINT)
        return good(asked)

    with ScriptedServer(script) as server, opened(server.url) as checker:
        with pytest.raises(KeyboardInterrupt) as caught:
            checker.check(singly(MANY))
        report: lc.Report = caught.value.report  # type: ignore[attr-defined]
    assert report.cancelled
    assert report.stats.requests == len(server.asked) < len(MANY)
    assert in_the_core.calls > 100


def test_a_call_that_outlives_its_deadline_is_given_up_and_counted_once(in_the_core: InTheCore) -> None:
    late, again = threading.Event(), threading.Event()
    slow = MANY[300]

    def script(asked: Asked) -> Reply:
        if slow not in asked.digests:
            return good(asked)
        if not again.is_set():
            again.set()
            late.wait(60)
        return good(asked)

    limits = Limits(retry=LIMITS.retry, tick_s=0.02, call_deadline_s=2.0, stall_s=60)
    with ScriptedServer(script) as server, opened(server.url, _limits=limits) as checker:
        report = checker.check(singly(MANY[:3_000]))
        late.set()
    assert_true(report, MANY[:3_000])
    assert server.times[slow] == 2
    assert (report.stats.calls, report.stats.retries) == (3_000, 1)
    assert in_the_core.calls > 100
