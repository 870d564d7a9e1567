"""Every run ends: at its timeout, when the service stops answering, or when credentials expire for good."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

import layercheck as lc
from dispatch.gate import Gate
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from fake_account import digests
from layercheck._core import Call
from layercheck.dispatch.outcome import Answer
from layercheck.dispatch.schedule.execution import Execution
from layercheck.dispatch.schedule.metrics import Metrics
from layercheck.dispatch.transport.selection import NAMES
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

QUICK = Limits(
    retry=RetryPolicy(back_off_base_s=0.001, back_off_cap_s=0.01),
    tick_s=0.01,
    grace_s=0.2,
    timeout_grace_s=0.05,
)
STALLING = replace(QUICK, stall_s=0.5)
"""For tests of a stall alone: a busy machine may well do nothing for half a second."""
ROWS = digests(5000)


def answer_then_hang(calls: int, opened: threading.Event) -> Callable[[Asked], Reply]:
    def script(asked: Asked) -> Reply:
        if asked.number >= calls:
            opened.wait(60)
        return good(asked)

    return script


def checker_for(server: ScriptedServer, **options: Any) -> lc.Checker:
    return lc.Checker(
        "team/app",
        endpoint_url=server.url,
        **{"rate": "max", "_limits": QUICK, "max_in_flight": 3, **options},
    )


def timed_out(calls: int, timeout_s: float) -> tuple[lc.Report, float]:
    """The report of a run whose server answers `calls` and then hangs, and its timeout.

    A machine that is too slow to ask so many in the given time is given more.
    """
    opened = threading.Event()
    limits = Limits(tick_s=0.01, timeout_grace_s=0.05)  # without the short limits of QUICK
    with (
        ScriptedServer(answer_then_hang(calls, opened)) as server,
        checker_for(server, _limits=limits) as checker,
    ):
        report = checker.check(ROWS, timeout_s=timeout_s)
        opened.set()
        asked = len(server.asked)
    in_time = asked == calls + checker.max_in_flight or timeout_s > 60
    return (report, timeout_s) if in_time else timed_out(calls, 4 * timeout_s)


def test_a_run_that_times_out_reports_what_it_knows() -> None:
    report, timeout_s = timed_out(calls=7, timeout_s=0.5)
    assert report.stats.ended == "timeout"
    assert not report.complete
    assert not report.cancelled
    counts = report.counts
    assert sum(counts.values()) == len(ROWS)
    assert counts["available"] + counts["unavailable"] == 700
    assert counts["unanswered"] == 300
    assert {(error.kind, error.code) for error in report.errors} == {("timeout", "RunTimeout")}
    assert f"{timeout_s} s" in report.errors[0].message
    with pytest.raises(lc.UnansweredError):
        report.raise_for_failures()


def test_calls_in_flight_at_the_timeout_may_still_be_answered() -> None:
    opened = threading.Event()
    limits = Limits(tick_s=0.01, timeout_grace_s=60)
    with (
        ScriptedServer(answer_then_hang(7, opened)) as server,
        checker_for(server, _limits=limits) as checker,
    ):
        run = checker.submit(ROWS, timeout_s=0.3)
        while run.report().stats.ended == "running":
            assert not run.done()
        opened.set()
        report = run.result()
    assert report.stats.ended == "timeout"
    counts = report.counts
    assert counts["unanswered"] == 0
    # Ten calls, or fewer on a machine that is too slow to send them in the time.
    assert 0 < len(server.asked) <= 10
    assert counts["available"] + counts["unavailable"] == 100 * len(server.asked)
    assert counts["not_checked"] == len(ROWS) - 100 * len(server.asked)


def test_a_run_that_finishes_before_its_timeout_is_done() -> None:
    with ScriptedServer() as server, checker_for(server) as checker:
        report = checker.check(ROWS[:300], timeout_s=60)
    assert (report.complete, report.stats.ended) == (True, "done")


@pytest.mark.parametrize(
    ("timeout_s", "raises"),
    [(0, ValueError), (-1, ValueError), (math.nan, ValueError), ("5", TypeError), (True, TypeError)],
)
def test_an_invalid_timeout_is_refused(timeout_s: Any, raises: type[Exception]) -> None:
    with ScriptedServer() as server:
        with checker_for(server) as checker, pytest.raises(raises, match="timeout_s"):
            checker.check(ROWS, timeout_s=timeout_s)
        with pytest.raises(raises, match="timeout_s"):
            lc.check(ROWS, "team/app", endpoint_url=server.url, timeout_s=timeout_s)
        assert server.asked == []


@pytest.mark.parametrize("reply", [fault("ServerException", status=500), fault("ThrottlingException")])
def test_a_run_ends_with_its_verdicts_if_the_service_stops_answering(reply: Reply) -> None:
    rows = digests(20_000)
    script = lambda asked: good(asked) if asked.number < 30 else reply  # noqa: E731
    with ScriptedServer(script) as server, checker_for(server, _limits=STALLING) as checker:
        report = checker.check(rows)
    assert report.stats.ended == "stalled"
    counts = report.counts
    assert counts["available"] + counts["unavailable"] == 3000
    assert counts["not_checked"] > 10_000
    assert sum(counts.values()) == len(rows)
    assert report.errors
    assert len(server.asked) < 30 + (QUICK.outage_failures + 3) * QUICK.retry.throttle_attempts


def test_a_run_ends_with_its_verdicts_if_the_service_hangs() -> None:
    opened = threading.Event()
    with (
        ScriptedServer(answer_then_hang(7, opened)) as server,
        checker_for(server, _limits=STALLING) as checker,
    ):
        report = checker.check(ROWS)
        opened.set()
    assert report.stats.ended == "stalled"
    assert report.counts["available"] + report.counts["unavailable"] == 700
    assert {error.kind for error in report.errors} == {"stalled"}
    assert "no usable answer in 0.5 s" in report.errors[0].message


def test_a_service_that_never_answers_is_an_endpoint_error() -> None:
    opened = threading.Event()
    with (
        ScriptedServer(answer_then_hang(0, opened)) as server,
        checker_for(server, _limits=STALLING) as checker,
    ):
        with pytest.raises(lc.EndpointError, match=r"no usable answer in 0.5 s") as caught:
            checker.check(ROWS)
        opened.set()
    assert caught.value.report is not None
    assert caught.value.report.stats.ended == "fatal"
    assert caught.value.report.counts["not_checked"] > 0


def test_a_slow_rate_does_not_count_as_a_stall() -> None:
    with ScriptedServer() as server, checker_for(server, rate=1.5, _limits=STALLING) as checker:
        report = checker.check(ROWS[:300])
    assert (report.complete, report.stats.ended) == (True, "done")
    assert report.stats.seconds > STALLING.stall_s


class Issuer:
    """Temporary credentials whose token contains the time at which the server starts to refuse it."""

    def __init__(self, life_s: float, taken_s: float) -> None:
        self.life_s = life_s
        self.taken_s = taken_s
        self.issued = 0
        self.fails: Callable[[int], bool] = lambda number: False

    def __call__(self) -> dict[str, str]:
        self.issued += 1
        if self.fails(self.issued):
            raise CredentialRetrievalError(provider="test", error_msg="a hiccup")
        return {
            "access_key": "ASIAQNZGKIQY56JQ7WML",
            "secret_key": "s",
            "token": str(time.monotonic() + self.taken_s),
            "expiry_time": (datetime.now(UTC) + timedelta(seconds=self.life_s)).isoformat(),
        }

    def session(self, **windows: int) -> Any:
        inner = botocore.session.get_session()
        inner._credentials = RefreshableCredentials.create_from_metadata(  # type: ignore[attr-defined]
            self(), self, "test", **windows
        )
        return boto3.Session(botocore_session=inner, region_name="eu-west-1")

    @staticmethod
    def verify(asked: Asked) -> Reply:
        taken = time.monotonic() <= float(asked.headers["x-amz-security-token"])
        return good(asked) if taken else fault("ExpiredTokenException", "The security token is expired")


@pytest.mark.parametrize("transport", NAMES)
def test_credentials_that_expire_every_second_cost_no_verdict(transport: str) -> None:
    issuer = Issuer(life_s=1.0, taken_s=1.0)
    options = {
        "session": issuer.session(),
        "rate": 30,
        "_limits": Limits(tick_s=0.01),
        "transport": transport,
    }
    with ScriptedServer(issuer.verify) as server, checker_for(server, **options) as checker:
        report = checker.check(ROWS)
    assert (report.complete, report.stats.transport) == (True, transport)
    assert report.errors == ()
    assert issuer.issued > 1


@pytest.mark.parametrize("transport", NAMES)
def test_credentials_that_the_service_refuses_early_are_renewed_and_retried(transport: str) -> None:
    # botocore uses them to the last moment here, but the service's clock is a fifth of a second ahead.
    issuer = Issuer(life_s=1.0, taken_s=0.8)
    session = issuer.session(advisory_timeout=0, mandatory_timeout=0)
    options = {"session": session, "rate": 25, "_limits": Limits(tick_s=0.01), "transport": transport}
    with ScriptedServer(issuer.verify) as server, checker_for(server, **options) as checker:
        report = checker.check(ROWS)
    assert report.complete
    assert report.errors == ()
    assert report.stats.retries > 0
    assert issuer.issued > 1


def test_a_failed_renewal_of_credentials_is_retried() -> None:
    issuer = Issuer(life_s=1.0, taken_s=60.0)
    session = issuer.session()
    # Fewer failures than the attempts of one call, so that no call is given up.
    issuer.fails = lambda number: number < QUICK.retry.renewal_attempts
    with ScriptedServer(issuer.verify) as server, checker_for(server, session=session) as checker:
        report = checker.check(ROWS)
    assert report.complete
    assert report.stats.retries > 0


def test_credentials_that_are_expired_even_after_a_renewal_end_the_run() -> None:
    issuer = Issuer(life_s=60.0, taken_s=-1.0)
    numbers = itertools.count()

    def script(asked: Asked) -> Reply:
        return good(asked) if next(numbers) < 5 else issuer.verify(asked)

    with (
        ScriptedServer(script) as server,
        checker_for(server, session=issuer.session()) as checker,
        pytest.raises(lc.CredentialsError, match="ExpiredTokenException") as caught,
    ):
        checker.check(ROWS)
    assert caught.value.report is not None
    assert caught.value.report.counts["available"] + caught.value.report.counts["unavailable"] == 500
    assert len(server.asked) < 5 + (QUICK.outage_failures + 3) * QUICK.retry.renewal_attempts


@pytest.mark.parametrize("transport", ["wire", "native"])
def test_a_bug_in_layercheck_ends_the_run_with_its_verdicts(
    transport: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, record = Execution._settle_answer, Metrics.record_answers

    def fail(self: Execution, call: Call, *rest: Any) -> None:
        if call.start >= 1000:
            raise ZeroDivisionError("a mistake")
        settle(self, call, *rest)

    def fail_to_count(self: Metrics, answers: Sequence[Answer]) -> None:
        if any(start >= 1000 for start, *_ in answers):
            raise ZeroDivisionError("a mistake")
        record(self, answers)

    monkeypatch.setattr(Execution, "_settle_answer", fail)
    monkeypatch.setattr(Metrics, "record_answers", fail_to_count)
    gate.free = 12
    with (
        ScriptedServer(gate) as server,
        checker_for(server, transport=transport, max_in_flight=4) as checker,
        pytest.raises(ZeroDivisionError) as caught,
    ):
        checker.check(ROWS)
    report: lc.Report = caught.value.report  # type: ignore[attr-defined]
    assert sum(report.counts.values()) == len(ROWS)
    # Three of the ten calls before it may still be under way.
    assert report.counts["available"] + report.counts["unavailable"] >= 700
    assert report.counts["not_checked"] > 3000
