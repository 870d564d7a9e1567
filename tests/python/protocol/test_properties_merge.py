"""For any answer, the ledger and the reference agree on every digest."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import digest_strategies as ds
import layercheck as lc
import reference as ref
from layercheck import _core
from ledgers import planned, states

many = settings(deadline=None, max_examples=400)

lists_of_digests = st.lists(ds.digests, min_size=1, max_size=8, unique=True)


@many
@given(data=st.data(), digests=lists_of_digests, odd=st.booleans())
def test_an_answer_is_merged_as_the_reference_merges_it(data: Any, digests: list[bytes], odd: bool) -> None:
    answer = data.draw(ds.answers(digests, odd=odd), label="answer")
    ledger = _core.Ledger(planned(digests))
    merged = ledger.merge(0, len(digests), answer)
    wanted, counted = ref.merge(digests, answer)
    assert states(ledger) == wanted
    assert tuple(merged) == tuple(counted)


@many
@given(data=st.data(), digests=lists_of_digests)
def test_an_answer_changes_only_the_digests_of_its_call(data: Any, digests: list[bytes]) -> None:
    start = data.draw(st.integers(0, len(digests)), label="start")
    stop = data.draw(st.integers(start, len(digests)), label="stop")
    answer = data.draw(ds.answers(digests), label="answer")
    ledger = _core.Ledger(planned(digests))
    merged = ledger.merge(start, stop, answer)
    wanted, counted = ref.merge(digests[start:stop], answer)
    before, after = [ref.State()] * start, [ref.State()] * (len(digests) - stop)
    assert states(ledger) == before + wanted + after
    assert tuple(merged) == tuple(counted)
    # An answer that names none of the digests belongs to another request.
    assert ledger.settled == (0 if merged.left_out == stop - start else stop - start)


@many
@given(
    data=st.data(),
    rows=st.lists(ds.rows, max_size=20),
    calls=st.lists(st.sampled_from(["merge", "merge", "fail", "refuse"]), max_size=6),
)
def test_every_row_has_one_verdict_after_any_sequence_of_calls(
    data: Any, rows: list[Any], calls: list[str]
) -> None:
    plan = lc.plan(rows)
    reference = ref.plan(rows)
    ledger = _core.Ledger(plan)
    wanted = [ref.State()] * reference.unique
    for call in calls if wanted else []:
        start = data.draw(st.integers(0, len(wanted) - 1))
        stop = data.draw(st.integers(start, len(wanted)))
        if call == "merge":
            answer = data.draw(ds.answers(reference.digests[start:stop]))
            ledger.merge(start, stop, answer)
            said = ref.merge(reference.digests[start:stop], answer)[0]
            wanted[start:stop] = map(ref.settle, wanted[start:stop], said)
        elif call == "fail":
            ledger.unanswered(start, stop, "reset")
            failed = [ref.State("unanswered", reason="reset")] * (stop - start)
            wanted[start:stop] = map(ref.settle, wanted[start:stop], failed)
        else:
            ledger.refuse(start, "SomeCode", "why")
            wanted[start] = ref.State("refused", "SomeCode", "why")
    report = ref.Report(reference, wanted)
    columns = ledger.columns()
    assert states(ledger) == wanted
    assert [lc.Verdict(code).label for code in columns.verdicts.tolist()] == report.verdicts
    assert [lc.Verdict(code).label for code in columns.unique_verdicts.tolist()] == [
        s.verdict for s in wanted
    ]
    assert columns.counts == report.counts
    assert columns.unique_counts == report.unique_counts
    assert sum(columns.counts.values()) == plan.rows == len(rows)
    for verdict in lc.Verdict:
        of_that = [
            ref.as_text(d)
            for d, s in zip(reference.digests, wanted, strict=True)
            if s.verdict == verdict.label
        ]
        assert columns.digests(verdict) == of_that


def test_a_later_verdict_replaces_all_parts_of_an_earlier_answer() -> None:
    digest = bytes(32)
    ledger = _core.Ledger(planned([digest]))
    held = {
        "layerDigest": ref.as_text(digest),
        "layerAvailability": "AVAILABLE",
        "layerSize": 7,
        "mediaType": "m",
    }
    ledger.merge(0, 1, {"layers": [held]})
    ledger.refuse(0, "SomeCode", "why")
    assert states(ledger) == [ref.State("refused", "SomeCode", "why")]


def test_an_answer_without_a_digest_keeps_its_earlier_verdict() -> None:
    digest = bytes(32)
    ledger = _core.Ledger(planned([digest]))
    held = {"layerDigest": ref.as_text(digest), "layerAvailability": "AVAILABLE", "layerSize": 7}
    ledger.merge(0, 1, {"layers": [held]})
    ledger.merge(0, 1, {})
    ledger.unanswered(0, 1, "reset")
    assert states(ledger) == [ref.State("available", size=7)]
