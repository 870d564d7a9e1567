"""Calls in the core keep to the rate, and several runs share it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from dispatch.schedule.native_loop.calls_in_the_core import (
    MANY,
    InTheCore,
    assert_true,
    cancelled,
    opened,
    singly,
)
from dispatch.scripted_server import ScriptedServer
from layercheck._core import Pacer
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.schedule.native_loop import LOOK_FOR_WAITING_S
from layercheck.limits import Limits
from layercheck.testing import EvenDigests, Fault, FaultKind, LocalEcr, Throttle


def test_two_runs_of_a_checker_get_their_answers_in_turn(in_the_core: InTheCore) -> None:
    with ScriptedServer() as server, opened(server.url) as checker:
        long = checker.submit(singly(MANY))
        assert in_the_core.hundred.wait(60)
        short = checker.check(singly(MANY[:50]))
        assert not long.done()
        long.cancel()
    assert_true(short, MANY[:50])
    assert short.stats.calls == 50
    assert in_the_core.calls > 100
    assert long._wait(60)
    report = long.report()
    assert report.stats.calls + 50 == len(server.asked)


def test_runs_of_one_checker_both_make_their_calls_in_the_core() -> None:
    counted: dict[int, int] = {}
    with ScriptedServer() as server, opened(server.url) as checker:
        checker.check(singly(MANY[:200]))  # the calls at once have grown to their limit
        runs = [checker.submit(singly(MANY[:4_000])) for _ in range(2)]
        for run in runs:
            loop = run._execution._loop
            assert loop is not None
            record = run._execution._metrics.record_answers

            def count(answers: Sequence[Answer], key: int = id(run), record: Any = record) -> None:
                counted[key] = counted.get(key, 0) + len(answers)
                record(answers)

            vars_of: Any = run._execution._metrics
            vars_of.record_answers = count
        reports = [run.result(60) for run in runs]
    for report in reports:
        assert_true(report, MANY[:4_000])
    assert all(counted[id(run)] > 3_000 for run in runs)


def test_no_further_thread_is_due_while_one_waits_in_the_core_for_the_rate() -> None:
    with (
        LocalEcr({"team/app": EvenDigests()}) as ecr,
        opened(ecr.endpoint_url, session=ecr.session(), rate=25.0) as checker,
    ):
        run = checker.submit(singly(MANY[:2_000]))
        execution = run._execution
        loop = execution._loop
        assert loop is not None
        due_in: list[float | None] = []
        while len(due_in) < 20:
            with run._pool.lock:
                now, calls = time.monotonic(), loop._calls
                if calls is None or not loop.is_open or not calls.waiting:
                    continue
                due = execution.due(now)
                if calls.waiting:
                    due_in.append(None if due is None else due - now)
        run.cancel()
        cancelled(run)
    # A thread may start its call between two of these looks, but not each time.
    assert pytest.approx(LOOK_FOR_WAITING_S) in due_in


@pytest.mark.parametrize("checkers", [1, 2])
def test_no_more_calls_start_than_the_rate_allows(checkers: int, in_the_core: InTheCore) -> None:
    rate, calls = 1_000.0, 1_200
    with LocalEcr({"team/app": EvenDigests()}, latency_ms=3) as ecr:
        options: dict[str, Any] = {"session": ecr.session(), "rate": rate, "max_in_flight": 32}
        made = [opened(ecr.endpoint_url, **options) for _ in range(checkers)]
        began = time.monotonic()
        runs = [each.submit(singly(MANY[:calls])) for each in made]
        for run in runs:
            assert run.result(60).complete
        took = time.monotonic() - began
        for each in made:
            each.close()
    # At most a burst of 20 ms of rate, whoever starts the calls. This bound cannot fail on a slow machine.
    assert took >= (calls * checkers - 0.02 * rate - 1) / rate
    assert in_the_core.calls > calls / 4


def test_a_throttle_slows_the_whole_lane_down(in_the_core: InTheCore) -> None:
    with LocalEcr({"team/app": EvenDigests()}, throttle=Throttle(rate=400, burst=200), latency_ms=2) as ecr:
        made = [opened(ecr.endpoint_url, session=ecr.session(), rate="max") for _ in range(2)]
        runs = [each.submit(singly(MANY[:1_000])) for each in made]
        reports = [run.result(120) for run in runs]
        rates = [each.rate for each in made]
        for each in made:
            each.close()
    assert all(report.complete for report in reports)
    throttled = sum(report.stats.throttles for report in reports)
    assert 0 < throttled < 1_000
    assert None not in rates
    assert rates[0] == pytest.approx(rates[1], rel=0.05)


def test_calls_go_on_in_the_core_while_the_rate_comes_back_from_throttles(in_the_core: InTheCore) -> None:
    throttles, calls, rate, burst = {}, 2_000, 500, 100
    for transport in ("wire", "native"):
        with (
            LocalEcr(
                {"team/app": EvenDigests()}, throttle=Throttle(rate=rate, burst=burst), latency_ms=2
            ) as ecr,
            opened(ecr.endpoint_url, session=ecr.session(), transport=transport) as checker,
        ):
            began = time.monotonic()
            report = checker.check(singly(MANY[:calls]))
            took = time.monotonic() - began
        assert_true(report, MANY[:calls])
        assert took >= (calls - burst - 1) / rate  # it was the service that set the pace
        throttles[transport] = report.stats.throttles
        if transport == "wire":
            assert in_the_core.calls == 0
    # The calls of the first burst begin before a throttle is known, and more of them in the core.
    assert 0 < throttles["native"] <= 2 * throttles["wire"] + calls // 50
    assert in_the_core.calls > calls * 0.8


def test_the_core_tells_the_pacer_of_each_good_answer(in_the_core: InTheCore) -> None:
    with ScriptedServer() as server, opened(server.url, rate=2_000.0, max_in_flight=1) as checker:
        handle: Any = checker._connection.rate
        # Several throttles within the hold-off count together, with the answers since the decrease.
        handle.pacer = pacer = Pacer(2_000.0, hold_off_s=1_000.0)
        pacer.throttled(time.monotonic())
        checker.check(singly(MANY[:200]))
        before = pacer.rate
        for _ in range(4):
            pacer.throttled(time.monotonic())
        after = pacer.rate
    assert in_the_core.calls > 100
    assert before is not None
    assert after is not None
    # Without the answers, up to half of the calls would seem to be throttled, and the rate would fall deeper.
    assert after > 0.79 * before


@pytest.mark.parametrize("kind", ["latency", "slow"])
def test_a_slow_service_gets_fewer_calls_at_once_as_before(kind: FaultKind) -> None:
    settings: dict[str, Any] = {"ms": 5.0} if kind == "latency" else {"bytes_per_ms": 50}
    with (
        LocalEcr({"team/app": EvenDigests()}, faults=[Fault(kind, probability=0.3, **settings)]) as ecr,
        opened(ecr.endpoint_url, session=ecr.session(), _limits=Limits(tick_s=0.02)) as checker,
    ):
        report = checker.check(singly(MANY[:2_000]))
    assert report.complete
    assert_true(report, MANY[:2_000])
    assert report.stats.max_in_flight <= 8
