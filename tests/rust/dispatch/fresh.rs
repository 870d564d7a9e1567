//! The digests that no call has asked for yet: each is in exactly one call, wherever calls are taken from.

use std::ops::Range;

use layercheck::dispatch::schedule::fresh::{FreshDigests, NextOpen};
use proptest::prelude::*;

const SIZE: usize = 10;

/// Takes calls until none is left, from anywhere where a draw says so, and returns them in order.
fn all_calls(mut fresh: FreshDigests, draws: &[Option<f64>]) -> Vec<Range<usize>> {
    let mut draws = draws.iter().copied().cycle();
    let mut calls = Vec::new();
    while !fresh.is_empty() {
        fresh.make_room().unwrap();
        let (first, draw) = (fresh.first(), draws.next().flatten());
        let call = match draw {
            Some(draw) => fresh.take_far(draw),
            None => fresh.take(),
        };
        let call = call.expect("some are left");
        assert!(call.start >= first, "{call:?} was known, or asked before");
        assert!(draw.is_some() || call.start == first, "{call:?} is not the first from {first} on");
        calls.push(call);
        assert!(calls.len() <= 1_000, "it asks for ever");
    }
    assert_eq!((fresh.take(), fresh.take_far(0.5)), (None, None));
    calls.sort_by_key(|call| call.start);
    calls
}

fn batches(digests: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    digests.clone().step_by(SIZE).map(move |at| at..(at + SIZE).min(digests.end))
}

/// None for the next call in order, else where the call is taken from.
fn draws() -> impl Strategy<Value = Vec<Option<f64>>> {
    prop::collection::vec(prop::option::of(0.0..1.0), 0..10)
}

/// Returns what `Ledger::next_open` returns for whole open batches, followed by packed digests.
fn ledger(open_batches: Vec<bool>, unique: usize, packed: usize) -> NextOpen {
    Box::new(move |start| {
        let mut batches = start.div_ceil(SIZE)..unique.div_ceil(SIZE);
        if let Some(batch) = batches.find(|batch| open_batches[*batch]) {
            return batch * SIZE..(batch * SIZE + SIZE).min(unique);
        }
        let first = start.clamp(unique, unique + packed);
        first..(first + SIZE).min(unique + packed)
    })
}

proptest! {
    #[test]
    fn every_digest_is_in_one_call_of_its_own_batch(numbers in 0..300_usize, draws in draws()) {
        let fresh = FreshDigests::new(numbers, SIZE, numbers, None);
        prop_assert_eq!(all_calls(fresh, &draws), batches(0..numbers).collect::<Vec<_>>());
    }

    #[test]
    fn packed_digests_are_in_calls_of_their_own(
        unique in 0..100_usize,
        packed in 0..80_usize,
        draws in draws(),
    ) {
        let fresh = FreshDigests::new(unique + packed, SIZE, unique, None);
        let expected: Vec<_> = batches(0..unique).chain(batches(unique..unique + packed)).collect();
        prop_assert_eq!(all_calls(fresh, &draws), expected);
    }

    #[test]
    fn a_run_that_goes_on_asks_what_is_open_and_packs_the_rest(
        open_batches in prop::collection::vec(any::<bool>(), 0..31),
        short in 0..SIZE,
        packed in 0..80_usize,
        draws in draws(),
    ) {
        let unique = (open_batches.len() * SIZE).saturating_sub(short);
        let whole = batches(0..unique).zip(&open_batches).filter(|(_, open)| **open).map(|(batch, _)| batch);
        let expected: Vec<_> = whole.chain(batches(unique..unique + packed)).collect();
        let next_open = ledger(open_batches.clone(), unique, packed);
        let fresh = FreshDigests::new(unique + packed, SIZE, unique, Some(next_open));
        prop_assert_eq!(all_calls(fresh, &draws), expected);
    }
}

#[test]
fn calls_from_anywhere_are_spread_over_what_is_left() {
    let mut fresh = FreshDigests::new(1_000 * SIZE, SIZE, 1_000 * SIZE, None);
    let mut random = fastrand::Rng::with_seed(1);
    let mut calls = [0; 10];
    for _ in 0..100 {
        calls[fresh.take_far(random.f64()).unwrap().start / (100 * SIZE)] += 1;
    }
    assert!(calls.iter().all(|tenth| *tenth > 0), "{calls:?}");
}

#[test]
fn the_first_digest_that_is_left_is_the_number_of_all_when_none_is() {
    let mut fresh = FreshDigests::new(25, SIZE, 25, None);
    assert_eq!([fresh.first(), fresh.take().unwrap().end, fresh.first()], [0, 10, 10]);
    assert_eq!([fresh.take_far(0.99), fresh.take()], [Some(20..25), Some(10..20)]);
    assert_eq!((fresh.is_empty(), fresh.first()), (true, 25));
}
