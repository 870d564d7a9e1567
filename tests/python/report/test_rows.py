"""Looking up digests and rows in a report, and going over its rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layercheck as lc
from digest_strategies import near_digests
from layercheck.testing import LocalEcr
from made_report import HOSTILE, A, B, C, D, report


def test_a_digest_finds_its_verdict_in_any_spelling() -> None:
    made = report()
    for spelling in (A, A.upper(), A[7:], f"app@{A}", A.encode(), bytes.fromhex(A[7:])):
        assert spelling in made
        assert made[spelling] == (0, A, lc.Verdict.AVAILABLE, 123, "a/b", None, None, None)
    assert made[B].verdict is lc.Verdict.UNAVAILABLE
    assert made[C].reason == HOSTILE
    assert made[D].row == 5


def test_a_digest_that_was_not_among_the_rows_is_a_key_error() -> None:
    made = report()
    absent = "sha256:" + "ff" * 32
    for other in (absent, "junk", "", HOSTILE, "\ud800", b"\xff"):
        assert other not in made
        with pytest.raises(KeyError, match="no row of the report has the digest"):
            made[other]
    assert None not in made
    assert 0 not in made
    with pytest.raises(TypeError, match=r"takes a digest, not int; for an input row use report\.row"):
        made[0]  # type: ignore[index]


def test_a_row_is_found_by_its_number() -> None:
    made = report()
    assert made.row(2) == (2, A, lc.Verdict.AVAILABLE, 123, "a/b", None, None, None)
    assert made.row(-1) == made.row(5) == made[D]
    invalid = made.row(3)
    assert (invalid.digest, invalid.verdict, invalid.input) == (None, lc.Verdict.INVALID, HOSTILE)
    for beyond in (6, -7):
        with pytest.raises(IndexError, match=f"there is no row {beyond}: the report has 6 rows"):
            made.row(beyond)


def test_an_iteration_goes_over_all_rows_in_order() -> None:
    made = report()
    assert list(made) == [made.row(at) for at in range(6)]
    assert [row.verdict for row in made] == list(made.verdicts)


def test_an_iteration_crosses_the_pieces_in_which_rows_are_made() -> None:
    rows = [f"sha256:{number:064x}" for number in range(10_000)]
    assert [row.digest for row in report(rows)] == rows


def test_counts_take_a_word_or_a_verdict() -> None:
    counts = report().counts
    assert counts[lc.Verdict.AVAILABLE] == counts["available"] == 2
    assert counts.__contains__(lc.Verdict.ARCHIVED)  # mypy takes `in` for a mistake here
    assert "archived" in counts
    assert counts.get(lc.Verdict.INVALID) == 1
    assert counts.get("nonsense") is None
    with pytest.raises(KeyError):
        counts["nonsense"]
    assert report().unique_counts[lc.Verdict.NOT_CHECKED] == 1
    assert dict(counts) == counts


@settings(max_examples=50)
@given(rows=st.lists(near_digests(), max_size=300), repeats=st.integers(1, 3))
def test_every_digest_of_a_plan_has_the_first_row_that_a_dict_gives_it(
    rows: list[bytes], repeats: int
) -> None:
    plan = lc.plan([row for row in rows for _ in range(repeats)] + rows)
    first: dict[int, int] = {}
    for row, index in enumerate(plan.row_index.tolist()):
        first.setdefault(index, row)
    for index, digest in enumerate(plan.texts(0, plan.unique)):
        assert plan.first_row(digest) == first[index]


def test_an_integer_column_of_a_data_frame_keeps_its_integers() -> None:
    frame = report().to_pandas()
    assert [str(frame.dtypes[name]) for name in ("row", "size")] == ["int64", "Int64"]
    assert frame["size"][0] == 123
    assert str(report([A, B, C]).to_pandas().dtypes["size"]) == "Int64"
    assert str(lc.plan([A, "junk"]).to_pandas().dtypes["index"]) == "Int64"


def test_two_reports_are_compared_without_files() -> None:
    with LocalEcr({"app": [A, B]}) as ecr:
        before = lc.check([A, B], "app", client=ecr.client())
        ecr.remove("app", [B])
        after = lc.check([A, B, C], "app", client=ecr.client())
    changes = lc.diff(before, after)
    assert changes.digests("vanished") == [B]
    assert changes.counts["added"] == 1
    assert changes.targets == (before.target, after.target)
