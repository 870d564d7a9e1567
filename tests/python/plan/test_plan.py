"""Inputs, results and errors of `layercheck.plan`."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import layercheck as lc

A, B, C = ("sha256:" + byte * 32 for byte in ("0a", "0b", "0c"))
ROWS = [B, A, B.upper(), "junk", C]


def test_a_plan_counts_rows_and_keeps_first_seen_order() -> None:
    plan = lc.plan(ROWS)
    assert (plan.rows, plan.unique, plan.duplicates, plan.invalid) == (5, 3, 1, 1)
    assert plan.rows == plan.unique + plan.duplicates + plan.invalid
    assert plan.texts(0, 9) == [B, A, C]
    assert plan.row_index.tolist() == [0, 1, 0, -1, 2]
    assert plan.digests.tolist() == [[11] * 32, [10] * 32, [12] * 32]


def test_a_plan_is_a_sequence_of_batches() -> None:
    plan = lc.plan(ROWS, batch_size=2)
    assert len(plan) == 2
    assert plan[0] == [B, A]
    assert plan[-1] == [C]
    assert plan[0:2] == [[B, A], [C]]
    assert list(plan) == [[B, A], [C]]
    with pytest.raises(IndexError):
        plan[2]
    with pytest.raises(IndexError):
        plan[-3]


@pytest.mark.parametrize("size", [0, 101, -1, 1.5, "100", None])
def test_a_batch_size_the_service_would_refuse_is_a_value_error(size: Any) -> None:
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 100"):
        lc.plan([A], batch_size=size)


def test_rejects_say_what_is_wrong_and_where() -> None:
    plan = lc.plan([A, "sha256:" + "x" * 64, None, float("nan"), "", 7])
    assert [(r.row, r.kind, r.offset, r.text) for r in plan.rejects] == [
        (1, "not_hexadecimal", 7, "sha256:" + "x" * 64),
        (2, "not_text", 0, None),
        (3, "not_text", 0, "nan"),
        (4, "empty", 0, ""),
        (5, "not_text", 0, "7"),
    ]
    assert plan.rejects[-1] == plan.rejects[4]
    assert [reject.row for reject in plan.rejects[1:3]] == [2, 3]
    with pytest.raises(IndexError):
        plan.rejects[5]
    assert plan.reject_counts == {
        "empty": 1,
        "wrong_length": 0,
        "not_hexadecimal": 1,
        "unsupported_algorithm": 0,
        "tag_like": 0,
        "not_canonical": 0,
        "not_text": 3,
        "manifest_path": 0,
    }


def test_spellings_are_counted() -> None:
    hexadecimal = "Ab" * 32
    rows = [A, f"SHA256:{hexadecimal}", f" {A} ", hexadecimal, f"sha256__{hexadecimal}", f"app@{A}"]
    rows += [f"blobs/sha256/{hexadecimal}", f"blobs/sha256/ab/{hexadecimal}/data", f"v2/app/blobs/{A}"]
    plan = lc.plan(
        [*rows, f"docker://{A}", f"{hexadecimal}  layer.tar", f"SHA256 (layer.tar) = {hexadecimal}"]
    )
    assert set(plan.spellings.values()) == {1}
    assert plan.unique == 2


def test_strict_accepts_only_the_canonical_spelling() -> None:
    plan = lc.plan([A, B.upper(), A[7:]], strict=True)
    assert plan.unique == 1
    assert [reject.kind for reject in plan.rejects] == ["not_canonical", "not_canonical"]


def test_dict_keys_and_duplicates_across_blocks_are_fine() -> None:
    many = [f"sha256:{number:064x}" for number in range(10_000)]
    plan = lc.plan(dict.fromkeys(many).keys() | {many[0]})
    assert plan.unique == 10_000
    twice = lc.plan(many + many)
    assert (twice.unique, twice.duplicates) == (10_000, 10_000)
    assert twice.row_index.tolist() == list(range(10_000)) * 2


def test_a_missing_file_is_the_usual_os_error_and_a_folder_is_read_as_a_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        lc.plan(tmp_path / "missing")
    assert (missing.value.errno, missing.value.filename) == (2, str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="not an OCI image layout: it has no index") as folder:
        lc.plan(tmp_path)
    assert str(tmp_path) in str(folder.value)


@pytest.mark.parametrize("format", ["gzip", "zstd"])
def test_broken_compressed_files_are_os_errors_that_say_so(format: str, tmp_path: Path) -> None:
    text = np.random.default_rng(1).bytes(100_000)
    whole = gzip.compress(text) if format == "gzip" else pa.Codec("zstd").compress(text).to_pybytes()
    path = tmp_path / "broken"
    # Only gzip surely detects damage in the middle, because its members end in a checksum.
    damaged = [whole[:500] + b"\xff" * 500 + whole[1000:]] if format == "gzip" else []
    for broken in (whole[:-20], whole[:5], *damaged):
        path.write_bytes(broken)
        with pytest.raises(OSError, match=f"broken {format} data"):
            lc.plan(path)
        with pytest.raises(OSError, match=f"broken {format} data"), path.open("rb") as file:
            lc.plan(file)


def test_an_exception_of_a_file_object_passes_through() -> None:
    class Failing(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        lc.plan(Failing())


def test_an_exception_of_an_iterable_passes_through() -> None:
    def rows() -> Any:
        yield A
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        lc.plan(rows())


def test_an_object_whose_repr_fails_is_an_invalid_row() -> None:
    class Awkward:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    assert lc.plan([Awkward(), A]).rejects[0].text == "<Awkward>"


def test_a_lone_surrogate_is_an_invalid_row() -> None:
    plan = lc.plan(["sha256:" + "\ud800" + "a" * 63])
    assert plan.rejects[0].kind == "not_hexadecimal"
    assert plan.rejects[0].offset == 7


def test_an_empty_input_is_a_plan_without_batches(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    forms: list[Any] = [[], iter(()), empty, np.zeros((0, 32), dtype=np.uint8)]
    for nothing in forms:
        plan = lc.plan(nothing)
        assert (plan.rows, len(plan)) == (0, 0)
        assert plan.digests.shape == (0, 32)
        assert plan.row_index.shape == (0,)


def test_an_endless_line_uses_little_memory_and_is_one_invalid_row(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        left = 256

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"a" * min(size, 1 << 20) if self.left >= 0 else b""

    import tracemalloc

    tracemalloc.start()
    try:
        plan = lc.plan(Endless())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (plan.rows, plan.rejects[0].kind) == (1, "wrong_length")
    assert peak < 16 << 20


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_a_value_error(threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads must be at least 1, or None .*, not {threads}"):
        lc.plan([A], threads=threads)


def test_threads_that_are_no_number_are_a_type_error() -> None:
    wrong: Any = "2"
    with pytest.raises(TypeError, match=r"threads must be a number, or None .*, not '2'"):
        lc.plan([A], threads=wrong)


def test_any_number_of_threads_may_be_given() -> None:
    assert lc.plan([A], threads=1 << 64).unique == 1


def test_threads_change_nothing_in_a_plan_of_many_rows() -> None:
    rows = [f"sha256:{row * 7919 % 100_003:064x}" for row in range(300_000)]
    rows[::1000] = ["junk"] * len(rows[::1000])
    # The length of a list is known, and that of an iterator is not.
    plans = [lc.plan(rows, threads=threads) for threads in (None, 1, 2, 8)]
    plans.append(lc.plan(iter(rows), threads=2))
    for plan in plans:
        assert (plan.rows, plan.unique, plan.invalid) == (300_000, 100_003 - len(missing(rows)), 300)
        assert plan.row_index.tolist() == plans[1].row_index.tolist()
        assert plan.digests.tolist() == plans[1].digests.tolist()
        assert list(plan.rejects) == list(plans[1].rejects)


def missing(rows: list[str]) -> set[int]:
    """The numbers that no row has."""
    return set(range(100_003)) - {int(row.removeprefix("sha256:"), 16) for row in rows if row != "junk"}
