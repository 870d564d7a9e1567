"""Slices: the digest space cut by its first two bytes."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import layercheck as lc
from layercheck import shard

powers = st.sampled_from([1 << power for power in range(13)])


def _column(values: list[bytes]) -> pa.Array:
    return pa.array(values, pa.binary())


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40), powers)
def test_a_slice_is_the_first_two_bytes_scaled(values: list[bytes], slices: int) -> None:
    expected = [int.from_bytes(value[:2], "big") * slices // 65536 for value in values]
    assert shard.slice_numbers(_column(values), slices).to_pylist() == expected


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40), powers)
def test_every_row_is_in_one_slice(values: list[bytes], slices: int) -> None:
    batch = pa.record_batch({"digest": _column(values), "more": list(range(len(values)))})
    found = [
        (number, row["digest"], row["more"])
        for number, piece in shard.slices_of([batch], slices)
        for row in piece.to_pylist()
    ]
    assert sorted(found, key=lambda each: each[2]) == [
        (int.from_bytes(value[:2], "big") * slices // 65536, value, at) for at, value in enumerate(values)
    ]


@given(st.integers(0, 10**12), st.floats(1, 1e5))
def test_the_number_of_slices_is_a_power_of_two_up_to_4096(digests: int, rate: float) -> None:
    slices = shard.slice_count(digests, rate)
    assert slices in [1 << power for power in range(13)]
    assert slices == 4096 or digests <= slices * rate * 100 * 240 * (1 + 1e-9)
    assert slices == 1 or digests > slices / 2 * rate * 100 * 240 * (1 - 1e-9)


@pytest.mark.parametrize("slices", [0, 3, 8192, True, 2.0, "4", -1])
def test_other_numbers_of_slices_are_refused(slices: object) -> None:
    with pytest.raises(lc.InvalidParameterError, match="expected a power of two from 1 to 4,096"):
        shard.slice_numbers(_column([]), slices)  # type: ignore[arg-type]


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40), st.integers(0, 40), powers)
def test_fingerprints_add_up(values: list[bytes], at: int, slices: int) -> None:
    def of(part: list[bytes]) -> shard.Fingerprint:
        return shard.fingerprint([pa.record_batch({"digest": _column(part)})])

    assert of(values[:at]) + of(values[at:]) == of(values) == of(values[::-1])
    if values:
        assert of(values[:-1]) != of(values)
        changed = bytes([values[0][0] ^ 1]) + values[0][1:]
        assert of([changed, *values[1:]]) != of(values)


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary(32)], ids=["binary", "large", "fixed"]
)
def test_fingerprints_do_not_depend_on_the_type_or_the_offset(kind: pa.DataType) -> None:
    values = [bytes([number]) * 32 for number in range(9)]
    whole = pa.array([None, *values, None], kind)
    for column in (whole, pa.array([b"x" * 32, *values], kind).slice(1)):
        found = shard.fingerprint([pa.RecordBatch.from_arrays([column], names=["d"])])
        assert found == shard.fingerprint([pa.record_batch({"d": _column(values)})])
