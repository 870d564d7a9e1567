"""A server or a proxy that repeats the request gets no secret into what layercheck shows or keeps."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import pickle
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, answer, held
from fake_account import digests
from layercheck.dispatch.transport.selection import TransportName
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from spellings import SPELLINGS, shown

from .conftest import by_transport

KEY = "ASIAZ3MPHJ4KQN7EXMPL"
SECRET = base64.b64encode(hashlib.sha256(b"secret").digest()).decode()[:40]
TOKEN = "IQoJb3JpZ2luX2Vj" + "".join(
    base64.b64encode(hashlib.sha512(bytes([part])).digest()).decode() for part in range(5)
)
LIMITS = Limits(retry=RetryPolicy(attempts=2, back_off_base_s=0.001), tick_s=0.02)


def signature_of(asked: Asked) -> str:
    return asked.headers["authorization"].rpartition("Signature=")[2]


def secrets_in(server: ScriptedServer) -> list[str]:
    return [KEY, SECRET, TOKEN, *{signature_of(asked) for asked in server.asked}]


def request_of(asked: Asked) -> str:
    """The whole request as text, in an order in which the secrets stand first."""
    names = sorted(asked.headers, key=lambda name: ("security" not in name, "authorization" not in name))
    return "\r\n".join(f"{name}: {asked.headers[name]}" for name in names) + "\r\n\r\n" + asked.body.decode()


def written_out(report: lc.Report, folder: Path) -> str:
    """Everything that a report shows or writes."""
    for name in ("r.csv", "r.jsonl", "r.parquet", "r.arrow"):
        report.write(folder / name)
    # Repeated texts are stored once, so the bytes of the last two are as good as a table.
    files = [path.read_bytes().decode("latin-1") for path in sorted(folder.iterdir()) if path.is_file()]
    table = report.to_arrow().to_pylist()
    return "\n".join([repr(report), report._repr_html_(), repr(report.errors), repr(table), *files])


def told(error: BaseException) -> str:
    """Everything that an exception shows."""
    texts = [*traceback.format_exception(error), repr(error), repr(error.args)]
    each: BaseException | None = error
    while each is not None:
        again = pickle.loads(pickle.dumps(each))  # noqa: S301
        texts += [str(each), repr(each.args), repr(vars(each)), repr(getattr(each, "response", None))]
        texts += [pickle.dumps(each).decode("latin-1"), repr(vars(again))]
        each = each.__cause__ or each.__context__
    return "\n".join(texts)


def everything(
    server: ScriptedServer,
    transport: TransportName,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    rows: list[str],
    **options: Any,
) -> str:
    caplog.set_level("DEBUG", logger="layercheck")
    journal, reports = folder / "run.journal", folder / "reports"
    reports.mkdir()
    options = {"endpoint_url": server.url, "session": boto3.Session(KEY, SECRET, TOKEN), **options}
    out = []
    with lc.Checker("team/app", transport=transport, _limits=LIMITS, **options) as checker:
        out.append(repr(checker))
        try:
            report = checker.check(rows, journal=journal)
        except lc.LayercheckError as error:
            out.append(told(error))
            report = error.report or checker.check([])
    out.append(written_out(report, reports))
    out += [path.read_bytes().decode("latin-1") for path in folder.glob("run.journal*")]
    return "\n".join([*out, caplog.text])


def entry(digest: str, place: str, text: str) -> Reply:
    if place.startswith("failure"):
        code = {"failureCode": "InvalidLayerDigest", "failureReason": "", place: text}
        return answer([], [{"layerDigest": digest, **code}])
    return answer([{"layerDigest": digest, "layerAvailability": "AVAILABLE", place: text}])


ENTRIES = ["failureReason", "failureCode", "layerAvailability", "mediaType"]


@pytest.mark.parametrize("place", ENTRIES)
@by_transport
def test_no_entry_of_an_answer_brings_a_secret_into_report_or_journal(
    transport: TransportName, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = digests(4 * len(SPELLINGS))
    spell_of = {digest: list(SPELLINGS.values())[at // 4] for at, digest in enumerate(rows)}

    def echo(asked: Asked) -> Reply:
        (digest,) = asked.digests
        kind = rows.index(digest) % 4
        secret = [TOKEN, signature_of(asked), SECRET, request_of(asked)][kind]
        return entry(digest, place, "You sent " + spell_of[digest](secret) + " to us")

    with ScriptedServer(echo) as server:
        plan = lc.plan(rows, batch_size=1)
        options: dict[str, Any] = {"rate": "max"}
        out = everything(server, transport, tmp_path, caplog, plan, **options)  # type: ignore[arg-type]
        found = {secret[:12]: list(shown(secret, out)) for secret in secrets_in(server)}
    assert not {secret: names for secret, names in found.items() if names}
    assert "You sent" in out


def error_body(member: str) -> Callable[[str], bytes]:
    return lambda text: json.dumps({"__type": "AccessDeniedException", member: text}).encode()


BODIES: dict[str, tuple[int, Callable[[str], bytes]]] = {
    "the message": (400, error_body("message")),
    "the code": (400, error_body("__type")),
    "another member": (400, lambda text: b'{"__type": "AccessDeniedException", "x": "%s"}' % text.encode()),
    "a page of a proxy": (403, lambda text: f"<html><body>Blocked: {text}</body></html>".encode()),
    "a page of a gateway": (502, lambda text: f"<HTML>{text}</HTML>".encode()),
    "bytes that are not UTF-8": (400, lambda text: b"\xff" + text.encode()),
    "an answer that is none": (200, lambda text: json.dumps({"message": text}).encode()),
}


@pytest.mark.parametrize("spelling", ["plain", "percent-encoded twice", "JSON, every character escaped"])
@pytest.mark.parametrize("where", BODIES)
@by_transport
def test_no_error_of_the_service_brings_a_secret_into_anything(
    transport: TransportName, where: str, spelling: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    status, body = BODIES[where]

    def echo(asked: Asked) -> Reply:
        text = SPELLINGS[spelling](f"{TOKEN} {signature_of(asked)} {SECRET}\r\n{request_of(asked)}")
        headers = {"x-amz-security-token": TOKEN, "X-Echo": text.replace("\r\n", " ")}
        return Reply(status, body(text), headers)

    with ScriptedServer(echo) as server:
        out = everything(server, transport, tmp_path, caplog, digests(2))
        found = {secret[:12]: list(shown(secret, out)) for secret in secrets_in(server)}
    assert not {secret: names for secret, names in found.items() if names}


def test_a_callers_own_client_shows_neither_its_credentials_nor_a_named_signature(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def echo(asked: Asked) -> Reply:
        return Reply(400, error_body("message")(SPELLINGS["percent-encoded twice"](request_of(asked))))

    client = boto3.client(
        "ecr",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        aws_session_token=TOKEN,
        endpoint_url="http://127.0.0.1:9",
    )
    client.close()
    with ScriptedServer(echo) as server:
        client = boto3.Session(KEY, SECRET, TOKEN).client("ecr", endpoint_url=server.url)
        options = {"client": client, "endpoint_url": None, "session": None}
        out = everything(server, "plain", tmp_path, caplog, digests(2), **options)
        client.close()
        found = {secret[:12]: list(shown(secret, out)) for secret in secrets_in(server)}
    assert not {secret: names for secret, names in found.items() if names}


@by_transport
def test_a_digest_in_a_reason_is_not_taken_for_a_signature(transport: TransportName) -> None:
    rows = digests(50)

    def name(asked: Asked) -> Reply:
        failures = [
            {"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": f"{digest} is odd"}
            for digest in asked.digests
        ]
        return answer([], failures)

    with ScriptedServer(name) as server:
        report = lc.check(rows, "team/app", endpoint_url=server.url, transport=transport)
    assert [line["reason"] for line in report.to_arrow().to_pylist()] == [f"{row} is odd" for row in rows]


@by_transport
def test_a_token_that_was_renewed_is_still_hidden(transport: TransportName) -> None:
    renewed = "".join(reversed(TOKEN))

    def echo(asked: Asked) -> Reply:
        return entry(asked.digests[0], "failureReason", f"{TOKEN} was before {renewed}")

    with ScriptedServer(echo) as server:
        session: Any = boto3.Session(KEY, SECRET, TOKEN)
        options: dict[str, Any] = {"session": session, "endpoint_url": server.url, "transport": transport}
        with lc.Checker("team/app", **options) as checker:
            checker.check(digests(1))
            vars(session)["_session"].get_credentials().token = renewed
            report = checker.check(digests(1))
    reason = report.to_arrow().to_pylist()[0]["reason"]
    assert reason.replace("=", "") == "*** was before ***"


@by_transport
def test_a_call_that_is_slower_than_a_thousand_others_shows_no_signature(
    transport: TransportName, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = digests(1_001)
    others_ended = threading.Event()
    answered = itertools.count(2)

    def echo(asked: Asked) -> Reply:
        (digest,) = asked.digests
        if digest != rows[0]:
            if next(answered) == len(rows):
                others_ended.set()
            return held(asked.digests)
        assert others_ended.wait(60)
        return entry(digest, "failureReason", f"You sent {signature_of(asked)} to us")

    with ScriptedServer(echo) as server:
        plan = lc.plan(rows, batch_size=1)
        out = everything(server, transport, tmp_path, caplog, plan, rate="max")  # type: ignore[arg-type]
        assert not [asked for asked in server.asked if signature_of(asked) in out]
    assert "You sent *** to us" in out
