"""Calls in the core have the verdicts, statistics and journal of any others."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.schedule.native_loop.calls_in_the_core import (
    MANY,
    InTheCore,
    assert_true,
    journaled,
    opened,
    singly,
)
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good, held
from fake_account import digests
from layercheck.dispatch.transport import native
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import EvenDigests, Fault, LocalEcr, Throttle


def test_ten_thousand_calls_have_the_verdicts_statistics_and_journal_of_any_others(
    in_the_core: InTheCore, tmp_path: Path
) -> None:
    rows = digests(10_000)
    found = {}
    with LocalEcr({"team/app": EvenDigests()}) as ecr:
        for transport in ("wire", "native"):
            path = tmp_path / transport
            options: dict[str, Any] = {"transport": transport, "session": ecr.session()}
            with opened(ecr.endpoint_url, **options) as checker:
                report = checker.check(singly(rows), journal=path)
            stats = asdict(report.stats)
            del stats["seconds"], stats["transport"]
            table = report.to_arrow().to_pylist()
            found[transport] = (table, report.counts, report.errors, stats, journaled(path))
            assert_true(report, rows)
    assert found["native"] == found["wire"]
    assert in_the_core.calls > 5_000


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("rate", "most", "faults", "throttle"),
    [
        ("max", 20, [], None),
        (1_000.0, 30, [], None),
        ("max", 40, [Fault("server_error", probability=0.01)], None),
        ("max", 40, [], Throttle(rate=1_000, burst=100)),
    ],
    ids=["max", "rate", "errors", "throttles"],
)
def test_a_call_in_the_core_costs_few_interpreter_level_calls(
    rate: Literal["max"] | float, most: int, faults: list[Fault], throttle: Throttle | None
) -> None:
    counted = Counter[str]()

    def count(_: FrameType, event: str, __: object) -> None:
        counted[event] += event in ("call", "c_call")

    with (
        LocalEcr({"team/app": EvenDigests()}, faults=faults, seed=5, throttle=throttle) as ecr,
        opened(ecr.endpoint_url, session=ecr.session(), rate=rate) as checker,
    ):
        plan = singly(MANY if rate == "max" and throttle is None else MANY[:3_000])
        threading.setprofile(count)
        try:
            report = checker.check(plan)
        finally:
            threading.setprofile(None)
    assert counted.total() / report.stats.calls <= most


FAULTS: dict[str, list[Fault]] = {
    "errors": [Fault("server_error", probability=0.01)],
    "throttles": [Fault("throttle", probability=0.005)],
    "pages": [Fault("html", probability=0.01)],
    "closed connections": [Fault("close", probability=0.02), Fault("disconnect", probability=0.01)],
    "reset connections": [Fault("reset", probability=0.01), Fault("reset_body", probability=0.01)],
    "left out": [Fault("omit", probability=0.01)],
    "foreign": [Fault("foreign", probability=0.01)],
    "contradicted": [Fault("contradict", probability=0.01)],
    "cut short": [Fault("truncate", probability=0.01), Fault("cut", probability=0.01)],
    "sent twice": [Fault("twice", probability=0.01)],
    "slow": [Fault("latency", probability=0.05, ms=30.0), Fault("slow", probability=0.02, bytes_per_ms=50)],
}


EVERY = [fault for faults in FAULTS.values() for fault in faults]


@pytest.mark.parametrize("faults", [*FAULTS.values(), EVERY], ids=[*FAULTS, "all"])
def test_faults_between_good_answers_change_no_verdict(faults: list[Fault], in_the_core: InTheCore) -> None:
    rows = MANY[:6_000]
    with (
        LocalEcr({"team/app": EvenDigests()}, faults=faults, seed=5) as ecr,
        opened(ecr.endpoint_url, session=ecr.session()) as checker,
    ):
        report = checker.check(lc.plan(rows, batch_size=3))
    stats = report.stats
    assert report.complete
    assert_true(report, rows)
    assert stats.calls == 2_000 + 2 * stats.halvings
    assert stats.requests == stats.calls + stats.retries
    assert in_the_core.calls > 0


def warm_up(checker: lc.Checker) -> None:
    """Learn how boto3 asks and how many calls may be in flight, also while the machine is busy."""
    checker.check(singly(MANY[100:200]))
    while not checker._connection.pool.concurrency.is_known:
        checker.check(singly(MANY[100:200]))


def test_the_first_calls_of_a_later_run_are_made_in_the_core_too(in_the_core: InTheCore) -> None:
    with ScriptedServer() as server, opened(server.url) as checker:
        warm_up(checker)
        in_the_core.calls = 0
        report = checker.check(singly(MANY[:8]))
    assert_true(report, MANY[:8])
    assert in_the_core.calls == 8


def test_a_digest_that_an_answer_in_the_core_proves_to_be_at_fault_is_refused(
    in_the_core: InTheCore, gate: Gate
) -> None:
    rows = MANY[:8]
    gate.free = 10_000  # all calls of the first run

    def script(asked: Asked) -> Reply:
        return fault("InvalidParameterException", "no") if rows[3] in asked.digests else gate(asked)

    with ScriptedServer(script) as server, opened(server.url) as checker:
        warm_up(checker)
        in_the_core.calls, gate.free = 0, len(server.asked)
        run = checker.submit(singly(rows))
        while not run._execution._scheduler.suspects:
            assert not run._wait(0.01)
        gate.opened.set()
        report = run.result(60)
    assert list(report.digests("refused")) == [rows[3]]
    assert report.counts["available"] + report.counts["unavailable"] == 7
    assert report.complete
    assert in_the_core.calls == 7


def test_calls_that_fail_do_not_bring_the_other_threads_back_from_the_core(in_the_core: InTheCore) -> None:
    faults = [Fault("server_error", probability=0.01)]
    with (
        LocalEcr({"team/app": EvenDigests()}, faults=faults, seed=5) as ecr,
        opened(ecr.endpoint_url, session=ecr.session()) as checker,
    ):
        report = checker.check(singly(MANY[:10_000]))
    assert_true(report, MANY[:10_000])
    assert report.stats.retries > 50
    # A thread comes back with the call that failed, and takes its next call in the core again.
    assert in_the_core.calls > 9_900 - report.stats.retries


@pytest.mark.parametrize("transport", ["wire", "native"])
def test_a_run_that_goes_on_with_a_journal_makes_its_calls_in_the_core(
    transport: Literal["wire", "native"], in_the_core: InTheCore, tmp_path: Path
) -> None:
    rows = MANY[:9_000]
    plan = lc.plan(rows, batch_size=10)
    left_out = set(rows[::70])
    again = threading.Event()

    def script(asked: Asked) -> Reply:
        """To the first run: leave digests out, so that batches are known in part, and end it."""
        if again.is_set():
            return good(asked)
        if asked.number >= 300:
            return fault("AccessDeniedException")
        return held([each for each in asked.digests if each not in left_out])

    once = Limits(retry=RetryPolicy(incomplete_attempts=1), tick_s=0.02)
    with ScriptedServer(script) as server:
        with (
            opened(server.url, transport="wire", _limits=once) as checker,
            pytest.raises(lc.AccessDeniedError),
        ):
            checker.check(plan, journal=tmp_path / "j")
        asked_before, in_the_core.calls = len(server.asked), 0
        again.set()
        with opened(server.url, transport=transport) as checker:
            report = checker.check(plan, journal=tmp_path / "j")
        asked = server.asked[asked_before:]
    assert_true(report, rows)
    known = report.stats.restored
    assert 2_900 < known < 3_000
    assert sum(len(each.digests) for each in asked) == len(rows) - known
    # 600 whole batches, and the digests of batches known in part, which are packed.
    assert report.stats.calls == len(asked) == 600 + -(-(3_000 - known) // 10)
    if transport == "native":
        assert in_the_core.calls > 300


def test_a_digest_that_is_refused_in_the_midst_is_found(in_the_core: InTheCore) -> None:
    rows = MANY[:4_000]

    def script(asked: Asked) -> Reply:
        return fault("InvalidParameterException", "no") if rows[2_222] in asked.digests else good(asked)

    with ScriptedServer(script) as server, opened(server.url) as checker:
        report = checker.check(lc.plan(rows, batch_size=10))
    assert [row for row, code in enumerate(report.verdicts) if code == lc.Verdict.REFUSED] == [2_222]
    assert report.counts["available"] + report.counts["unavailable"] == 3_999
    assert in_the_core.calls > 100


def test_a_report_in_the_midst_counts_what_the_core_merged(in_the_core: InTheCore) -> None:
    with ScriptedServer() as server, opened(server.url) as checker:
        run = checker.submit(singly(MANY))
        assert in_the_core.hundred.wait(60)
        report = run.report()
        run.cancel()
    assert report.stats.calls >= 100
    known = report.counts["available"] + report.counts["unavailable"]
    assert known >= 100


def test_the_seconds_of_the_last_report_are_not_less_than_those_of_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch, in_the_core: InTheCore
) -> None:
    running: list[lc.Run] = []
    seconds: list[float] = []
    follow = native.NativeTransport.follow

    def reporting(self: native.NativeTransport, *arguments: Any) -> Any:
        answer = follow(self, *arguments)  # the answers are counted, and the thread has not come back
        seconds.extend(run.report().stats.seconds for run in running)
        return answer

    monkeypatch.setattr(native.NativeTransport, "follow", reporting)
    with (
        LocalEcr({"team/app": EvenDigests()}) as ecr,
        opened(ecr.endpoint_url, session=ecr.session()) as checker,
    ):
        running.append(checker.submit(singly(MANY)))
        seconds.append(running[0].result(60).stats.seconds)
    assert seconds[-1] == max(seconds)
    assert in_the_core.calls > 100
