"""For any input, the core makes the same plan as the reference."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import digest_cases as cases
import digest_strategies as ds
import layercheck as lc
import reference as ref
from layercheck import _core
from layercheck._core import container, is_compressed

many = settings(deadline=None, max_examples=400)
some = settings(deadline=None, max_examples=100)

REFUSED = (
    b"\xff\xfe",
    b"\xfe\xff",
    b"\0\0\xfe\xff",
    b"\xfd7zXZ\0",
    b"BZh",
    b"PK\x03\x04",
    b"\x04\x22\x4d\x18",
    b"7z\xbc\xaf\x27\x1c",
    b"SQLite format 3\0",
)
"""Starts of files that are refused (`src/input/foreign.rs`). Hypothesis knows such texts from other tests."""


def assert_same(made: Any, wanted: ref.Plan) -> None:
    """Compares every public member of a plan with the reference."""
    assert (made.rows, made.unique, made.duplicates, made.invalid) == (
        wanted.rows,
        wanted.unique,
        wanted.duplicates,
        wanted.invalid,
    )
    assert made.digests.shape == (wanted.unique, 32)
    assert made.digests.dtype == np.uint8
    assert made.digests.tobytes() == b"".join(wanted.digests)
    assert made.row_index.dtype == np.int64
    assert made.row_index.tolist() == wanted.row_index
    assert [ref.Reject(r.row, r.kind, r.offset, r.text, r.line) for r in made.rejects] == wanted.rejects
    assert made.spellings == wanted.spellings
    assert made.reject_counts == wanted.reject_counts
    assert list(made) == wanted.batches
    assert [made[number] for number in range(len(made))] == wanted.batches


@many
@given(rows=st.lists(ds.rows, max_size=12), strict=st.booleans(), batch_size=st.integers(1, 100))
def test_a_plan_of_any_rows_equals_the_reference(rows: list[Any], strict: bool, batch_size: int) -> None:
    made = lc.plan(rows, strict=strict, batch_size=batch_size)
    assert_same(made, ref.plan(rows, strict=strict, batch_size=batch_size))


@many
@given(row=ds.near_digests(), strict=st.booleans())
def test_a_row_close_to_a_digest_is_read_as_the_reference_reads_it(row: bytes, strict: bool) -> None:
    assert_same(lc.plan([row], strict=strict), ref.plan([row], strict=strict))


@many
@given(row=st.binary(max_size=2000))
@example(row=b"\0" * 64)
@example(row=b"@" * 1000)
@example(row=b"/blobs/" * 200)
@example(row=b"sha256:" * 200)
def test_no_bytes_make_the_parser_panic(row: bytes) -> None:
    assert_same(lc.plan([row]), ref.plan([row]))


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("case", [*cases.ACCEPTED, *cases.REJECTED], ids=lambda case: case.name)
def test_the_tables_of_the_reference_hold_for_the_core(
    case: cases.Accepted | cases.Refused, strict: bool
) -> None:
    assert_same(lc.plan([case.row], strict=strict), ref.plan([case.row], strict=strict))


def test_rows_of_many_batches_keep_first_seen_order() -> None:
    rows = [f"sha256:{(number * 7919) % 1009:064x}" for number in range(5000)]
    assert_same(lc.plan(rows), ref.plan(rows))


def fed(blocks_of_files: list[list[bytes]], *, strict: bool = False) -> Any:
    planner = _core.Planner(strict=strict)
    for blocks in blocks_of_files:
        for block in blocks:
            planner.feed(block)
        planner.end_of_file()
    return planner.finish(100)


def reference_of_files(files: list[bytes], *, strict: bool = False) -> ref.Plan:
    return ref.plan([line for data in files for line in ref.lines(data)], strict=strict)


@many
@given(data=st.data(), files=st.lists(ds.files, min_size=1, max_size=3), strict=st.booleans())
def test_files_fed_in_any_blocks_are_the_same_rows(data: Any, files: list[bytes], strict: bool) -> None:
    blocks = data.draw(st.tuples(*[st.composite(ds.cut)(file) for file in files]), label="blocks")
    assert_same(fed(list(blocks), strict=strict), reference_of_files(files, strict=strict))


@pytest.mark.parametrize("block", [1, 2, 3, 1 << 16], ids=lambda size: f"blocks-of-{size}")
@pytest.mark.parametrize("case", cases.FILES, ids=lambda case: case.name)
def test_the_table_of_files_holds_for_the_core(case: cases.File, block: int) -> None:
    blocks = [case.data[at : at + block] for at in range(0, len(case.data), block)]
    assert_same(fed([blocks]), reference_of_files([case.data]))


@pytest.mark.parametrize("block", [1000, cases.LIMIT - 1, cases.LIMIT, cases.LIMIT + 1, 1 << 20])
@pytest.mark.parametrize("case", cases.LONG_LINES, ids=lambda case: case.name)
def test_a_long_line_is_cut_alike_in_blocks_of_any_size(case: cases.LongLine, block: int) -> None:
    data = b"sha256:" + b"1" * 64 + b"\n" + case.data + b"\nsha256:" + b"2" * 64
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    assert_same(fed([blocks]), reference_of_files([data]))
    assert_same(fed([blocks], strict=True), reference_of_files([data], strict=True))


@some
@given(data=ds.files, zipped=st.booleans())
def test_a_file_by_its_path_is_the_same_rows(data: bytes, zipped: bool) -> None:
    assume(not is_compressed(data))  # the first bytes show compression, whatever the name is
    assume(container(data) is None)  # and tables in binary formats
    assume(not data.startswith(REFUSED))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("digests.txt.gz" if zipped else "digests.txt")
        path.write_bytes(gzip.compress(data) if zipped else data)
        assert_same(lc.plan(path), reference_of_files([data]))
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            assert_same(lc.plan(stream), reference_of_files([data]))


@some
@given(digests=st.lists(ds.digests, max_size=50), batch_size=st.integers(1, 100), contiguous=st.booleans())
def test_raw_digests_in_an_array_are_the_same_digests(
    digests: list[bytes], batch_size: int, contiguous: bool
) -> None:
    array = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
    if not contiguous:
        array = np.repeat(array, 2, axis=0)[::2]
    wanted = ref.plan([ref.as_text(digest) for digest in digests], batch_size=batch_size)
    assert_same(lc.plan(array, batch_size=batch_size), wanted)
