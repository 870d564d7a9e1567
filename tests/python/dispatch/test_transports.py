"""Transports: four ways to ask, one answer; and when each of them steps aside."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

import layercheck as lc
from dispatch.conftest import SECRET, TOKEN, digests
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from layercheck.dispatch.transport import Batch
from layercheck.dispatch.transport.choose import NAMES, TransportName
from layercheck.dispatch.tuning import Tuning
from layercheck.testing import EvenDigests, Fault, LocalEcr

ROWS = [*digests(750), "junk", digests(1)[0].upper()]
FASTER = NAMES[1:]

by_transport = pytest.mark.parametrize("transport", NAMES)


def table(report: lc.Report) -> list[dict[str, Any]]:
    """Everything a report says of its rows."""
    lines: list[dict[str, Any]] = report.to_arrow().to_pylist()
    return lines


def checked(url: str, transport: TransportName | None, **options: Any) -> lc.Report:
    tuning = Tuning(back_off_base_s=0.001, tick_s=0.02)
    with lc.Checker("team/app", endpoint_url=url, transport=transport, _tuning=tuning, **options) as checker:
        return checker.check(ROWS)


SCRIPTS: dict[str, Callable[[Asked], Reply]] = {
    "a good server": good,
    "one poison digest": lambda asked: (
        fault("InvalidParameterException", f"layerDigests has {ROWS[7]}")
        if ROWS[7] in asked.digests
        else good(asked)
    ),
    "an error of its own, once": lambda asked: (
        fault("ServerException", status=500) if asked.number == 1 else good(asked)
    ),
    "throttling, once": lambda asked: fault("ThrottlingException") if asked.number == 1 else good(asked),
    "no answer, ever, to one batch": lambda asked: (
        Reply(body=b"<html>") if ROWS[7] in asked.digests else good(asked)
    ),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_all_transports_report_the_same_of_every_row(script: Callable[[Asked], Reply]) -> None:
    reports = {}
    for name in NAMES:
        with ScriptedServer(script) as server:
            report = reports[name] = checked(server.url, name, max_in_flight=1)
            assert report.stats.transport == name
            assert server.digests_asked == set(digests(750))
    told = {
        name: [(line["verdict"], line["size"], line["code"]) for line in table(report)]
        for name, report in reports.items()
    }
    assert told["slim"] == told["wire"] == told["native"] == told["plain"]
    assert {report.stats.requests for report in reports.values()} == {reports["plain"].stats.requests}


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


@by_transport
@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
def test_both_services_are_asked_over_every_transport(transport: TransportName, public: bool) -> None:
    with LocalEcr({"team/app": EvenDigests()}, region_name="us-east-1") as ecr:
        options: dict[str, Any] = {
            "session": ecr.session(),
            "endpoint_url": ecr.endpoint_url,
            "public": public,
        }
        report = lc.check(ROWS, "team/app", transport=transport, **options)
        assert (report.stats.transport, report.complete) == (transport, True)
        assert {call.service for call in ecr.calls} == {"ecr-public" if public else "ecr"}


def test_every_transport_calls_itself_what_plain_boto3_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "my-audit")
    agents = {}
    for transport in NAMES:
        session: Any = boto3.Session()
        vars(session)["_session"].user_agent_extra = "mine/1"
        with ScriptedServer() as server:
            config = Config(user_agent_extra="yours/2")
            assert checked(server.url, transport, session=session, config=config).complete
            for asked in server.asked:
                assert asked.headers["x-amz-security-token"] == TOKEN
                assert asked.headers["content-type"] == "application/x-amz-json-1.1"
            # Two of botocore's tokens differ by its path: how it retries, and a list of features used.
            tokens = server.asked[0].headers["user-agent"].split()
            agents[transport] = [each for each in tokens if not each.startswith(("m/", "cfg/"))]
    assert len({tuple(tokens) for tokens in agents.values()}) == 1
    names = {token.partition("/")[0] for token in agents["native"]}
    assert {"Boto3", "md", "os", "lang", "app", "mine", "yours", "layercheck"} <= names
    assert len(agents["native"]) == len(set(agents["native"]))


@pytest.mark.parametrize("host", ["127.0.0.1", "LocalHost", "me:password@127.0.0.1"])
@by_transport
def test_botocore_makes_the_same_signature_of_the_request_that_was_sent(
    transport: TransportName, host: str
) -> None:
    class Witness(SigV4Auth):
        def __init__(self, timestamp: str) -> None:
            super().__init__(Credentials("AKIDEXAMPLE", SECRET, TOKEN), "ecr", "eu-west-1")
            self.timestamp = timestamp

        def sign(self, request: AWSRequest) -> str:
            request.context["timestamp"] = self.timestamp
            text = self.string_to_sign(request, self.canonical_request(request))
            return str(self.signature(text, request))

    with ScriptedServer() as server:
        url = server.url.replace("127.0.0.1", host)
        report = lc.check(ROWS[:250], "team/app", endpoint_url=url, transport=transport)
        assert (report.complete, report.stats.transport) == (True, transport)
        assert len(server.asked) == 3
        for asked in server.asked:
            authorization = asked.headers["authorization"]
            signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
            assert {"host", "x-amz-date", "x-amz-security-token", "x-amz-target", "content-type"} <= set(
                signed
            )
            request: Any = AWSRequest("POST", server.url + "/", data=asked.body)
            for name in signed:
                request.headers[name] = asked.headers[name]
            mine = Witness(asked.headers["x-amz-date"]).sign(request)
            assert authorization.endswith(f"Signature={mine}")


@pytest.mark.parametrize("path", ["/a b", "/caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
@pytest.mark.parametrize("transport", ["wire", "native"])
def test_a_path_that_must_be_escaped_is_left_to_botocore(transport: TransportName, path: str) -> None:
    with ScriptedServer() as server:
        report = checked(server.url + path, transport)
        assert (report.complete, report.stats.transport) == (True, "slim")


def test_credentials_are_asked_of_the_session_for_each_call() -> None:
    class Turning(Credentials):
        number = 0

        def get_frozen_credentials(self) -> Any:
            self.number += 1
            return Credentials(f"AKID{self.number}", SECRET, None).get_frozen_credentials()

    with ScriptedServer() as server:
        session = boto3.Session()
        vars(session)["_session"]._credentials = Turning("AKID", SECRET)
        assert checked(server.url, "native", session=session, max_in_flight=1).complete
        keys = [
            asked.headers["authorization"].partition("Credential=")[2].partition("/")[0]
            for asked in server.asked
        ]
    assert keys == [f"AKID{number}" for number in range(1, 9)]
    assert not any("x-amz-security-token" in asked.headers for asked in server.asked)


def test_the_credentials_are_those_the_client_was_made_with() -> None:
    session = boto3.Session("AKIDFIRST", SECRET)
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, session=session, transport="native") as checker,
    ):
        vars(session)["_session"].set_credentials("AKIDSECOND", SECRET)
        assert checker.check(ROWS).complete
        assert all("Credential=AKIDFIRST/" in asked.headers["authorization"] for asked in server.asked)


UNUSABLE: dict[str, tuple[tuple[str, str, str | None], str]] = {
    "a token read with its line end": (("AKID", SECRET, f"{TOKEN}\n"), "session token has a line end"),
    "a token with a header behind it": (("AKID", SECRET, f"{TOKEN}\r\nX: y"), "session token has a line end"),
    "a control character": (("AKID", SECRET, f"{TOKEN}\x01"), "session token has a control character"),
    "a character of no header": (("AKID", SECRET, f"{TOKEN}\u20ac"), "session token has a character outside"),
    "bytes that are no text": (
        ("AKID", SECRET, f"{TOKEN}\udcff"),
        "session token has a byte that is no UTF-8",
    ),
    "a key id with its line end": ((f"{TOKEN}\n", SECRET, None), "access key id has a line end"),
    "a secret that is no text": (
        ("AKID", f"{SECRET}\udcff", None),
        "secret access key has a byte that is no",
    ),
}


@pytest.mark.parametrize(("keys", "why"), UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("transport", [*NAMES, "a client of the caller's"])
def test_credentials_that_no_request_can_hold_end_the_run_at_once_and_are_told_to_nobody(
    transport: Any, keys: tuple[str, str, str | None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "layercheck")
    session = boto3.Session(*keys)
    with ScriptedServer() as server:
        options: dict[str, Any] = {"session": session, "endpoint_url": server.url, "transport": transport}
        if transport not in NAMES:
            options = {"client": session.client("ecr", endpoint_url=server.url)}
        with (
            lc.Checker("team/app", max_in_flight=1, **options) as checker,
            pytest.raises(lc.CredentialsError, match=why) as caught,
        ):
            checker.check(ROWS)
        assert not server.asked
    report: Any = caught.value.report
    assert (report.stats.requests, report.unique_counts["not_checked"]) == (1, 650)
    shown = "".join(traceback.format_exception(caught.value))
    shown += repr((report.errors, table(report), caplog.messages, checker))
    assert not any(secret in shown for secret in (SECRET, TOKEN, "\\udcff"))


@by_transport
def test_credentials_that_are_odd_and_can_be_sent_are_the_services_business(transport: TransportName) -> None:
    session = boto3.Session("AK ID", f"{SECRET}\u20ac", f"{TOKEN}\t\xe9")
    with ScriptedServer() as server:
        assert checked(server.url, transport, session=session).complete
        assert len(server.asked) == 8


@by_transport
def test_an_error_does_not_keep_the_request_that_was_signed(transport: TransportName) -> None:
    with ScriptedServer(lambda _: Reply(reset=True)) as server, pytest.raises(lc.EndpointError) as caught:
        checked(server.url, transport, max_in_flight=1)
    each: BaseException | None = caught.value
    while each is not None:
        assert TOKEN not in repr(vars(each))
        each = each.__cause__ or each.__context__


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
    assert "ftp://***@127.0.0.1:9 is no http URL" in said
    assert "MARKER" not in said


@by_transport
def test_an_error_carries_what_botocore_makes_of_it(transport: TransportName) -> None:
    with ScriptedServer(lambda _: fault("RepositoryNotFoundException", "no team/app")) as server:
        with pytest.raises(lc.RepositoryNotFoundError) as caught:
            checked(server.url, transport, max_in_flight=1)
        response: Any = caught.value.response
    metadata = response.pop("ResponseMetadata")
    assert response == {
        "Error": {"Code": "RepositoryNotFoundException", "Message": "no team/app"},
        "message": "no team/app",
    }
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (400, 0)
    assert caught.value.operation_name == "BatchCheckLayerAvailability"


@by_transport
def test_an_answer_that_a_proxy_has_changed_is_one(
    transport: TransportName, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedServer(lambda asked: replace(good(asked), status=203)) as server:
        report = checked(server.url, transport)
        assert (report.complete, report.stats.transport) == (True, transport)
    assert not caplog.records


def test_credentials_that_cannot_be_refreshed_are_a_dead_end_and_blamed_on_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Credentials):
        failures = 1

        def get_frozen_credentials(self) -> Any:
            if self.failures:
                self.failures -= 1
                raise CredentialRetrievalError(provider="mine", error_msg="not now")
            return super().get_frozen_credentials()

    session = boto3.Session()
    vars(session)["_session"]._credentials = Failing("AKID", SECRET)
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, session=session) as checker,
    ):
        with pytest.raises(lc.CredentialsError, match="not now"):
            checker.check(ROWS)
        assert checker.check(ROWS).complete
        assert checker.transport == "native"
    assert not caplog.records


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
        (Config(read_timeout=None), "slim", "there is no time-out"),
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


@pytest.mark.parametrize(("event", "left"), [("before-call", 1), ("before-parse", 0)])
@pytest.mark.parametrize("transport", FASTER)
def test_an_event_that_is_not_fired_costs_speed_and_no_verdict(
    transport: TransportName, event: str, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, transport=transport, max_in_flight=1) as checker,
    ):
        client: Any = checker._open.client
        handler = getattr(checker._transport, f"_{event.replace('-', '_')}")
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
                "going on with plain boto3 calls, which are slower"
            ]
        assert all(table(report) == table(plain) for report in reports)
        # A request that did not hold the batch was answered, perhaps, and not believed.
        assert len([asked for asked in server.asked if len(asked.digests) == 1]) == left


@pytest.mark.parametrize("transport", NAMES)
def test_a_private_authority_is_trusted_where_botocore_would(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalEcr({"team/app": EvenDigests()}, tls=True) as ecr:
        options: dict[str, Any] = {
            "endpoint_url": ecr.endpoint_url,
            "region_name": "us-east-1",
            "transport": transport,
        }
        with pytest.raises(lc.EndpointError, match="certificate verify failed"):
            lc.check(ROWS, "team/app", **options)
        assert ecr.counters.requests == 0
        assert ecr.ca_bundle is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", ecr.ca_bundle)
        report = lc.check(ROWS, "team/app", **options)
        assert (report.complete, report.stats.transport) == (True, transport)


@pytest.mark.parametrize("tls", ["wrong_host", "expired"])
@pytest.mark.parametrize("transport", FASTER)
def test_a_certificate_that_proves_nothing_is_believed_by_no_transport(
    transport: TransportName, tls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalEcr({"team/app": EvenDigests()}, tls=tls) as ecr:
        assert ecr.ca_bundle is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", ecr.ca_bundle)
        with pytest.raises(lc.EndpointError, match=r"certificate|doesn't match"):
            lc.check(
                ROWS, "team/app", endpoint_url=ecr.endpoint_url, region_name="us-east-1", transport=transport
            )
        assert ecr.counters.requests == 0


@pytest.mark.parametrize("transport", ["wire", "native"])
def test_a_bundle_that_only_openssl_could_read_is_left_to_botocore(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("no certificate\n")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    plan = lc.plan(digests(1))
    options: dict[str, Any] = {"endpoint_url": "https://127.0.0.1:9", "region_name": "us-east-1"}
    with (
        lc.Checker("team/app", transport="plain", **options) as plain,
        lc.Checker("team/app", transport=transport, **options) as checker,
    ):
        with pytest.raises(Exception) as expected:
            plain._transport(Batch(plan, 0, 1))
        with pytest.raises(Exception) as caught:
            checker._transport(Batch(plan, 0, 1))
        assert (type(caught.value), str(caught.value)) == (type(expected.value), str(expected.value))
        assert checker.transport == "slim"


def test_connections_are_used_again_and_closed_with_the_checker() -> None:
    def connections() -> set[str]:
        links = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        return {str(link) for link in links if str(link).startswith("socket:")}

    with ScriptedServer() as server:
        before = connections()
        with lc.Checker("team/app", endpoint_url=server.url, transport="native", max_in_flight=3) as checker:
            checker.check(ROWS)
            checker.check(ROWS)
            assert len({asked.client for asked in server.asked}) <= 3
            assert len(connections() - before) > 0
        # The server's own ends go when it notices; ours are gone now.
        assert checker._transport._route.wire.idle == 0  # type: ignore[attr-defined]


@by_transport
def test_connections_that_break_are_errors_that_pass(transport: TransportName) -> None:
    faults = [Fault("reset", calls=(1, 2)), Fault("truncate", calls=(3, 3))]
    with LocalEcr({"team/app": EvenDigests()}, faults=faults) as ecr:
        report = lc.check(
            ROWS, "team/app", session=ecr.session(), endpoint_url=ecr.endpoint_url, transport=transport
        )
        assert (report.complete, report.stats.retries) == (True, 3)
        assert report.unique_counts["available"] + report.unique_counts["unavailable"] == 750


def interpreter_calls(transport: TransportName, server: LocalEcr) -> int:
    """Calls of the interpreter, Python's and C's, for one API call with a hundred digests."""
    plan = lc.plan(digests(100))
    options: dict[str, Any] = {"session": server.session(), "endpoint_url": server.endpoint_url}
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    with lc.Checker("team/app", transport=transport, **options) as checker:
        for _ in range(3):  # connections, caches
            checker._transport(Batch(plan, 0, 100))
        sys.setprofile(count)
        try:
            checker._transport(Batch(plan, 0, 100))
        finally:
            sys.setprofile(None)
    return counted


def test_a_call_costs_a_share_of_the_interpreters_calls_that_plain_boto3_costs() -> None:
    with LocalEcr({"team/app": EvenDigests()}) as server:
        counts = {name: interpreter_calls(name, server) for name in NAMES}
    # Counts, not times: they are the same on every machine. What they buy is measured in bench/.
    assert counts["slim"] < 0.5 * counts["plain"], counts
    assert counts["wire"] < 0.3 * counts["plain"], counts
    assert counts["native"] < 0.06 * counts["plain"], counts
