"""However rows are cut into batches, parts and slices, the verdicts are those of one process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import layercheck as lc
from fake_account import digests
from layercheck import shard
from layercheck.parts.join_rows import canonical_column
from layercheck.shard.slices import fingerprints
from layercheck.testing import LocalEcr

from . import by_hand
from .conftest import HELD

_SPELLINGS = (
    str,
    str.upper,
    lambda text: text[7:],
    lambda text: f"blobs/sha256/{text[7:]}",
    lambda t: f" {t}\n",
)
_INVALID = st.sampled_from(["", "latest", "sha256:", "sha512:" + "0" * 128, "0" * 63, "0" * 65, "é"])

digest_rows = st.builds(
    lambda text, spell: spell(text), st.sampled_from(HELD[:12]), st.sampled_from(_SPELLINGS)
)
rows = st.lists(digest_rows | digest_rows | digest_rows | _INVALID | st.none(), max_size=60)
raw_rows = st.lists(
    st.sampled_from([bytes.fromhex(text[7:]) for text in HELD[:12]]) | st.none() | st.binary(max_size=70),
    max_size=40,
)


@st.composite
def _cut(draw: st.DrawFn, given: list[Any], kind: pa.DataType) -> list[list[pa.RecordBatch]]:
    """The rows in any order, as parts of batches of any size; some are empty."""
    shuffled = draw(st.permutations(given))

    def pieces(of: list[Any], most: int) -> list[list[Any]]:
        cuts = sorted(draw(st.lists(st.integers(0, len(of)), max_size=most)))
        return [of[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(of)], strict=True)]

    def batch(piece: list[Any]) -> pa.RecordBatch:
        return pa.record_batch({"digest": pa.array(piece, kind)})

    return [[batch(piece) for piece in pieces(part, 4)] for part in pieces(shuffled, 4)]


_TEXT = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
_RAW = [pa.binary(), pa.large_binary(), pa.binary_view()]


def _settings(ecr: LocalEcr, **given: Any) -> shard.Settings:
    return shard.Settings("app", region_name="us-east-1", endpoint_url=ecr.endpoint_url, rate=5_000, **given)


def _single_process(
    ecr: LocalEcr, given: list[Any], *, raw: bool = False
) -> tuple[lc.Report, dict[str, Any]]:
    report = lc.check(given, "app", client=ecr.client(), raw=raw, rate="max")
    found = report.to_arrow(unique=True)
    return report, {
        row["digest"]: tuple(row[name] for name in ("verdict", "size", "media_type", "code", "reason"))
        for row in found.to_pylist()
        if row["digest"] is not None
    }


@settings(max_examples=60)
@given(st.data(), rows, st.sampled_from([1, 2, 64, 4096]), st.integers(1, 3), st.integers(0, 9))
def test_any_cutting_gives_the_verdicts_of_one_process(
    ecr: LocalEcr, data: st.DataObject, given: list[Any], slices: int, askers: int, seed: int
) -> None:
    parts = data.draw(_cut(given, data.draw(st.sampled_from(_TEXT))))
    report, expected = _single_process(ecr, given)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        found = by_hand.audit(parts, _settings(ecr), path, slices=slices, askers=askers, seed=seed)
        summed = shard.summary(path)
    assert by_hand.lines_of(found) == expected
    assert found.schema.equals(shard.SCHEMA)
    assert summed.complete
    assert (summed.rows, summed.invalid, summed.digests) == (
        report.rows,
        report.plan.invalid,
        report.plan.unique,
    )
    assert dict(summed.counts) == {
        verdict: number for verdict, number in report.unique_counts.items() if verdict != "invalid"
    }


@settings(max_examples=25)
@given(st.data(), raw_rows)
def test_any_cutting_of_raw_digests_gives_the_verdicts_of_one_process(
    ecr: LocalEcr, data: st.DataObject, given: list[Any]
) -> None:
    parts = data.draw(_cut(given, data.draw(st.sampled_from(_RAW))))
    report, expected = _single_process(ecr, given, raw=True)
    with tempfile.TemporaryDirectory() as name:
        found = by_hand.audit(parts, _settings(ecr), Path(name), raw=True)
        summed = shard.summary(name)
    assert by_hand.lines_of(found) == expected
    assert (summed.rows, summed.invalid) == (report.rows, report.plan.invalid)


@settings(max_examples=60)
@given(st.data(), rows)
def test_counts_and_fingerprints_do_not_depend_on_the_cutting(data: st.DataObject, given: list[Any]) -> None:
    def counted() -> tuple[shard.Counts, dict[int, shard.Fingerprint]]:
        parts = data.draw(_cut(given, pa.string()))
        prepared = [
            shard.prepare(part, block_rows=data.draw(st.sampled_from([None, 1, 7]))) for part in parts
        ]
        whole = list(shard.prepare((batch for each in prepared for batch in each), raw=True))
        return sum((each.counts for each in prepared), shard.Counts()), fingerprints(whole, 64)

    first, second = counted(), counted()
    assert first == second
    plan = lc.plan(given)
    assert (first[0].rows, first[0].invalid, first[0].null) == (plan.rows, plan.invalid, given.count(None))
    assert sum(each.digests for each in first[1].values()) == plan.unique


@settings(max_examples=40)
@given(st.data(), rows)
def test_notes_among_the_rows_say_the_same_as_the_objects_beside_them(
    data: st.DataObject, given: list[Any]
) -> None:
    parts = data.draw(_cut(given, pa.string()))
    prepared = [shard.prepare(part) for part in parts]
    sums = dict.fromkeys(shard.PREPARED_NOTES, 0)
    digests_found = 0
    for each in prepared:
        for batch in each.with_notes():
            assert batch.schema.equals(shard.PREPARED)
            for row in batch.to_pylist():
                if row["digest"] is None:
                    sums[row["name"]] += row["value"]
                else:
                    digests_found += 1
    assert shard.Counts.of_notes(sums) == sum((each.counts for each in prepared), shard.Counts())
    assert digests_found == sum(
        lc.plan([r for b in part for r in b["digest"].to_pylist()]).unique for part in parts
    )


@example(["a" * 31, b"b" * 33, b"c" * 32])
@given(raw_rows)
def test_with_raw_a_value_of_another_width_is_one_invalid_row(given: list[Any]) -> None:
    values = [row.encode() if isinstance(row, str) else row for row in given]
    prepared = shard.prepare([pa.record_batch({"digest": pa.array(values, pa.binary())})], raw=True)
    found = {value for batch in prepared for value in batch["digest"].to_pylist()}
    assert found == {value for value in values if value is not None and len(value) == 32}
    assert prepared.counts.invalid == sum(value is None or len(value) != 32 for value in values)


def test_an_md5_in_hex_is_text_unless_raw_is_said() -> None:
    batch = pa.record_batch({"digest": pa.array([b"d41d8cd98f00b204e9800998ecf8427e"], pa.binary())})
    assert [each.num_rows for each in shard.prepare([batch])] == []
    assert [each.num_rows for each in shard.prepare([batch], raw=True)] == [1]


@pytest.mark.parametrize("form", ["raw digests", "text"])
def test_many_rows_of_the_other_form_are_refused_and_not_called_invalid(form: str) -> None:
    """Spark writes raw digests as plain binary, so that only the user can tell what the bytes are."""
    texts = digests(100)
    values = (
        [bytes.fromhex(text[7:]) for text in texts] if form == "raw digests" else [t.encode() for t in texts]
    )
    batch = pa.record_batch({"digest": pa.array([*values, None], pa.binary())})
    with pytest.raises(lc.InvalidParameterError, match=r"none of 101 rows is a digest: .*raw=True"):
        list(shard.prepare([batch], raw=form == "text"))
    with pytest.raises(lc.InvalidParameterError, match=r"none of 101 rows is a digest: .*raw=True"):
        canonical_column(batch.column(0), raw=form == "text")
    prepared = shard.prepare([batch], raw=form == "raw digests")
    assert [each.num_rows for each in prepared] == [100]


def test_batches_have_at_most_50_000_rows() -> None:
    texts = digests(120_001)
    prepared = shard.prepare([pa.record_batch({"digest": texts})])
    assert [batch.num_rows for batch in prepared] == [50_000, 50_000, 20_001]


@pytest.mark.parametrize(
    ("batch", "column", "message"),
    [
        (pa.record_batch({"a": ["x"], "b": ["y"]}), None, "choose one of 'a', 'b' by column="),
        (pa.record_batch({"a": ["x"]}), "b", "no column 'b'; there are 'a'"),
        (
            pa.RecordBatch.from_arrays([pa.array(["x"])] * 2, names=["a", "a"]),
            "a",
            "more than one column 'a'",
        ),
    ],
)
def test_a_column_that_cannot_be_told_is_said(batch: Any, column: str | None, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        list(shard.prepare([batch], column=column))
    assert message in str(refused.value)


def test_a_part_without_rows_is_a_part_without_digests() -> None:
    empty = pa.record_batch({"digest": pa.array([], pa.string())})
    for batches in ([], [empty], [empty, empty]):
        prepared = shard.prepare(batches)
        assert list(prepared) == []
        assert prepared.counts == shard.Counts()
