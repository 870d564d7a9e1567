"""Tests of the reference by tables, which have a line for every rule of the digest grammar.

`test_properties_plan.py` tests the package with the same tables, because the
reference and the core could share a mistake that a random search does not find.
"""

from __future__ import annotations

from typing import Any

import pytest

import digest_cases as cases
import reference as ref
from reference import Line, Parsed, Rejected, State

A = cases.HEX_A
B = cases.HEX_B


@pytest.mark.parametrize("case", cases.ACCEPTED, ids=lambda case: case.name)
def test_an_accepted_row_gives_its_digest_and_its_spelling(case: cases.Accepted) -> None:
    assert ref.parse(case.row) == Parsed(bytes.fromhex(case.hex), case.spelling)


@pytest.mark.parametrize("case", cases.REJECTED, ids=lambda case: case.name)
def test_a_rejected_row_gives_its_kind_and_offset(case: cases.Refused) -> None:
    assert ref.parse(case.row) == Rejected(case.kind, case.offset)


@pytest.mark.parametrize("case", cases.REJECTED, ids=lambda case: case.name)
def test_strict_mode_gives_a_rejected_row_the_same_kind_and_offset(case: cases.Refused) -> None:
    assert ref.parse(case.row, strict=True) == Rejected(case.kind, case.offset)


@pytest.mark.parametrize("case", cases.ACCEPTED, ids=lambda case: case.name)
def test_strict_mode_accepts_only_the_canonical_spelling(case: cases.Accepted) -> None:
    expected: Parsed | Rejected = Rejected("not_canonical", case.deviates or 0)
    if case.deviates is None:
        expected = Parsed(bytes.fromhex(case.hex), "canonical")
    assert ref.parse(case.row, strict=True) == expected


@pytest.mark.parametrize("case", cases.FILES, ids=lambda case: case.name)
def test_a_text_file_is_split_into_rows(case: cases.File) -> None:
    assert [line.text for line in ref.lines(case.data)] == case.rows


@pytest.mark.parametrize("case", cases.LONG_LINES, ids=lambda case: case.name)
def test_a_line_longer_than_the_limit_is_cut_and_rejected(case: cases.LongLine) -> None:
    if case.kind is None:
        assert list(ref.lines(case.data)) == []
    else:
        (line,) = ref.lines(case.data)
        assert line.too_long
        assert len(line.text) == ref.LONGEST_LINE
        assert ref.parse_line(line) == Rejected(case.kind, case.offset)


def test_a_line_of_exactly_the_limit_is_not_cut() -> None:
    row = cases.padded(ref.LONGEST_LINE)
    assert list(ref.lines(row + b"\r\n")) == [Line(row, number=1)]
    assert ref.parse_line(Line(row)) == Parsed(bytes.fromhex(A), "white_space")


def test_a_plan_numbers_digests_in_the_order_of_their_first_rows() -> None:
    plan = ref.plan(["sha256:" + B, A.upper(), b"sha256:" + B.encode(), None, "sha256__" + A])
    assert plan.digests == [bytes.fromhex(B), bytes.fromhex(A)]
    assert plan.row_index == [0, 1, 0, -1, 1]
    assert (plan.rows, plan.unique, plan.duplicates, plan.invalid) == (5, 2, 2, 1)
    assert plan.spellings["canonical"] == 2
    assert sum(plan.spellings.values()) + sum(plan.reject_counts.values()) == plan.rows


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        pytest.param(None, "not_text", None, id="none"),
        pytest.param(float("nan"), "not_text", "nan", id="nan"),
        pytest.param(12, "not_text", "12", id="a-number"),
        pytest.param(["x" * 300], "not_text", "['" + "x" * 254 + "…", id="a-long-repr-is-cut"),
        pytest.param("", "empty", "", id="empty-text"),
        pytest.param("g" * 256, "not_hexadecimal", "g" * 256, id="256-bytes-are-shown-whole"),
        pytest.param("g" * 257, "not_hexadecimal", "g" * 256 + "…", id="257-bytes-are-cut"),
        pytest.param(
            "g" * 255 + "é", "not_hexadecimal", "g" * 255 + "\ufffd…", id="a-cut-character-is-replaced"
        ),
        pytest.param(b"\xff\xfe", "not_hexadecimal", "\ufffd\ufffd", id="bytes-that-are-not-utf-8"),
        pytest.param("\ud800", "not_hexadecimal", "\ufffd\ufffd\ufffd", id="a-lone-surrogate"),
    ],
)
def test_a_reject_shows_the_start_of_the_given_row(value: object, kind: str, text: str | None) -> None:
    assert ref.plan([value]).rejects == [ref.Reject(0, kind, 0, text)]


def test_batches_hold_at_most_the_batch_size_and_every_digest_once() -> None:
    digests = [bytes([number]) * 32 for number in range(7)]
    plan = ref.plan((ref.as_text(digest) for digest in digests), batch_size=3)
    assert [len(batch) for batch in plan.batches] == [3, 3, 1]
    assert [text for batch in plan.batches for text in batch] == [ref.as_text(d) for d in digests]


X, Y = bytes.fromhex(A), bytes.fromhex(B)


def layer(hex_digits: str, word: object = "AVAILABLE", **more: object) -> dict[str, Any]:
    return {"layerDigest": "sha256:" + hex_digits, "layerAvailability": word, **more}


def failure(hex_digits: str, code: object, reason: object = None) -> dict[str, Any]:
    return {"layerDigest": "sha256:" + hex_digits, "failureCode": code, "failureReason": reason}


LEFT_OUT = State("unanswered", "LeftOutOfAnswer", "asked, but not in the answer")
CONTRADICTED = State("unanswered", "ContradictoryAnswers", "the answer says different things of this digest")


@pytest.mark.parametrize(
    ("answer", "states", "merged"),
    [
        pytest.param({}, [State(), State()], (0, 2, 0, 0), id="nothing"),
        pytest.param(
            {"layers": [layer("cd" * 32)]},
            [State(), State()],
            (0, 2, 0, 1),
            id="an-answer-to-another-request",
        ),
        pytest.param(
            {"layers": [layer(B, "UNAVAILABLE"), layer(A, layerSize=7, mediaType="m")], "failures": []},
            [State("available", size=7, media_type="m"), State("unavailable")],
            (2, 0, 0, 0),
            id="in-another-order",
        ),
        pytest.param(
            {"layers": [layer(A.upper(), "ARCHIVED")]},
            [State("archived"), LEFT_OUT],
            (1, 1, 0, 0),
            id="upper-case-is-the-same-digest",
        ),
        pytest.param(
            {"layers": [layer(A, "FROZEN")], "failures": [failure(B, "MissingLayerDigest", "why")]},
            [State("other", code="FROZEN"), State("unavailable", code="MissingLayerDigest", reason="why")],
            (2, 0, 0, 0),
            id="an-unknown-word-and-a-missing-layer",
        ),
        pytest.param(
            {"failures": [failure(A, "InvalidLayerDigest", "no"), failure(B, "Surprise")]},
            [State("refused", code="InvalidLayerDigest", reason="no"), State("refused", code="Surprise")],
            (2, 0, 0, 0),
            id="any-other-failure-refuses",
        ),
        pytest.param(
            {"layers": [layer(A), layer(A), layer(B), layer(B, "UNAVAILABLE")]},
            [State("available"), CONTRADICTED],
            (1, 0, 1, 0),
            id="repeats-agree-and-contradict",
        ),
        pytest.param(
            {"layers": [layer(A, layerSize=7), layer(A, layerSize=8), layer(B), layer(B, mediaType="m")]},
            [CONTRADICTED, CONTRADICTED],
            (0, 0, 2, 0),
            id="one-word-with-two-sizes-contradicts",
        ),
        pytest.param(
            {"layers": [layer(A)], "failures": [failure(A, "MissingLayerDigest")]},
            [CONTRADICTED, LEFT_OUT],
            (0, 1, 1, 0),
            id="a-layer-and-a-failure-contradict",
        ),
        pytest.param(
            {"layers": [layer("cd" * 32), layer(A)], "failures": [failure("ef" * 32, "X"), failure("", "X")]},
            [State("available"), LEFT_OUT],
            (1, 1, 0, 3),
            id="foreign-entries-are-counted-and-ignored",
        ),
    ],
)
def test_answers_are_joined_by_digest(answer: dict[str, Any], states: list[State], merged: object) -> None:
    assert ref.merge([X, Y], answer) == (states, merged)


def test_every_row_gets_the_verdict_of_its_digest_and_a_failed_call_leaves_rows_unanswered() -> None:
    plan = ref.plan(["sha256:" + A, "junk", A.upper(), "sha256:" + B], batch_size=1)

    def ask(batch: list[str]) -> dict[str, Any]:
        if batch == ["sha256:" + B]:
            raise ConnectionError("reset")
        return {"layers": [layer(A)]}

    report = ref.check(plan, ask)
    assert report.verdicts == ["available", "invalid", "available", "unanswered"]
    assert report.states[1] == State("unanswered", reason="reset")
    assert sum(report.counts.values()) == plan.rows
    assert not report.complete
