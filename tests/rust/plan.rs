//! Rows to plans: order, duplicates, batches.

use std::collections::HashMap;

use layercheck::digest::parse::RejectKind;
use layercheck::plan::dedupe::{Dedupe, Seed};
use layercheck::{Digest, Plan, Planner};
use proptest::prelude::*;

fn plan(rows: &[&str], batch_size: usize) -> Plan {
    let mut planner = Planner::new(false);
    for row in rows {
        planner.row(row.as_bytes());
    }
    planner.finish(batch_size).unwrap()
}

/// Returns the parts of a plan, to compare them.
fn parts(plan: &Plan) -> (&[Digest], &[i64], Vec<String>, usize) {
    let rejects = (0..plan.rejects().len()).map(|at| plan.rejects().get(at).to_string());
    (plan.digests(), plan.row_index(), rejects.collect(), plan.spellings().iter().map(|s| s.1 as usize).sum())
}

fn numbered(number: usize) -> Digest {
    let mut digest = Digest([0; 32]);
    digest.0[..8].copy_from_slice(&number.to_be_bytes());
    digest
}

fn text(byte: u8) -> String {
    Digest([byte; 32]).to_string()
}

#[test]
fn digests_stand_in_the_order_they_were_first_seen() {
    let (a, b, c) = (text(7), text(3), text(5));
    let plan = plan(&[&b, &a, &b.to_uppercase(), "junk", &c, &a], 2);
    assert_eq!(plan.digests(), [Digest([3; 32]), Digest([7; 32]), Digest([5; 32])]);
    assert_eq!(plan.row_index(), [0, 1, 0, -1, 2, 1]);
    assert_eq!((plan.rows(), plan.unique(), plan.duplicates(), plan.invalid()), (6, 3, 2, 1));
    assert_eq!(plan.batches().len(), 2);
    assert_eq!(plan.batches().range(1), Some(2..3));
    assert_eq!(plan.batches().get(2), None);
}

#[test]
fn a_rejected_row_tells_what_is_wrong_where_and_what_is_expected() {
    let plan = plan(&[&text(1), "sha256:xyz"], 100);
    let reject = plan.rejects().get(0);
    assert_eq!((reject.row, reject.kind, reject.offset), (1, RejectKind::NotHexadecimal, 7));
    let expected =
        "row 1, offset 7: 'x' is not hexadecimal; expected 64 hex digits, alone or after \"sha256:\"";
    assert_eq!(reject.to_string(), expected);
    assert_eq!(plan.rejects().of_row(1), Some(reject));
    assert_eq!(plan.rejects().of_row(0), None);
}

#[test]
fn a_long_rejected_text_is_kept_in_part_and_marked() {
    let plan = plan(&[&"é".repeat(1_000)], 100);
    let shown = plan.rejects().get(0).shown().unwrap();
    assert_eq!(shown, format!("{}…", "é".repeat(128)));
}

#[test]
fn nulls_are_rows_without_text() {
    let mut planner = Planner::new(false);
    planner.not_text(None);
    planner.not_text(Some(b"nan"));
    let plan = planner.finish(100).unwrap();
    assert_eq!(plan.rejects().get(0).text, None);
    assert_eq!(plan.rejects().get(1).shown().as_deref(), Some("nan"));
    assert_eq!(plan.rejects().counts()[RejectKind::NotText as usize].1, 2);
}

proptest! {
    #[test]
    fn deduplication_equals_a_plain_map(keys in prop::collection::vec((0u8..4, 0usize..32), 0..500)) {
        // Digests that differ in one byte at any position, many of them equal.
        let digests: Vec<Digest> = keys
            .iter()
            .map(|(value, at)| {
                let mut digest = [0; 32];
                digest[*at] = *value;
                Digest(digest)
            })
            .collect();
        let mut planner = Planner::new(false);
        planner.raw(&digests);
        let plan = planner.finish(7).unwrap();
        let mut seen = HashMap::new();
        let mut unique = Vec::new();
        for (digest, index) in digests.iter().zip(plan.row_index()) {
            let expected = *seen.entry(*digest).or_insert_with(|| {
                unique.push(*digest);
                unique.len() - 1
            });
            prop_assert_eq!(*index, expected as i64);
        }
        prop_assert_eq!(plan.digests(), unique.as_slice());
        let batched: usize = (0..plan.batches().len()).map(|at| plan.batches().get(at).unwrap().len()).sum();
        prop_assert_eq!(batched, plan.unique());
    }
}

/// Rows of a few digests, many of them equal, in several spellings and with rejected rows between them.
fn small_rows() -> impl Strategy<Value = Vec<String>> {
    let digest = (0u8..6, 0usize..4).prop_map(|(value, at)| {
        let mut digest = [0; 32];
        digest[at * 10] = value;
        Digest(digest).to_string()
    });
    let row = prop_oneof![
        6 => digest.clone(),
        1 => digest.prop_map(|text| text.to_uppercase()),
        1 => Just("latest".to_owned()),
        1 => Just(String::new()),
    ];
    prop::collection::vec(row, 0..300)
}

proptest! {
    #[test]
    fn blocks_and_threads_change_nothing_in_a_plan(
        rows in small_rows(),
        block in 1usize..20,
        threads in 1usize..4,
        expected in 0usize..400,
    ) {
        let mut planner = Planner::new(false).threads(Some(threads)).in_blocks_of(block);
        planner.expect(expected);
        let mut numbers = HashMap::new();
        let mut unique = Vec::new();
        let mut wanted = Vec::new();
        for row in &rows {
            planner.row(row.as_bytes());
            let Ok(digest) = row.parse::<Digest>() else {
                wanted.push(-1);
                continue;
            };
            wanted.push(*numbers.entry(digest).or_insert_with(|| {
                unique.push(digest);
                unique.len() as i64 - 1
            }));
        }
        let made = planner.finish(100).unwrap();
        prop_assert_eq!(made.row_index(), wanted);
        prop_assert_eq!(made.digests(), unique);
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        prop_assert!(parts(&made) == parts(&plan(&rows, 100)));
    }
}

#[test]
fn a_wrong_number_of_expected_rows_changes_nothing_in_a_plan() {
    let plain = {
        let mut planner = Planner::new(false);
        many_rows(&mut planner);
        planner.finish(100).unwrap()
    };
    // The last is more than the system can reserve.
    for expected in [1, MANY, 10 * MANY, usize::MAX] {
        let mut planner = Planner::new(false).threads(Some(2));
        planner.expect(expected);
        many_rows(&mut planner);
        planner.expect(expected);
        assert!(parts(&plain) == parts(&planner.finish(100).unwrap()));
    }
}

/// More rows than the number from which a background thread works.
const MANY: usize = 300_000;

/// Feeds valid rows, with new digests and with digests repeated at short and long distances. Every seventh
/// row is rejected, and one long run of rows is rejected.
fn many_rows(planner: &mut Planner) {
    for row in 0..MANY {
        if row % 7 == 3 || (100_000..130_000).contains(&row) {
            planner.row(b"latest");
        } else {
            planner.row(numbered(row * 7_919 % 100_003).to_string().as_bytes());
        }
    }
    let raw: Vec<Digest> = (0..20_000).map(|row| numbered(row * 3)).collect();
    planner.raw(&raw);
    planner.not_text(None);
}

#[test]
fn a_background_thread_changes_nothing_in_the_plan() {
    let [one, two] = [1, 2].map(|threads| {
        let mut planner = Planner::new(false).threads(Some(threads));
        many_rows(&mut planner);
        planner.finish(100).unwrap()
    });
    assert_eq!(one.rows(), MANY + 20_001);
    assert!(parts(&one) == parts(&two));
    let mut first_seen = HashMap::new();
    let wanted = (0..MANY).map(|row| {
        if row % 7 == 3 || (100_000..130_000).contains(&row) {
            return -1;
        }
        let next = first_seen.len() as i64;
        *first_seen.entry(row * 7_919 % 100_003).or_insert(next)
    });
    assert!(two.row_index()[..MANY].iter().copied().eq(wanted));
}

#[test]
fn a_plan_may_have_only_rejected_rows() {
    for threads in [1, 2] {
        let mut planner = Planner::new(false).threads(Some(threads));
        (0..MANY).for_each(|_| planner.not_text(None));
        let plan = planner.finish(100).unwrap();
        assert_eq!((plan.rows(), plan.invalid(), plan.unique()), (MANY, MANY, 0));
        assert!(plan.row_index().iter().all(|index| *index == -1));
    }
}

#[test]
fn each_digest_keeps_its_index_while_the_table_grows_a_hundredfold() {
    const COUNT: usize = 300_000;
    let mut planner = Planner::new(false);
    // Each digest again after some that are new, so that it is looked for in tables of many sizes.
    for number in 0..COUNT {
        planner.raw(&[numbered(number), numbered(number / 2), numbered(number / 1_000)]);
    }
    let plan = planner.finish(100).unwrap();
    assert_eq!(plan.unique(), COUNT);
    assert!(plan.digests().iter().enumerate().all(|(number, digest)| *digest == numbered(number)));
    let expected =
        (0..COUNT).flat_map(|number| [number, number / 2, number / 1_000].map(|index| index as i64));
    assert!(plan.row_index().iter().copied().eq(expected));
}

/// What came of digests that were looked up in blocks of a thousand.
struct LookedUp {
    dedupe: Dedupe,
    indices: Vec<u32>,
    /// The capacities that the table had.
    capacities: Vec<usize>,
}

/// Looks up digests. `more` says how many digests are said to come after so many.
fn look_up(digests: &[Digest], more: impl Fn(usize) -> usize) -> LookedUp {
    let seed = Seed::draw();
    let mut dedupe = Dedupe::new(seed).unwrap();
    let mut indices = vec![0; digests.len()];
    let (mut taken, mut capacities) = (0, Vec::new());
    for (block, indices) in digests.chunks(1_000).zip(indices.chunks_mut(1_000)) {
        let tags: Vec<u32> = block.iter().map(|digest| seed.tag(digest)).collect();
        taken += block.len();
        dedupe.insert(block, &tags, indices, more(taken)).unwrap();
        capacities.push(dedupe.capacity());
    }
    capacities.dedup();
    LookedUp { dedupe, indices, capacities }
}

#[test]
fn a_table_that_grows_for_what_will_come_finds_the_same_digests() {
    const COUNT: usize = 200_000;
    // Each digest comes twice, at first near to each other and then far.
    let digests: Vec<Digest> =
        (0..COUNT).flat_map(|number| [numbered(number), numbered(number / 2)]).collect();
    let plain = look_up(&digests, |_| 0);
    let right: Box<dyn Fn(usize) -> usize> = Box::new(|taken| 2 * COUNT - taken);
    let wrong = [5, COUNT / 3, 20 * COUNT, usize::MAX].map(|rows| Box::new(move |_| rows) as _);
    for more in wrong.into_iter().chain([right]) {
        let LookedUp { dedupe, indices, .. } = look_up(&digests, more);
        assert!(indices == plain.indices);
        assert!(dedupe.unique() == plain.dedupe.unique());
        let found = dedupe.unique().iter().map(|digest| dedupe.find(digest).unwrap());
        assert!(found.eq(0..COUNT as u32));
        assert_eq!(dedupe.find(&numbered(COUNT)), None);
    }
}

#[test]
fn a_table_grows_once_for_all_digests_when_an_eighth_of_them_has_come() {
    const COUNT: usize = 390_000;
    let digests: Vec<Digest> = (0..COUNT).map(numbered).collect();
    let doubled: Vec<usize> = (1..10).map(|times| 768 << times).collect();
    let known = look_up(&digests, |taken| COUNT - taken).capacities;
    assert_eq!(known, [&doubled[..6], &[393_216]].concat());
    assert_eq!(look_up(&digests, |_| 0).capacities, doubled);
    // Of so many, too few have come.
    assert_eq!(look_up(&digests, |_| usize::MAX).capacities, doubled);
}

#[test]
fn a_table_is_at_most_eight_times_too_large_if_the_others_are_not_new() {
    const COUNT: usize = 1_000_000;
    let mut digests: Vec<Digest> = (0..COUNT / 8).map(numbered).collect();
    digests.resize(COUNT, numbered(1));
    let too_large = look_up(&digests, |taken| COUNT - taken).dedupe.capacity();
    assert!(too_large <= 8 * look_up(&digests, |_| 0).dedupe.capacity());
    // What counts is how many were new since the table last grew.
    let row = |row: usize| if row < 40_000 || row.is_multiple_of(10) { row } else { 0 };
    let digests: Vec<Digest> = (0..780_000).map(|at| numbered(row(at))).collect();
    assert_eq!(look_up(&digests, |taken| 780_000 - taken).dedupe.capacity(), 196_608);
}

#[test]
fn a_dropped_planner_ends_its_thread() {
    let mut planner = Planner::new(false).threads(Some(2));
    many_rows(&mut planner);
    drop(planner); // hangs, if the thread does not end
}
