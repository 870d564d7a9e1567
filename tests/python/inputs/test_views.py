"""Columns of views, as polars holds text: many buffers, slices, nulls and hostile views."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import layercheck as lc

DIGESTS = [f"sha256:{number:064x}" for number in range(5)]
ROWS = st.lists(
    st.sampled_from(
        [
            *(None, "", "x", "sha256:ab", "a" * 12, "a" * 13, "é" * 6, "é" * 7, "sha256:" + "g" * 64),
            *DIGESTS,
            *(digest.upper().replace("SHA", "sha") for digest in DIGESTS),
            *(digest.removeprefix("sha256:") for digest in DIGESTS),
            f" {DIGESTS[0]}\n",
        ]
    ),
    max_size=60,
)
INLINE = 12
"""Bytes of the longest text that stands in its view."""


def viewed(rows: list[str | None], buffers: int, kind: Any) -> Any:
    """The rows as views made by hand: long texts stand in these buffers in turn, with bytes between them."""
    data = [bytearray(b"between") for _ in range(buffers)]
    views, valid = bytearray(), []
    for number, row in enumerate(rows):
        valid.append(row is not None)
        text = (row or "").encode()
        if row is None:
            views += struct.pack("<iiii", 71, -1, 1_000_000, -5)  # the view of a null may be anything
        elif len(text) <= INLINE:
            views += struct.pack("<i12s", len(text), text)
        else:
            buffer = data[number % buffers]
            views += struct.pack("<i4sii", len(text), text[:4], number % buffers, len(buffer))
            buffer += text + b"between"
    bits = pa.array(valid, pa.bool_()).buffers()[1] if rows else None
    return pa.Array.from_buffers(
        kind, len(rows), [bits, pa.py_buffer(bytes(views)), *(pa.py_buffer(bytes(each)) for each in data)]
    )


def facts(plan: lc.Plan) -> Any:
    rejects = [(each.row, each.kind, each.offset, each.text) for each in plan.rejects]
    return plan.rows, plan.row_index.tolist(), plan.digests.tolist(), rejects, plan.spellings


@given(
    ROWS,
    st.integers(1, 40),
    st.sampled_from([pa.string_view(), pa.binary_view()]),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_views_in_any_buffers_chunks_and_slices_give_the_plan_of_the_list(
    rows: list[str | None], buffers: int, kind: Any, cuts: list[int]
) -> None:
    whole = viewed(rows, buffers, kind)
    borders = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    chunks = [whole.slice(start, stop - start) for start, stop in itertools.pairwise(borders)]
    expected = facts(lc.plan(rows))
    assert facts(lc.plan(whole)) == expected
    assert facts(lc.plan(pa.chunked_array(chunks, kind))) == expected
    assert facts(lc.plan(chunks, threads=1)) == expected


@given(ROWS, st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_a_polars_column_is_the_same_at_every_compatibility_level(
    rows: list[str | None], start: int, length: int, rechunk: bool
) -> None:
    parts = [pl.Series(rows[:7], dtype=pl.String), pl.Series(rows[7:], dtype=pl.String)]
    column = pl.concat(parts, rechunk=rechunk)[start : start + length]
    expected = facts(lc.plan(rows[start : start + length]))
    assert facts(lc.plan(column)) == expected
    assert facts(lc.plan(column.cast(pl.Binary))) == expected
    for level in (pl.CompatLevel.oldest(), pl.CompatLevel.newest()):
        assert facts(lc.plan(column.to_arrow(compat_level=level))) == expected


def test_many_rows_of_views_are_planned_on_two_threads_as_on_one() -> None:
    rows = [
        None if number % 1009 == 0 else f"sha256:{number % 170_000:064x}"[: 71 - (number % 997 == 0)]
        for number in range(300_000)
    ]
    column = pl.Series(rows, dtype=pl.String)
    expected = lc.plan(rows, threads=1)
    for threads in (1, 2):
        plan = lc.plan(column, threads=threads)
        assert plan.row_index.tolist() == expected.row_index.tolist()
        assert plan.digests.tolist() == expected.digests.tolist()
        assert plan.reject_counts == expected.reject_counts


OUTSIDE = {
    "a buffer that does not exist": (71, 1, 0),
    "a buffer with a negative number": (71, -1, 0),
    "a text that begins behind the buffer": (71, 0, 72),
    "a text that ends behind the buffer": (71, 0, 1),
    "a text that begins before the buffer": (71, 0, -1),
    "a length of two gigabytes": (2**31 - 1, 0, 0),
    "a negative length": (-1, 0, 0),
}


@pytest.mark.parametrize("view", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view()], ids=str)
def test_a_view_outside_its_buffers_is_an_error(view: tuple[int, int, int], kind: Any) -> None:
    good, (length, buffer, start) = DIGESTS[0].encode(), view
    views = struct.pack("<i4sii", 71, good[:4], 0, 0) + struct.pack("<i4sii", length, good[:4], buffer, start)
    broken = pa.Array.from_buffers(kind, 2, [None, pa.py_buffer(views), pa.py_buffer(good)])
    with pytest.raises(ValueError, match="malformed Arrow array: a value outside its data"):
        lc.plan(broken)
    assert lc.plan(broken.slice(0, 1)).unique == 1
