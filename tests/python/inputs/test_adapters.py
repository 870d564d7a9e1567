"""Every form of input gives the identical plan for the same rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import layercheck as lc
from digest_cases import ACCEPTED, REJECTED
from input_forms import BLANK, FORMS, LINE_END, NULL, TRAILING_NUL, Form


def is_utf8(row: bytes) -> bool:
    try:
        row.decode()
    except UnicodeDecodeError:
        return False
    return True


# Every spelling and every kind of rejection, each twice, so that valid rows have a duplicate.
CASES = [
    row.decode()
    for row in [*(case.row for case in ACCEPTED), *(case.row for case in REJECTED)]
    if is_utf8(row)
]
ROWS: list[Any] = [*CASES, None, "", "\U0001f9c5" * 100, "é" * 40, None, *CASES]


def odd(row: str | None) -> set[str]:
    """The feature that a form of input needs to hold this row."""
    if row is None:
        return {NULL}
    needs = {BLANK} if not row.strip(" \t\r\n\x0b\x0c") else set()
    needs |= {LINE_END} if set(row) & set("\r\n") else set()
    return needs | ({TRAILING_NUL} if row.endswith("\0") else set())


def held_by(form: Form, rows: list[Any]) -> list[Any]:
    return [row for row in rows if odd(row) <= form.carries]


def same(plan: lc.Plan, expected: lc.Plan) -> None:
    assert plan.rows == expected.rows
    assert plan.row_index.tolist() == expected.row_index.tolist()
    assert plan.digests.tolist() == expected.digests.tolist()
    # Without the line, which only rows of a file have.
    rejects = [[(r.row, r.kind, r.offset, r.text) for r in one.rejects] for one in (plan, expected)]
    assert rejects[0] == rejects[1]
    assert plan.spellings == expected.spellings
    assert plan.reject_counts == expected.reject_counts


def iterated(rows: list[Any], *, strict: bool = False) -> lc.Plan:
    """The plan of a list, which `test_properties_plan.py` compares with the reference."""
    return lc.plan(iter(rows), strict=strict)


by_form = pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@by_form
def test_every_form_of_input_gives_the_identical_plan(form: Form, strict: bool, tmp_path: Path) -> None:
    rows = held_by(form, ROWS)
    assert len(rows) > 100
    same(lc.plan(form.make(rows, tmp_path), strict=strict), iterated(rows, strict=strict))


@by_form
def test_no_rows_in_any_form_are_an_empty_plan(form: Form, tmp_path: Path) -> None:
    plan = lc.plan(form.make([], tmp_path))
    assert (plan.rows, plan.unique) == (0, 0)


@by_form
def test_rows_beyond_one_block_stay_in_order_in_every_form(form: Form, tmp_path: Path) -> None:
    number = 5_000 if form.name == "duckdb" else 70_000  # it reads rows one at a time
    different = 150 if "dictionary" in form.name else 60_000  # fits an index of 8 bits
    rows: list[Any] = [f"sha256:{row * 7919 % different:064x}" for row in range(number)]
    rows[::1000] = ["junk"] * len(rows[::1000])
    same(lc.plan(form.make(rows, tmp_path)), iterated(rows))


def test_bytes_that_are_not_utf_8_are_the_same_row_in_every_form_that_holds_bytes(tmp_path: Path) -> None:
    rows = [b"\xff\xfe", b"sha256:" + b"a" * 30 + b"\xff", "é".encode("latin-1"), b"a" * 64]
    expected = iterated(rows)
    forms: list[Any] = [
        rows,
        np.array(rows),
        np.array(rows, dtype=object),
        pa.array(rows),
        pa.array(rows, pa.binary_view()),
        pa.array(rows).dictionary_encode(),
        io.BytesIO(b"\n".join(rows)),
        lc.read(io.BytesIO(b"digest\n" + b"\n".join(rows)), "csv"),
    ]
    for form in forms:
        same(lc.plan(form), expected)


def test_an_empty_list_as_an_array_is_an_empty_plan() -> None:
    assert lc.plan(np.array([])).rows == 0


def test_polars_columns_with_only_nulls_are_invalid_rows() -> None:
    for nulls in (pl.Series([None, None]), pl.DataFrame({"digest": [None, None]})):
        same(lc.plan(nulls), iterated([None, None]))


def test_lone_surrogates_in_numpy_are_the_same_rows_as_in_a_list() -> None:
    rows = ["sha256:\ud800", "\udfff" + "a" * 63, "ab\U0010ffff", "a" * 64]
    same(lc.plan(np.array(rows)), iterated(rows))


RAW = np.random.default_rng(7).integers(0, 256, (5_000, 32), dtype=np.uint8)
RAW[100:200] = RAW[:100]
RAW[300, -5:] = 0  # zeros at the end are part of a raw digest


def fixed(array: Any, mask: Any = None) -> pa.FixedSizeBinaryArray:
    return pa.array([row.tobytes() for row in array], pa.binary(32), mask=mask)


RAW_FORMS = {
    "C order": RAW,
    "strided": np.repeat(RAW, 2, axis=0)[::2],
    "Fortran order": np.asfortranarray(RAW),
    "read-only": np.frombuffer(RAW.tobytes(), dtype=np.uint8).reshape(-1, 32),
    "V32": RAW.copy().view("V32").reshape(-1),
    "V32, strided": np.repeat(RAW.copy().view("V32").reshape(-1), 2)[::2],
    "masked nowhere": np.ma.array(RAW),
    "pyarrow": fixed(RAW),
    "pyarrow, sliced": fixed(np.vstack([RAW[:3], RAW, RAW[:1]])).slice(3, len(RAW)),
    "pyarrow dictionary": fixed(RAW).dictionary_encode(),
    "pyarrow chunks": pa.chunked_array([fixed(RAW[:7]), fixed(RAW[:0]), fixed(RAW[7:])]),
}


@pytest.mark.parametrize("form", RAW_FORMS.values(), ids=RAW_FORMS.keys())
def test_raw_digests_give_the_same_rows_as_their_text(form: Any) -> None:
    same(lc.plan(form), iterated([f"sha256:{row.tobytes().hex()}" for row in RAW]))


@pytest.mark.parametrize(
    "form",
    [
        lambda mask: np.ma.array(RAW, mask=np.repeat(mask, 32).reshape(-1, 32)),
        lambda mask: np.ma.array(RAW, mask=np.eye(32, dtype=bool)[0] & mask[:, None]),
        lambda mask: np.ma.array(RAW.copy().view("V32").reshape(-1), mask=mask),
        lambda mask: fixed(RAW, mask),
        lambda mask: fixed(RAW, mask).dictionary_encode(),
        lambda mask: pa.chunked_array([fixed(RAW, mask)]).slice(0),
    ],
    ids=["rows masked", "one byte of a row masked", "V32", "pyarrow", "dictionary", "chunks"],
)
@pytest.mark.parametrize("where", [[0], [4_999], [7, 8, 9, 2_000], range(5_000)], ids=str)
def test_null_raw_digests_are_invalid_rows(form: Any, where: Any) -> None:
    mask = np.zeros(len(RAW), dtype=bool)
    mask[list(where)] = True
    rows = [None if null else f"sha256:{row.tobytes().hex()}" for row, null in zip(RAW, mask, strict=True)]
    same(lc.plan(form(mask)), iterated(rows))


@pytest.mark.parametrize("width", [64, 71])
def test_text_of_a_fixed_width_is_text(width: int) -> None:
    rows = [f"sha256:{at % 30:064x}"[-width:].encode() for at in range(50)]
    rows[3] = b"x" * width
    array = pa.array([*rows, None], pa.binary(width))
    same(lc.plan(array), iterated([*rows, None]))
    same(lc.plan(array.slice(2).dictionary_encode()), iterated([*rows[2:], None]))
    same(lc.plan(np.array(rows, dtype=f"S{width}")), iterated(rows))


def test_record_batches_of_raw_digests_are_raw_digests() -> None:
    values = [b"a" * 32, None, b"b" * 31, b"a" * 32]
    batches = [pa.record_batch({"digest": pa.array(values[start:], pa.binary())}) for start in (0, 2)]
    same(lc.plan(batches, raw=True), lc.plan([*values, *values[2:]], raw=True))
    fixed = [pa.array(values[:2], pa.binary(32)), *batches]
    same(lc.plan(fixed, raw=True), lc.plan([*values[:2], *values, *values[2:]], raw=True))


def test_a_record_batch_of_several_columns_is_refused_among_others() -> None:
    wide = pa.record_batch({"a": ["x"], "b": ["y"]})
    with pytest.raises(ValueError, match="2 columns"):
        lc.plan([pa.record_batch({"a": ["x"]}), wide])


def test_the_exception_of_a_generator_of_batches_passes_through() -> None:
    class EngineError(Exception):
        pass

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": ["x"]})
        raise EngineError

    with pytest.raises(EngineError):
        lc.plan(batches())


def test_an_arrow_column_with_only_nulls_is_invalid_rows() -> None:
    for array in (pa.nulls(3), pa.nulls(3, pa.string()), pa.table({"digest": pa.nulls(3)})):
        same(lc.plan(array), iterated([None] * 3))
