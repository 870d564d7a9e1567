"""A clock that is wrong, here or at the service, and requests that were signed long before they arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from docs.pages import ROOT
from fake_account import digests
from layercheck.aws.classify import classify
from layercheck.aws.service_clock import CORRECTIONS, LARGEST_S, ServiceClock, difference
from layercheck.cli.error_messages import explain
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

from .conftest import by_transport

ROWS = digests(1_000)
HOUR = 3_600.0
LIMITS = Limits(retry=RetryPolicy(back_off_base_s=0.001), tick_s=0.02)


def signed_at(asked: Asked) -> float:
    when = datetime.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    return when.replace(tzinfo=UTC).timestamp()


def punctual(server: ScriptedServer) -> Callable[[Asked], Reply]:
    """Refuse a signature that is more than 5 minutes from the server's clock, as AWS does."""

    def script(asked: Asked) -> Reply:
        late = time.time() + server.clock_s - signed_at(asked)
        if late > 300:
            return fault(
                "InvalidSignatureException", "Signature expired: x is now earlier than y (z - 5 min.)"
            )
        if late < -300:
            return fault("InvalidSignatureException", "Signature not yet current: x is still later than y")
        return good(asked)

    return script


def check(server: ScriptedServer, transport: TransportName, **options: Any) -> lc.Report:
    options = {
        "rate": "max",
        "_limits": LIMITS,
        "endpoint_url": server.url,
        "transport": transport,
        **options,
    }
    with lc.Checker("team/app", **options) as checker:
        return checker.check(ROWS)


@pytest.mark.parametrize("clock_s", [HOUR, -HOUR, 3 * 24 * HOUR], ids=["behind", "ahead", "days behind"])
@by_transport
def test_a_machine_whose_clock_is_wrong_signs_with_the_services_time(
    transport: TransportName, clock_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedServer() as server:
        server.clock_s = clock_s
        server.script = punctual(server)
        report = check(server, transport)
    assert report.complete
    assert report.stats.transport == transport
    assert "signing with the time of the service from now on: this machine's clock is" in caplog.text
    # Only calls that were in flight before the first refusal are asked twice.
    assert len(server.asked) <= 10 + 10
    assert {asked.headers.get("x-amz-security-token") for asked in server.asked} != {None}
    names = {
        asked.headers["authorization"].split("SignedHeaders=")[1].split(",")[0] for asked in server.asked
    }
    assert all({"host", "x-amz-date", "x-amz-target"} <= set(each.split(";")) for each in names)


@by_transport
def test_a_clock_that_changes_in_mid_run_ends_no_run(transport: TransportName) -> None:
    rows = ROWS[:600]
    for _ in range(3):
        with ScriptedServer() as server:
            on_time = punctual(server)

            def script(asked: Asked, server: ScriptedServer = server, on_time: Any = on_time) -> Reply:
                if asked.number == 200:
                    server.clock_s = HOUR
                reply: Reply = on_time(asked)
                if reply.status == 200:
                    # Answers to what was signed with the old time still come in for a while.
                    time.sleep(asked.number % 17 * 0.005)
                return reply

            server.script = script
            plan = lc.plan(rows, batch_size=1)
            limits = Limits(tick_s=0.02)
            with lc.Checker(
                "team/app",
                endpoint_url=server.url,
                rate=500.0,
                max_in_flight=16,
                transport=transport,
                _limits=limits,
            ) as checker:
                assert checker.check(plan).complete


REFUSALS = {
    "expired": ("InvalidSignatureException", "Signature expired: 1 is now earlier than 2 (3 - 5 min.)"),
    "not yet current": ("InvalidSignatureException", "Signature not yet current: 1 is still later than 2"),
    "request expired": ("RequestExpired", "Request has expired."),
    "too skewed": ("RequestTimeTooSkewed", "The difference between the request time and ... is too large."),
    "another day": (
        "IncompleteSignatureException",
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@by_transport
def test_one_request_that_was_signed_long_ago_is_asked_again(transport: TransportName, refusal: str) -> None:
    def script(asked: Asked) -> Reply:
        return fault(*REFUSALS[refusal]) if asked.number == 5 else good(asked)

    with ScriptedServer(script) as server:
        report = check(server, transport)
    assert report.complete
    assert (len(server.asked), report.stats.retries) == (11, 1)


@pytest.mark.parametrize("clock_s", [61 * 60.0, -61 * 60.0], ids=["behind", "ahead"])
@pytest.mark.parametrize("transport", [*NAMES, None], ids=[*NAMES, "own client"])
def test_a_clock_that_stays_refused_is_named_with_its_minutes(
    transport: TransportName | None, clock_s: float
) -> None:
    with ScriptedServer(lambda asked: fault(*REFUSALS["expired"])) as server:
        server.clock_s = clock_s
        own = boto3.client("ecr", endpoint_url=server.url)
        options = {"endpoint_url": None, "client": own} if transport is None else {}
        with pytest.raises(lc.CredentialsError) as caught:
            check(server, transport, **options)  # type: ignore[arg-type]
        own.close()
    says = "behind" if clock_s > 0 else "ahead"
    assert str(caught.value).endswith(
        f"; this machine's clock is 61 minutes {says}; set the clock of this machine"
    )
    assert max(server.times.values()) == 2


def test_a_callers_own_client_asks_once_more_as_it_is() -> None:
    def script(asked: Asked) -> Reply:
        return fault(*REFUSALS["expired"]) if asked.number == 3 else good(asked)

    with ScriptedServer(script) as server:
        own = boto3.client("ecr", endpoint_url=server.url)
        report = check(server, "plain", client=own, endpoint_url=None)
        own.close()
    assert report.complete


@by_transport
def test_a_wrong_secret_key_is_not_asked_again(transport: TransportName) -> None:
    said = fault("InvalidSignatureException", "The request signature we calculated does not match.")
    with ScriptedServer(lambda asked: said) as server, pytest.raises(lc.CredentialsError) as caught:
        check(server, transport)
    assert "clock" not in str(caught.value)
    assert max(server.times.values()) == 1


def test_the_command_names_the_clock_and_nothing_else_to_do_as_on_the_page() -> None:
    with ScriptedServer(lambda asked: fault(*REFUSALS["expired"])) as server:
        server.clock_s = 61 * 60.0
        with pytest.raises(lc.CredentialsError) as caught:
            check(server, "native")
    target = {"region_name": None, "registry_id": None, "public": False, "endpoint_url": None}
    advice = "this machine's clock is 61 minutes behind; set the clock of this machine"
    assert str(explain(caught.value, target)).endswith(f"; {advice}")
    assert f"`{advice}`" in (ROOT / "docs" / "troubleshooting.md").read_text()


# The clock by itself.


def dated(seconds: float) -> dict[str, Any]:
    date = datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("said", "sent_at", "offset_s"),
    [
        (NOW + HOUR, NOW, HOUR),
        (NOW - HOUR, NOW, -HOUR),
        (NOW + 30, NOW, 0),
        # Suspended for an hour between the request and the answer: nothing shows that the clock is wrong.
        (NOW, NOW - HOUR, 0),
        (NOW - HOUR, NOW - HOUR, 0),
        (NOW - HOUR / 2, NOW - HOUR, 0),
        (NOW + HOUR, NOW - HOUR, HOUR),
        (NOW + 2 * LARGEST_S, NOW, 0),
        (-5e9, NOW, 0),
    ],
)
def test_the_smallest_correction_that_explains_the_answer_counts(
    said: float, sent_at: float, offset_s: float
) -> None:
    clock = ServiceClock()
    clock.learn(dated(said), sent_at=sent_at, received_at=NOW)
    assert clock.offset_s == offset_s


def test_a_clock_that_becomes_right_is_trusted_again() -> None:
    clock = ServiceClock()
    clock.learn(dated(NOW + HOUR), sent_at=NOW, received_at=NOW)
    clock.learn(dated(NOW + 2), sent_at=NOW, received_at=NOW)
    assert clock.offset_s == 0


def test_dates_that_change_move_the_clock_a_few_times_only() -> None:
    clock = ServiceClock()
    for number in range(50):
        clock.learn(dated(NOW + HOUR * (1 + number)), sent_at=NOW, received_at=NOW)
    assert clock.offset_s == HOUR * CORRECTIONS


@pytest.mark.parametrize("date", ["", "yesterday", "x" * 100, "Mon, 99 Foo 2026 00:00:00 GMT", 5, None])
def test_a_date_that_is_none_changes_nothing(date: object) -> None:
    clock = ServiceClock()
    for response in ({"ResponseMetadata": {"HTTPHeaders": {"date": date}}}, {}, None):
        clock.learn(response, sent_at=NOW, received_at=NOW)
    assert clock.offset_s == 0


def test_a_difference_is_told_in_minutes() -> None:
    assert difference(61.0) == "this machine's clock is 2 minutes ahead"
    assert difference(-7_200.0) == "this machine's clock is 120 minutes behind"
    assert difference(59.0) == ""


def test_a_signature_that_does_not_match_is_made_again_only_if_the_clocks_differ() -> None:
    for ahead, resigns in ((0.0, False), (HOUR, True)):
        error: Any = {
            "Error": {"Code": "SignatureDoesNotMatch", "Message": "no"},
            **dated(time.time() + ahead),
        }
        assert classify(ClientError(json.loads(json.dumps(error)), "X")).resigns is resigns
