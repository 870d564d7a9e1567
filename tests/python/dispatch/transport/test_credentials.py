"""Credentials on every transport: they come from boto3, and no output shows them."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

import layercheck as lc
from dispatch.scripted_server import Reply, ScriptedServer
from dispatch.transport.conftest import ROWS, by_transport, checked, table
from fake_account import SECRET, TOKEN
from layercheck.dispatch.transport.selection import NAMES, TransportName


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
    # Nothing is assumed of credentials of an unknown class: they may be others each time.
    assert len(keys) == len(set(keys)) == 8
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


def test_credentials_that_cannot_be_refreshed_are_a_fatal_error_and_blamed_on_nothing_else(
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
        with pytest.raises(lc.CredentialsError, match="raised CredentialRetrievalError in test_"):
            checker.check(ROWS)
        assert checker.check(ROWS).complete
        assert checker.transport == "native"
    assert not caplog.records


UNUSABLE: dict[str, tuple[tuple[str, str, str | None], str]] = {
    "a token read with its line end": (("AKID", SECRET, f"{TOKEN}\n"), "session token has a line end"),
    "a token with a header behind it": (("AKID", SECRET, f"{TOKEN}\r\nX: y"), "session token has a line end"),
    "a control character": (("AKID", SECRET, f"{TOKEN}\x01"), "session token has a control character"),
    "a character of no header": (("AKID", SECRET, f"{TOKEN}\u20ac"), "session token has a character outside"),
    "bytes that are not text": (
        ("AKID", SECRET, f"{TOKEN}\udcff"),
        "session token has a byte that is not UTF-8",
    ),
    "a key id with its line end": ((f"{TOKEN}\n", SECRET, None), "access key id has a line end"),
    "a secret that is not text": (
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
