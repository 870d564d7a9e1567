"""The core reads and merges answer bodies as `json.loads` and the reference do."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digest_strategies as ds
import reference as ref
from layercheck import _core
from ledgers import planned, states

many = settings(deadline=None, max_examples=400)

lists_of_digests = st.lists(ds.digests, min_size=1, max_size=8, unique=True)


class UnreadableError(Exception):
    """A body that the plain transport does not accept as an answer either."""


def plainly_read(body: bytes) -> Mapping[str, Any]:
    """Reads a body as botocore does, and checks it as the plain transport does."""
    try:
        answer = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError from error
    if not isinstance(answer, dict):
        raise UnreadableError
    lists = [answer[key] for key in ("layers", "failures") if answer.get(key) is not None]
    if not lists or not all(isinstance(each, list) for each in lists):
        raise UnreadableError
    # botocore's parser of structures fails on any other type.
    if not all(entry is None or isinstance(entry, dict) for entries in lists for entry in entries):
        raise UnreadableError
    return answer


def merged_body(digests: list[bytes], body: bytes) -> tuple[list[ref.State], ref.Merged]:
    """Merges with the core, which does not change the ledger if it cannot read the body."""
    ledger = _core.Ledger(planned(digests))
    try:
        merged = ledger.merge_body(0, len(digests), body)
    except ValueError as error:
        assert states(ledger) == [ref.State()] * len(digests)
        raise UnreadableError from error
    return states(ledger), ref.Merged(*merged)


JUNK = [
    "null",
    "true",
    "-0",
    "1.5E+3",
    "1e999",
    '""',
    "[]",
    "{}",
    '[{"layers":[[]]},"]"]',
    "9" * 400,
    '"\\ud8aB"',
]
KEYS = ["", "x", "layers", "failures", "layerDigest", "layerSize", "mediaType", "failureCode"]
PADS = ["", "", "", " ", "\r\n", "\t "]


class Writer:
    """Writes JSON in hostile forms: the same values, or other values beside and before them."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._plain = seed == 0

    def write(self, value: Any) -> str:
        if self._plain:
            return json.dumps(value)
        pad = self._rng.choice(PADS)
        return f"{pad}{self._written(value)}{pad}"

    def _written(self, value: Any) -> str:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return "[" + ",".join(map(self.write, value)) + "]"
        if not isinstance(value, dict):
            return json.dumps(value)
        members = [(self._text(key), self.write(each)) for key, each in value.items()]
        self._rng.shuffle(members)
        while self._rng.random() < 0.2:
            stray = self._text(self._rng.choice(KEYS)), self._rng.choice(JUNK)
            members.insert(self._rng.randint(0, len(members)), stray)
        pad = self._rng.choice(PADS)
        return "{" + ",".join(f"{pad}{key}{pad}:{each}" for key, each in members) + "}"

    def _text(self, text: str) -> str:
        spelled = self._rng.randrange(8)
        if spelled == 0:
            units = text.encode("utf-16-be", "surrogatepass")
            return '"' + "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)) + '"'
        if spelled < 4 and not any("\ud800" <= char <= "\udfff" for char in text):
            return json.dumps(text, ensure_ascii=False)
        return json.dumps(text)


def as_json(value: Any) -> Any:
    """Replaces values of the strategies that JSON cannot represent."""
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    return None if value in (float("inf"), float("-inf")) else value


@st.composite
def bodies(draw: st.DrawFn, asked: list[bytes]) -> bytes:
    answer = as_json(draw(ds.answers(asked, odd=draw(st.booleans()))))
    return Writer(draw(st.integers(0, 2**32))).write(answer).encode()


@many
@given(data=st.data(), digests=lists_of_digests)
def test_a_body_is_merged_as_its_parsed_answer_is_merged(data: Any, digests: list[bytes]) -> None:
    body = data.draw(bodies(digests), label="body")
    try:
        answer = plainly_read(body)
    except UnreadableError:
        with pytest.raises(UnreadableError):
            merged_body(digests, body)
        return
    wanted = ref.merge(digests, answer)
    assert merged_body(digests, body) == wanted
    ledger = _core.Ledger(planned(digests))
    counted = ledger.merge(0, len(digests), answer)
    assert (states(ledger), tuple(counted)) == wanted


@many
@given(data=st.data(), digests=lists_of_digests)
def test_a_damaged_body_is_unreadable_or_read_as_json_reads_it(data: Any, digests: list[bytes]) -> None:
    body = data.draw(bodies(digests), label="body")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        gone = data.draw(st.sampled_from([0, 1, 1, 2, 40, 10_000]))
        put = data.draw(
            st.sampled_from([b"", b'"', b"\\", b",", b"{", b"]", b":", b"0", b"-", b"\xff", b"\n", b"\\ud8"])
        )
        body = body[:at] + put + body[at + gone :]
    try:
        wanted = ref.merge(digests, plainly_read(body))
    except UnreadableError:
        with pytest.raises(UnreadableError):
            merged_body(digests, body)
    else:
        assert merged_body(digests, body) == wanted


@many
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_any_bytes_are_read_as_json_reads_them(body: bytes) -> None:
    try:
        merged = merged_body([bytes(32)], body)
    except UnreadableError:
        return
    assert merged == ref.merge([bytes(32)], plainly_read(body))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body ends early (byte 0)"),
        (b'{"layers":[{"layerDigest":"sha2', "the body ends early (byte 31)"),
        (b"<html><body>502</body></html>", "the body is not JSON (byte 0)"),
        (b"\xef\xbb\xbf{}", "the body is not JSON (byte 0)"),
        (b'{"layers":["\xff"]}', "the body is not UTF-8 (byte 12)"),
        (b"[]", "the body is not a JSON object (byte 0)"),
        (b'{"message":"slow down"}', "the body has neither layers nor failures (byte 23)"),
        (b'{"layers":{},"failures":[]}', "layers or failures is not a list (byte 10)"),
        (b'{"layers":[{},null,7]}', "an entry of layers or failures is not an object (byte 19)"),
        (b'{"layers":' + b"[" * 500_000, "the body is nested too deep (byte 41)"),
        (b'{"layers":[' + b"1" * 4301 + b"]}", "the body has a number with too many digits (byte 11)"),
        (b" " * (2**20 + 1), "the body is longer than any answer (byte 1048576)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_that_is_not_an_answer_is_a_value_error_with_its_position(body: bytes, message: str) -> None:
    ledger = _core.Ledger(planned([bytes(32)]))
    with pytest.raises(ValueError) as caught:
        ledger.merge_body(0, 1, body)
    assert str(caught.value) == message
    assert ledger.settled == 0


def test_more_entries_than_any_call_asks_for_are_refused() -> None:
    entries = ",".join(['{"layerDigest":"","layerAvailability":""}'] * 4097)
    with pytest.raises(ValueError, match="more entries than any call asks for"):
        _core.Ledger(planned([bytes(32)])).merge_body(0, 1, b'{"layers":[%s]}' % entries.encode())


def test_python_reads_nan_and_the_core_does_not() -> None:
    body = b'{"layers":[],"x":NaN}'
    assert plainly_read(body)
    with pytest.raises(UnreadableError):
        merged_body([bytes(32)], body)


@pytest.mark.parametrize("half", [r"\ud800", r"\udfff", r"x\udc00\ud800"])
def test_half_a_surrogate_pair_counts_as_an_empty_text(half: str) -> None:
    digest = bytes(32)
    layer = f'{{"layerDigest":"{ref.as_text(digest)}","layerAvailability":"{half}","mediaType":"{half}"}}'
    stray = f'{{"layerDigest":"{half}"}}'
    body = f'{{"layers":[{layer}],"failures":[{stray}]}}'.encode()
    wanted = [ref.State("other", media_type="")], ref.Merged(1, 0, 0, 1)
    assert merged_body([digest], body) == wanted == ref.merge([digest], plainly_read(body))


def test_a_body_settles_only_the_digests_of_its_call() -> None:
    digests = [bytes([number]) * 32 for number in range(6)]
    entries = [{"layerDigest": ref.as_text(digest), "layerAvailability": "AVAILABLE"} for digest in digests]
    ledger = _core.Ledger(planned(digests))
    merged = ledger.merge_body(2, 4, json.dumps({"layers": entries}).encode())
    assert tuple(merged) == (2, 0, 0, 4)
    assert [state.verdict for state in states(ledger)] == ["not_checked"] * 2 + ["available"] * 2 + [
        "not_checked"
    ] * 2
    for start, stop in [(3, 2), (0, 7), (7, 7)]:
        with pytest.raises(IndexError, match="are not within the plan's 6"):
            ledger.merge_body(start, stop, b"{}")


@pytest.mark.parametrize(
    "body", ["{}", bytearray(b"{}"), memoryview(b"{}"), None], ids=["str", "bytearray", "memoryview", "none"]
)
def test_a_body_must_be_immutable_bytes(body: Any) -> None:
    with pytest.raises(TypeError):
        _core.Ledger(planned([bytes(32)])).merge_body(0, 1, body)


def test_threads_that_merge_and_threads_that_read_do_not_deadlock() -> None:
    digests = [number.to_bytes(32, "big") for number in range(2000)]
    plan = planned(digests)
    ledger = _core.Ledger(plan)
    bodies = [
        json.dumps({"layers": [{"layerDigest": text, "layerAvailability": "AVAILABLE"} for text in batch]})
        for batch in plan
    ]

    def work(first: int) -> None:
        for at in range(first, len(bodies), 4):
            ledger.merge_body(at * 100, at * 100 + 100, bodies[at].encode())
            ledger.columns()
            ledger.unique_counts()
            ledger.unanswered(at * 100, at * 100 + 100, "too late")

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, first) for first in range(4)]:
            done.result()
    assert ledger.unique_counts()["available"] == 2000


request_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@many
@given(
    digests=st.lists(ds.digests, max_size=20, unique=True),
    repository=request_names,
    registry=st.none() | request_names,
    data=st.data(),
)
def test_a_packed_request_is_the_request(
    digests: list[bytes], repository: str, registry: str | None, data: Any
) -> None:
    plan = planned(digests)
    start = data.draw(st.integers(0, len(digests)))
    stop = data.draw(st.integers(start, len(digests)))
    wanted: dict[str, Any] = {} if registry is None else {"registryId": registry}
    wanted |= {"repositoryName": repository, "layerDigests": plan.texts(start, stop)}
    body = _core.Packer(repository, registry).pack(plan, start, stop)
    assert json.loads(body) == wanted
    if not any(char in repository + (registry or "") for char in map(chr, range(0x20))):
        assert body == json.dumps(wanted, ensure_ascii=False, separators=(",", ":")).encode()


def test_a_request_beyond_the_plan_is_refused() -> None:
    plan = planned([bytes(32)])
    packer = _core.Packer("app")
    assert packer.pack(plan, 1, 1) == b'{"repositoryName":"app","layerDigests":[]}'
    for start, stop in [(0, 2), (1, 0), (2, 2)]:
        with pytest.raises(IndexError):
            packer.pack(plan, start, stop)
