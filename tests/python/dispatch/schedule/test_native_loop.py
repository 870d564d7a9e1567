"""Calls that threads make one after the other in the core: like any others, but for the interpreter."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import boto3
import pytest

import layercheck as lc
from dispatch.gate import Gate
from dispatch.scripted_server import Asked, Reply, ScriptedServer, answer, fault, good, held, is_held
from fake_account import SECRET, TOKEN, digests
from layercheck._core import Pacer
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.schedule.metrics import Metrics
from layercheck.dispatch.schedule.native_loop import LOOK_FOR_WAITING_S
from layercheck.dispatch.transport import native
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import EvenDigests, Fault, FaultKind, LocalEcr, Throttle

LIMITS = Limits(
    retry=RetryPolicy(attempts=12, incomplete_attempts=8, back_off_base_s=0.001, back_off_cap_s=0.01),
    tick_s=0.02,
    grace_s=0.5,
    timeout_grace_s=0.05,
    stall_s=30.0,
    body_deadline_s=0.3,
)
PATIENT = Limits(tick_s=0.02, grace_s=60)
MANY = digests(20_000)
CHECKSUM_AND_TIME = 14
"""Bytes before the outcomes of a call in a journal (`src/journal/frame.rs`): they differ from run to run."""


class InTheCore:
    """What the loops of a test merged."""

    def __init__(self) -> None:
        self.calls = 0
        self.hundred = threading.Event()

    def add(self, answers: Sequence[Answer]) -> None:
        self.calls += len(answers)
        if self.calls >= 100:
            self.hundred.set()


@pytest.fixture(autouse=True)
def in_the_core(monkeypatch: pytest.MonkeyPatch) -> InTheCore:
    seen, record = InTheCore(), Metrics.record_answers

    def count(self: Metrics, answers: Sequence[Answer]) -> None:
        seen.add(answers)
        record(self, answers)

    monkeypatch.setattr(Metrics, "record_answers", count)
    return seen


def opened(url: str, **options: Any) -> lc.Checker:
    options = {"rate": "max", "max_in_flight": 8, "_limits": LIMITS, **options}
    return lc.Checker("team/app", endpoint_url=url, **options)


def singly(rows: list[str]) -> lc.Plan:
    """One digest in each call, so that a run has many calls."""
    return lc.plan(rows, batch_size=1)


def assert_true(report: lc.Report, rows: list[str]) -> None:
    expected = [lc.Verdict.AVAILABLE if is_held(row) else lc.Verdict.UNAVAILABLE for row in rows]
    assert report.verdicts.tolist() == expected


def cancelled(run: lc.Run) -> lc.Report:
    with pytest.raises(lc.RunCancelled) as caught:
        run.result(60)
    assert caught.value.report is not None
    return caught.value.report


def journaled(path: Path) -> list[tuple[int, int, bytes]]:
    with sqlite3.connect(path) as journal:
        stored = sorted(journal.execute("SELECT start, stop, payload FROM batches"))
    return [(start, stop, payload[CHECKSUM_AND_TIME:]) for start, stop, payload in stored]


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


def assert_true_as_far_as_known(report: lc.Report) -> None:
    assert all(is_held(digest) for digest in report.digests("available"))
    assert not any(is_held(digest) for digest in report.digests("unavailable"))


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


def keys_of(asked: list[Asked]) -> list[str]:
    return [each.headers["authorization"].partition("Credential=")[2].partition("/")[0] for each in asked]


def test_keys_that_are_exchanged_in_the_midst_sign_the_later_calls(in_the_core: InTheCore) -> None:
    session = boto3.Session("AKIDONE", SECRET, TOKEN, region_name="eu-west-1")
    held: Any = vars(session)["_session"]._credentials
    new = threading.Event()

    def script(asked: Asked) -> Reply:
        if asked.number == 300:
            held.access_key, held.secret_key, held.token = "AKIDTWO", "o" * 40, None
        if keys_of([asked]) == ["AKIDTWO"] and asked.number > 5_000:
            new.set()
        return good(asked)

    with ScriptedServer(script) as server, opened(server.url, session=session) as checker:
        run = checker.submit(singly(digests(200_000)))
        assert new.wait(60)
        run.cancel()
        assert run._wait(60)
        assert set(keys_of(server.asked[-500:])) == {"AKIDTWO"}
    assert in_the_core.calls > 100


def test_a_handler_that_is_registered_in_the_midst_hears_the_later_calls(in_the_core: InTheCore) -> None:
    heard = threading.Event()

    def hear(**_: Any) -> None:
        heard.set()

    with ScriptedServer() as server, opened(server.url) as checker:
        run = checker.submit(singly(digests(200_000)))
        assert in_the_core.hundred.wait(60)
        client: Any = checker._connection.client
        client.meta.events.register("before-sign", hear)
        assert heard.wait(60)
        run.cancel()
        assert run._wait(60)
        assert checker.transport != "native"


def test_boto3_is_asked_again_when_the_minute_is_over(
    monkeypatch: pytest.MonkeyPatch, in_the_core: InTheCore
) -> None:
    monkeypatch.setattr(native, "VALID_S", 0.05)
    monkeypatch.setattr(native, "_PAUSE_S", 0.0)
    made: list[object] = []
    learned = native.NativeTransport._made_like

    def learn(self: native.NativeTransport, *arguments: Any) -> Any:
        made.append(learned(self, *arguments))
        return made[-1]

    monkeypatch.setattr(native.NativeTransport, "_made_like", learn)
    with ScriptedServer() as server, opened(server.url) as checker:
        report = checker.check(singly(MANY[:2_000]))
    assert_true(report, MANY[:2_000])
    assert report.stats.requests == 2_000
    assert len(made) > 1
    assert in_the_core.calls > 100


def test_the_secrets_of_a_call_in_the_core_are_hidden(in_the_core: InTheCore, tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        if asked.number % 50 != 49:
            return good(asked)
        echoed = {"failureCode": "Odd", "failureReason": asked.headers["authorization"]}
        return answer([], [{"layerDigest": each, **echoed} for each in asked.digests])

    with ScriptedServer(script) as server, opened(server.url, max_in_flight=1) as checker:
        report = checker.check(singly(MANY[:1_000]), journal=tmp_path / "j")
        signatures = {each.headers["authorization"].rpartition("Signature=")[2] for each in server.asked}
    texts = repr(report.to_arrow().to_pylist())
    assert texts.count("***") >= 20
    assert not any(signature in texts for signature in signatures)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode("latin-1")
    assert not any(signature in stored for signature in signatures)
    assert in_the_core.calls > 500


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
