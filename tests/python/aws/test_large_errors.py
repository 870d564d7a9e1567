"""Error texts of a megabyte: only their start is looked at, and only their start is kept."""

from __future__ import annotations

import json
import pickle
import re
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

import layercheck as lc
from dispatch.scripted_server import Reply, ScriptedServer
from fake_account import SECRET, TOKEN, digests
from layercheck import redact
from layercheck._core import KnownSecrets
from layercheck.aws import classify as classes
from layercheck.aws import network_advice
from layercheck.aws.classify import classify, exception_for
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.limits import Limits
from layercheck.redact import clean
from layercheck.retry import RetryPolicy

MEGABYTE = 1_000_000
LIMITS = Limits(retry=RetryPolicy(attempts=2, back_off_base_s=0.001), tick_s=0.02)
TEXTS = {
    "letters": "x" * MEGABYTE,
    "names of secrets": ("secret: x " * MEGABYTE)[:MEGABYTE],
    "almost a registry": ("regist digist " * MEGABYTE)[:MEGABYTE],
    "user names": ("//me" * MEGABYTE)[:MEGABYTE],
    "white space": " \n" * (MEGABYTE // 2),
    "escapes": "\u202e\x1b[2J" * (MEGABYTE // 5),
    "percent signs": "%25" * (MEGABYTE // 3),
    "entities": "&#x41;" * (MEGABYTE // 6),
}


class Counted:
    """A pattern that counts the characters that it is given."""

    def __init__(self, pattern: re.Pattern[str], seen: list[int]) -> None:
        self._pattern, self._seen = pattern, seen

    def sub(self, new: str, text: str) -> str:
        self._seen.append(len(text))
        return self._pattern.sub(new, text)

    def search(self, text: str) -> Any:
        self._seen.append(len(text))
        return self._pattern.search(text)

    def match(self, text: str) -> Any:
        self._seen.append(len(text))
        return self._pattern.match(text)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of every text that a pattern is given from here on."""
    lengths: list[int] = []
    module: ModuleType
    for module in (redact, classes, network_advice):
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, Counted(value, lengths))
    return lengths


def errors(text: str) -> list[BaseException]:
    response: Any = {
        "Error": {"Code": "X" + text, "Message": text},
        "ResponseMetadata": {
            "HTTPStatusCode": 400,
            "HTTPHeaders": {f"h{number}": text for number in range(9)},
        },
        "message": text,
        "members": [text] * 9,
    }
    chained = ValueError("short")
    chained.__cause__ = KeyError(text)
    body = b"\xff" + text.encode()
    return [
        ClientError(response, "BatchCheckLayerAvailability"),
        HTTPClientError(error=text),
        EndpointConnectionError(endpoint_url="https://x", error=ValueError(text)),
        chained,
        UnicodeDecodeError("utf-8", body, 0, 1, "invalid"),
    ]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_work_for_an_error_is_bounded_whatever_its_length(text: str, seen: list[int]) -> None:
    known = KnownSecrets()
    known.learn("AKIDEXAMPLE", SECRET, TOKEN)
    for error in errors(text):
        seen.clear()
        classify(error, known)
        # A text that is hidden may become longer: `***` in place of one letter.
        assert max(seen) <= 3 * redact.LOOKED_AT
        # Some twenty texts, each looked at by six patterns, a few times.
        assert sum(seen) <= 150 * redact.LOOKED_AT


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_kept_of_an_error_is_bounded_whatever_its_length(text: str) -> None:
    for error in errors(text):
        failure = classify(error)
        kept = [pickle.dumps(failure.cause), repr(failure.cause).encode()]
        kept += [repr(vars(failure.cause)).encode(), failure.summary.encode()]
        chained: BaseException | None = failure.cause
        while chained is not None:
            kept.append(str(chained).encode())
            chained = chained.__cause__ or chained.__context__
        assert max(map(len, kept)) <= 200_000


@pytest.mark.parametrize("form", ["message", "code", "page"])
@pytest.mark.parametrize("transport", NAMES)
def test_a_failed_call_keeps_kilobytes_of_a_megabyte(transport: TransportName, form: str) -> None:
    text = "y" * MEGABYTE
    bodies = {
        "message": json.dumps({"__type": "AccessDeniedException", "message": text}),
        "code": json.dumps({"__type": text}),
        "page": f"<html>{text}</html>",
    }
    with ScriptedServer(lambda asked: Reply(403, bodies[form].encode())) as server:
        options: dict[str, Any] = {"endpoint_url": server.url, "transport": transport, "_limits": LIMITS}
        with (
            lc.Checker("team/app", **options) as checker,
            pytest.raises(lc.LayercheckError) as caught,
        ):
            checker.check(digests(1))
    error = caught.value
    assert len(str(error)) < 1_000
    assert len(pickle.dumps(error)) < 50_000
    assert len(pickle.dumps(error.__cause__)) < 50_000
    assert error.report is not None
    assert len(repr(error.report.errors)) < 2_000


@pytest.mark.parametrize("transport", NAMES)
def test_a_reason_of_a_megabyte_is_cut_in_every_file(transport: TransportName, tmp_path: Any) -> None:
    rows = digests(1)
    entry = {"layerDigest": rows[0], "failureCode": "c" * 400_000, "failureReason": "r" * 400_000}
    body = json.dumps({"layers": [], "failures": [entry]}).encode()
    with ScriptedServer(lambda asked: Reply(200, body)) as server:
        report = lc.check(rows, "team/app", endpoint_url=server.url, transport=transport)
    for name in ("r.csv", "r.jsonl"):
        report.write(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 3_000


# A cut in the middle of a secret.


@pytest.mark.parametrize("spell", [str, lambda text: "".join(f"%{ord(char):02X}" for char in text)])
def test_no_part_of_a_secret_survives_the_cut(spell: Any) -> None:
    known = KnownSecrets()
    token = "".join(chr(ord("a") + number * number % 23) for number in range(60))
    known.learn("AKIDEXAMPLE", SECRET, token)
    text = "before: " + spell(token) + " after" * 10
    for limit in range(8, len(text)):
        shown = known.hide(text, limit)
        assert spell(token)[: len(spell("abc"))] not in shown


@pytest.mark.parametrize("start", ["https://me:", "x-amz-security-token: ", "Signature%253D"])
def test_a_pattern_holds_for_a_secret_without_an_end(start: str) -> None:
    # Control characters collapse, so that what stood at the first cut is shown.
    text = "\x00" * (8 * 500 - len(start) - 10) + start + "MARKERMARKER" * 9 + "@host/"
    assert "MARK" not in clean(text)


def test_the_exception_for_a_large_error_has_a_bounded_response() -> None:
    error = exception_for(classify(errors("z" * MEGABYTE)[0]), "failed")
    assert error.response is not None
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert len(pickle.dumps(error)) < 100_000
