"""Keys, handlers and settings of boto3 that change in the midst, and secrets."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import boto3
import pytest

from dispatch.schedule.native_loop.calls_in_the_core import (
    MANY,
    InTheCore,
    assert_true,
    opened,
    singly,
)
from dispatch.scripted_server import Asked, Reply, ScriptedServer, answer, good
from fake_account import SECRET, TOKEN, digests
from layercheck.dispatch.transport import native


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
