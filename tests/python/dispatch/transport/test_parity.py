"""Four ways to ask, one answer: what goes out and what comes back are the same over every transport."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, fault, good
from dispatch.transport.conftest import ROWS, by_transport, checked, table
from fake_account import SECRET, TOKEN, digests
from layercheck.dispatch.transport import AskedRepository, Batch
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.testing import EvenDigests, Fault, LocalEcr

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
        Reply(body=b"no JSON") if ROWS[7] in asked.digests else good(asked)
    ),
    "a page, ever, to one batch": lambda asked: (
        Reply(body=b"<html>", headers={"Content-Type": "text/html"})
        if ROWS[7] in asked.digests
        else good(asked)
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
    if not reports["plain"].counts["unanswered"]:
        # How often a batch is asked that is never answered depends on how long its attempts take.
        assert {report.stats.requests for report in reports.values()} == {reports["plain"].stats.requests}


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
        # The server closes its ends when it notices; the client's ends are closed now.
        assert checker._connection.transport._route.wire.idle == 0  # type: ignore[attr-defined]


def kept_alive(url: str) -> set[bool]:
    """Whether the connections of this process to the server are kept alive."""
    found = set()
    for each in Path("/dev/fd").iterdir():
        if not each.is_socket():
            continue
        with socket.socket(fileno=os.dup(int(each.name))) as ours, contextlib.suppress(OSError):
            # It raises for a socket that is not connected. Libraries have sockets without an address, too.
            if ours.family != socket.AF_UNIX and url.endswith("{}:{}".format(*ours.getpeername()[:2])):
                found.add(ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0)
    return found


@by_transport
@pytest.mark.parametrize(
    ("config", "expected"),
    [(None, True), (Config(tcp_keepalive=True), True), (Config(tcp_keepalive=False), False)],
    ids=["ours", "on", "off"],
)
def test_silent_connections_are_looked_after_unless_the_config_says_otherwise(
    transport: TransportName, config: Config | None, expected: bool
) -> None:
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, transport=transport, config=config) as checker,
    ):
        assert checker.check(ROWS).complete
        assert checker.transport == transport
        assert kept_alive(server.url) == {expected}


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
            checker._connection.transport(Batch(plan, 0, 100, AskedRepository("team/app")))
        sys.setprofile(count)
        try:
            checker._connection.transport(Batch(plan, 0, 100, AskedRepository("team/app")))
        finally:
            sys.setprofile(None)
    return counted


@pytest.mark.usefixtures("no_collection")
def test_a_call_costs_a_share_of_the_interpreters_calls_that_plain_boto3_costs() -> None:
    with LocalEcr({"team/app": EvenDigests()}) as server:
        counts = {name: interpreter_calls(name, server) for name in NAMES}
    # Counts, not times: they are the same on every machine. What they buy is measured in bench/.
    assert counts["slim"] < 0.5 * counts["plain"], counts
    assert counts["wire"] < 0.3 * counts["plain"], counts
    assert counts["native"] < 10, counts
