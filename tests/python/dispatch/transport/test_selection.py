"""Which transport is used, and when each of them steps aside."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

import layercheck as lc
from dispatch.scripted_server import ScriptedServer, fault, good
from dispatch.transport.conftest import FASTER, ROWS, checked, table
from layercheck.dispatch.transport.selection import TransportName, check_name


def test_the_fastest_is_the_default_and_a_callers_client_gets_plain_calls() -> None:
    with ScriptedServer() as server:
        assert checked(server.url, None).stats.transport == "native"
        client: Any = boto3.client("ecr", endpoint_url=server.url)
        report = lc.check(ROWS, "team/app", client=client)
        assert report.stats.transport == "plain"
        with pytest.raises(
            lc.InvalidParameterError, match="transport='slim' cannot be used here: a client of your own"
        ):
            lc.check(ROWS, "team/app", client=client, transport="slim")
        client.close()
    with pytest.raises(ValueError, match='transport is \'fast\'; expected "plain", "slim"'):
        lc.check(ROWS, "team/app", transport="fast")  # type: ignore[arg-type]


def test_a_handler_of_the_callers_session_is_never_passed_by() -> None:
    expected = {
        "before-send": "slim",
        "request-created": "slim",
        "before-sign": "slim",
        "choose-signer": "slim",
        "before-call": "slim",
        "before-parse": "plain",
        "provide-client-params": "plain",
        "response-received": "plain",
        "after-call": "plain",
        "needs-retry": "plain",
    }
    found = {}
    for event in expected:
        heard: list[str] = []
        session = boto3.Session()
        session.events.register(
            f"{event}.ecr", lambda heard=heard, event_name="", **_: heard.append(event_name)
        )
        with ScriptedServer() as server:
            report = checked(server.url, None, session=session)
            assert report.complete
            found[event] = report.stats.transport
            assert len(heard) == len(server.asked) == 8, event
            with pytest.raises(
                lc.InvalidParameterError,
                match=f"transport='native' cannot be used here: .* listens to {event}",
            ):
                checked(server.url, "native", session=session)
    assert found == expected


MOCKED = """
import boto3, layercheck as lc
from moto import mock_aws

with mock_aws():
    session = boto3.Session(region_name="us-east-1")
    session.client("ecr").create_repository(repositoryName="team/app")
    report = lc.check(["sha256:" + "ab" * 32], "team/app", session=session)
    try:
        lc.check(["sha256:" + "ab" * 32], "team/other", session=session)
    except lc.RepositoryNotFoundError as error:
        print(type(error).__name__)
print(report.stats.transport, report.counts["unavailable"])
"""


def test_a_mock_in_the_process_answers_in_place_of_the_network() -> None:
    # In a process of its own, because moto puts its handler into every session made after its import.
    run = subprocess.run([sys.executable, "-c", MOCKED], capture_output=True, text=True, check=True)
    assert run.stdout == "RepositoryNotFoundError\nslim 1\n"


@pytest.mark.parametrize(
    ("config", "expected", "why"),
    [
        (Config(proxies={"http": "http://127.0.0.1:1"}), "slim", "proxies are left to botocore"),
        (Config(client_cert="cert.pem"), "slim", "client certificates are left to botocore"),
        (
            Config(retries={"total_max_attempts": 3}),
            "wire",
            "retries that you configured are left to botocore",
        ),
        (
            Config(retries={"mode": "adaptive", "total_max_attempts": 1}),
            "wire",
            "retries that you configured are left to botocore",
        ),
        (Config(signature_version=UNSIGNED), "wire", "signatures other than v4 are left to botocore"),
        (Config(read_timeout=None), "slim", "a timeout is switched off"),
        (Config(parameter_validation=True, user_agent_extra="mine/1"), "native", ""),
    ],
    ids=[
        "proxies",
        "client certificate",
        "retries",
        "adaptive retries",
        "unsigned",
        "no time-out",
        "harmless",
    ],
)
def test_settings_that_only_botocore_keeps_are_left_to_botocore(
    config: Config, expected: str, why: str
) -> None:
    with lc.Checker("team/app", endpoint_url="http://127.0.0.1:9", config=config) as checker:
        assert checker.transport == expected
    if why:
        with pytest.raises(lc.InvalidParameterError, match=f"cannot be used here: {why}; pass '{expected}'"):
            lc.Checker("team/app", endpoint_url="http://127.0.0.1:9", config=config, transport="native")


def test_what_a_botocore_does_not_tell_any_more_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[check_name.__module__], "_http_session", lambda client: None)
    for url, why in (
        ("http://127.0.0.1:9", "keeps silent connections alive"),
        ("https://127.0.0.1:9", "verif"),
    ):
        with lc.Checker("team/app", endpoint_url=url) as checker:
            assert checker.transport == "slim"
        with pytest.raises(lc.InvalidParameterError, match=f"this botocore does not tell .*{why}"):
            lc.Checker("team/app", endpoint_url=url, transport="wire")


def test_fips_endpoints_are_left_to_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    with lc.Checker("team/app", region_name="us-east-1") as checker:
        assert checker.transport == "slim"
        assert "fips" in str(checker.target.endpoint_url)


def test_retries_and_a_validator_of_the_callers_own_still_work() -> None:
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, parameter_validation=True)
    once = lambda asked: fault("ServerException", status=500) if asked.number == 1 else good(asked)  # noqa: E731
    with ScriptedServer(once) as server:
        report = checked(server.url, None, config=config, max_in_flight=1)
        assert (report.complete, report.stats.transport, report.stats.retries) == (True, "wire", 0)
        assert len(server.asked) == 9


def test_a_proxy_of_the_environment_is_left_to_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        report = checked("http://ecr.invalid", None)
        assert (report.stats.transport, report.complete) == ("slim", True)
        assert len(proxy.asked) == 8
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert checked(proxy.url, None).stats.transport == "native"


@pytest.mark.parametrize("path", ["/a b", "/caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
@pytest.mark.parametrize("transport", ["wire", "native"])
def test_a_path_that_must_be_escaped_is_left_to_botocore(transport: TransportName, path: str) -> None:
    with ScriptedServer() as server:
        report = checked(server.url + path, transport)
        assert (report.complete, report.stats.transport) == (True, "slim")


@pytest.mark.parametrize("transport", ["wire", None])
def test_no_reason_for_a_slower_transport_shows_the_password_of_an_endpoint(
    transport: TransportName | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "layercheck")
    said = ""
    try:
        lc.Checker("team/app", endpoint_url="ftp://me:MARKER@127.0.0.1:9", transport=transport).close()
    except lc.InvalidParameterError as error:
        said = str(error)
    said += caplog.text
    assert "ftp://***@127.0.0.1:9 is not an http URL" in said
    assert "MARKER" not in said


@pytest.mark.parametrize(("event", "left"), [("before-call", 1), ("before-parse", 0)])
@pytest.mark.parametrize("transport", FASTER)
def test_an_event_that_is_not_fired_costs_speed_and_no_verdict(
    transport: TransportName, event: str, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, transport=transport, max_in_flight=1) as checker,
    ):
        client: Any = checker._connection.client
        handler = getattr(checker._connection.transport, f"_{event.replace('-', '_')}")
        client.meta.events.unregister(event, handler)
        with caplog.at_level(logging.WARNING, logger="layercheck"):
            reports = [checker.check(ROWS), checker.check(ROWS)]
        with ScriptedServer() as other:
            plain = checked(other.url, "plain")
        if transport == "native" and event == "before-parse":
            # Answers do not come by way of that event.
            assert checker.transport == "native"
            assert not caplog.records
            left = 0
        else:
            assert checker.transport == "plain"
            assert [record.message for record in caplog.records] == [
                f"this botocore does not fire {event} for BatchCheckLayerAvailability; "
                "layercheck now makes plain boto3 calls, which are slower"
            ]
        assert all(table(report) == table(plain) for report in reports)
        # A request that did not hold the batch was answered, perhaps, and not believed.
        assert len([asked for asked in server.asked if len(asked.digests) == 1]) == left
