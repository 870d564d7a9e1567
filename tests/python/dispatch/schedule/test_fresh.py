"""The digests that no call has asked for yet: each is in exactly one call, wherever calls are taken from."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from layercheck.dispatch.schedule.fresh import FreshDigests

SIZE = 10


def all_calls(fresh: FreshDigests, far: list[bool]) -> list[tuple[int, int]]:
    """Take calls until none is left, from anywhere where `far` says so."""
    rng = random.Random(4)
    calls: list[tuple[int, int]] = []
    while fresh:
        at_random = far[len(calls) % len(far)] if far else False
        calls.append(fresh.take_far(rng) if at_random else fresh.take())
    return calls


@given(st.integers(0, 300), st.lists(st.booleans(), max_size=9))
def test_every_digest_is_in_one_call_of_its_own_batch(numbers: int, far: list[bool]) -> None:
    calls = all_calls(FreshDigests(numbers, SIZE), far)
    assert sorted(calls) == [(at, min(at + SIZE, numbers)) for at in range(0, numbers, SIZE)]


def ledger(open_batches: list[bool], unique: int, packed: int) -> Callable[[int], tuple[int, int]]:
    """Return what `Ledger.next_open` of the core returns for whole open batches and packed digests."""

    def next_open(start: int) -> tuple[int, int]:
        for batch in range(-(-start // SIZE), -(-unique // SIZE)):
            if open_batches[batch]:
                return batch * SIZE, min(batch * SIZE + SIZE, unique)
        first = min(max(start, unique), unique + packed)
        return first, min(first + SIZE, unique + packed)

    return next_open


@given(
    st.lists(st.booleans(), max_size=30),
    st.integers(0, SIZE - 1),
    st.integers(0, 80),
    st.lists(st.booleans(), max_size=9),
)
def test_a_run_that_goes_on_asks_what_is_open_and_packs_the_rest(
    open_batches: list[bool], short: int, packed: int, far: list[bool]
) -> None:
    unique = max(len(open_batches) * SIZE - short, 0)
    fresh = FreshDigests(
        unique + packed, SIZE, packed_from=unique, next_open=ledger(open_batches, unique, packed)
    )
    calls = sorted(all_calls(fresh, far))
    whole = [(at * SIZE, min(at * SIZE + SIZE, unique)) for at, is_open in enumerate(open_batches) if is_open]
    rest = [(at, min(at + SIZE, unique + packed)) for at in range(unique, unique + packed, SIZE)]
    assert calls == whole + rest


def test_calls_from_anywhere_are_spread_over_what_is_left() -> None:
    rng, fresh = random.Random(1), FreshDigests(1_000 * SIZE, SIZE)
    tenths = sorted(fresh.take_far(rng)[0] // (100 * SIZE) for _ in range(100))
    assert len(list(groupby(tenths))) == 10
