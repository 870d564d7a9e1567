"""Calls that the core makes like one of boto3's: their bytes, and what makes boto3 be asked again."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import re
import threading
import weakref
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.endpoint import Endpoint
from botocore.history import BaseHistoryHandler, get_global_history_recorder

import layercheck as lc
from dispatch.scripted_server import Asked, ScriptedServer, fault, good
from dispatch.transport.conftest import ROWS
from dispatch.transport.recording_server import RecordingServer
from fake_account import SECRET, TOKEN, digests
from layercheck.dispatch.transport import native, selection
from layercheck.limits import Limits

CALLS = 10_000
UUID_4 = rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
DIFFERS = {
    rb"(?m)^(X-Amz-Date: )\d{8}T\d{6}Z\r$": rb"\1*\r",
    rb"(?m)^(amz-sdk-invocation-id: )" + UUID_4 + rb"\r$": rb"\1*\r",
    rb"(Credential=AKIDEXAMPLE/)\d{8}(/\S+ SignedHeaders=\S+ Signature=)[0-9a-f]{64}\r": rb"\1*\2*\r",
    # The core writes JSON without blanks, as the wire and the slim transport do.
    rb"(?m)^(Content-Length: )\d+\r$": rb"\1*\r",
    # Two tokens of the user agent say by which path botocore made it.
    rb" (m|cfg)/\S+": b"",
}


def alike(head: bytes) -> bytes:
    """The head of a request without what differs from call to call."""
    for pattern, replacement in DIFFERS.items():
        head = re.sub(pattern, replacement, head)
    return head


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode().split("\r\n")[1:-2]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def signature_by_botocore(url: str, head: bytes, body: bytes) -> str:
    headers = headers_of(head)
    request: Any = AWSRequest("POST", url + "/", data=body)
    for name in headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";"):
        request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET, TOKEN), "ecr", "eu-west-1")
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def recorded(transport: Any, rows: list[str]) -> tuple[str, list[tuple[bytes, bytes]]]:
    session = boto3.Session("AKIDEXAMPLE", SECRET, TOKEN, region_name="eu-west-1")
    with RecordingServer() as server:
        plan = lc.plan(rows, batch_size=1)
        options: dict[str, Any] = {"session": session, "endpoint_url": server.url, "rate": "max"}
        report = lc.check(plan, "team/app", transport=transport, max_in_flight=8, **options)
        assert (report.stats.transport, report.stats.requests) == (transport, len(rows))
        assert report.complete
        return server.url, server.requests


def test_ten_thousand_calls_have_the_bytes_of_botocores_but_for_what_must_differ() -> None:
    rows = digests(CALLS)
    port = re.compile(rb"127.0.0.1:\d+")
    _, plain = recorded("plain", rows[:4])
    url, requests = recorded("native", rows)
    (expected,) = {port.sub(b"host", alike(head)) for head, _ in plain}
    assert {port.sub(b"host", alike(head)) for head, _ in requests} == {expected}
    asked = [json.loads(body) for _, body in requests]
    assert {each["layerDigests"][0] for each in asked} == set(rows)
    assert {frozenset(each) for each in asked} == {frozenset(json.loads(body)) for _, body in plain}
    found = [headers_of(head) for head, _ in requests]
    assert len({headers["amz-sdk-invocation-id"] for headers in found}) == CALLS
    for headers, (head, body) in zip(found, requests, strict=True):
        assert headers["content-length"] == str(len(body))
        assert headers["authorization"].endswith(f"Signature={signature_by_botocore(url, head, body)}")


def opened(server: ScriptedServer, **options: Any) -> lc.Checker:
    return lc.Checker("team/app", endpoint_url=server.url, max_in_flight=1, rate="max", **options)


@pytest.mark.parametrize("event", [*selection._NEED_PLAIN, *selection._NEED_SLIM, *selection._NEED_WIRE])
def test_a_handler_that_is_registered_later_hears_every_later_call(
    event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_PAUSE_S", 0.0)
    heard = []

    def hear(**_: Any) -> None:
        heard.append(event)

    with ScriptedServer() as server, opened(server) as checker:
        assert checker.check(ROWS).stats.transport == "native"
        client: Any = checker._connection.client
        client.meta.events.register(event, hear)
        before = len(server.asked)
        assert checker.check(ROWS).complete
        needed = {"plain": selection._NEED_PLAIN, "slim": selection._NEED_SLIM, "wire": selection._NEED_WIRE}
        (expected,) = (name for name, events in needed.items() if event in events)
        assert checker.transport == expected
        # That event is fired only for calls that fail.
        assert event == "after-call-error" or len(heard) >= len(server.asked) - before == 8


def keys_of(asked: list[Asked]) -> list[str]:
    return [each.headers["authorization"].partition("Credential=")[2].partition("/")[0] for each in asked]


def test_credentials_that_are_due_are_renewed_before_the_next_call() -> None:
    numbers = iter(range(2, 100))

    def fresh(number: int) -> dict[str, str]:
        expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return {"access_key": f"AKID{number}", "secret_key": SECRET, "token": TOKEN, "expiry_time": expiry}

    session = boto3.Session()
    held: Any = RefreshableCredentials.create_from_metadata(fresh(1), lambda: fresh(next(numbers)), "mine")
    vars(session)["_session"]._credentials = held
    with ScriptedServer() as server, opened(server, session=session) as checker:
        checker.check(ROWS)
        assert set(keys_of(server.asked)) == {"AKID1"}
        # As if 50 minutes had passed: from 15 minutes before the end on, botocore tries to renew them.
        held._expiry_time = datetime.now(UTC) + timedelta(minutes=10)
        before = len(server.asked)
        checker.check(ROWS)
        assert set(keys_of(server.asked[before:])) == {"AKID2"}
        assert checker.transport == "native"


def test_keys_that_are_exchanged_in_place_sign_the_next_call() -> None:
    session = boto3.Session("AKIDONE", SECRET, TOKEN)
    with ScriptedServer() as server, opened(server, session=session) as checker:
        checker.check(ROWS)
        held: Any = vars(session)["_session"]._credentials
        held.access_key, held.secret_key, held.token = "AKIDTWO", "o" * 40, None
        before = len(server.asked)
        checker.check(ROWS)
    assert set(keys_of(server.asked[before:])) == {"AKIDTWO"}
    assert not any("x-amz-security-token" in each.headers for each in server.asked[before:])


def test_boto3_is_asked_again_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "VALID_S", 1e-6)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-1-1")
    with ScriptedServer() as server, opened(server) as checker:
        checker.check(ROWS)
        assert not any("x-amzn-trace-id" in each.headers for each in server.asked)
        # botocore reads both variables for each call that it makes
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
        before = len(server.asked)
        checker.check(ROWS)
    assert all(each.headers["x-amzn-trace-id"] == "Root=1-1-1" for each in server.asked[before:])


def test_in_lambda_each_call_has_the_trace_of_its_own_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    with ScriptedServer() as server, opened(server) as checker:
        for number in range(3):
            monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={number}")
            checker.check(ROWS)
        assert [each.headers["x-amzn-trace-id"] for each in server.asked] == [
            f"Root={number}" for number in range(3) for _ in range(8)
        ]


def test_an_error_between_good_calls_is_what_botocore_makes_of_it() -> None:
    once = lambda asked: fault("ServerException", "odd", status=500) if asked.number == 4 else good(asked)  # noqa: E731
    with ScriptedServer(once) as server, opened(server) as checker:
        report = checker.check(ROWS)
        assert report.complete
        assert (report.stats.retries, checker.transport) == (1, "native")


@pytest.mark.parametrize("transport", ["plain", "wire", "native"])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
def test_a_checker_leaves_neither_client_nor_credentials_behind(transport: Any, closed: bool) -> None:
    with ScriptedServer() as server:
        checker = opened(server, transport=transport, _limits=Limits(idle_s=0.01))
        before = set(threading.enumerate())
        checker.check(ROWS)
        client = weakref.ref(checker._connection.client)
        assert client() is not None
        if closed:
            checker.close()
        del checker
        for thread in set(threading.enumerate()) - before:
            if thread.name.startswith("layercheck"):
                thread.join()
        gc.collect()
        assert client() is None


@pytest.mark.parametrize("later", [False, True], ids=["from the start", "later"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [(BaseClient, "_make_api_call"), (Endpoint, "prepare_request"), (SigV4Auth, "add_auth")],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_tracer_in_the_place_of_a_method_of_botocore_sees_each_call(
    owner: type, name: str, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_PAUSE_S", 0.0)
    method, seen = getattr(owner, name), []

    @functools.wraps(method)
    def traced(*arguments: Any, **options: Any) -> Any:
        seen.append(name)
        return method(*arguments, **options)

    with ScriptedServer() as server, opened(server) as checker:
        if later:
            checker.check(ROWS)
        monkeypatch.setattr(owner, name, traced)
        assert checker.check(ROWS).complete
    assert len(seen) == 8


def test_a_header_that_differs_from_call_to_call_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layercheck.dispatch.transport.preparation._is_botocore", lambda _: True)
    prepare_request, numbers = Endpoint.prepare_request, itertools.count()

    def traced(self: Any, request: Any) -> Any:
        request.headers["traceparent"] = f"00-{next(numbers)}"
        return prepare_request(self, request)

    monkeypatch.setattr(Endpoint, "prepare_request", traced)
    with ScriptedServer() as server, opened(server) as checker:
        checker.check(ROWS)
        assert [each.headers["traceparent"] for each in server.asked] == [f"00-{each}" for each in range(8)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_client_side_monitoring_hears_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CSM_ENABLED", "true")
    with ScriptedServer() as server, opened(server) as checker:
        assert checker.check(ROWS).stats.transport == "wire"
    del checker
    gc.collect()  # botocore leaves its socket to the collector, which warns


def test_a_recorder_of_history_gets_each_call() -> None:
    recorder, kept = get_global_history_recorder(), []

    class Keep(BaseHistoryHandler):
        def emit(self, event_type: str, payload: Any, source: str) -> None:
            kept.append(event_type)

    with ScriptedServer() as server, opened(server) as checker:
        checker.check(ROWS)
        handler = Keep()
        recorder.add_handler(handler)
        recorder.enable()
        try:
            checker.check(ROWS)
        finally:
            recorder.disable()
            recorder._handlers.remove(handler)  # type: ignore[attr-defined]
    assert kept.count("API_CALL") == 8
