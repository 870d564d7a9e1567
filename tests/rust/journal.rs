//! Encoded plans and outcomes are decoded as they were, or rejected.

use std::sync::Arc;

use layercheck::journal::{outcomes, plan_parts};
use layercheck::protocol::entry::{Entry, EntryStatus};
use layercheck::{Digest, Ledger, Plan, Planner, Spelling, Table, Verdict};
use proptest::prelude::*;

fn parts_of(plan: &Plan) -> Vec<Vec<u8>> {
    let mut parts = plan_parts::Parts::default();
    std::iter::from_fn(|| parts.next(plan)).collect()
}

fn rebuilt(parts: &[Vec<u8>]) -> Result<Plan, layercheck::journal::CorruptRecord> {
    let mut rebuild = plan_parts::Rebuild::default();
    parts.iter().try_for_each(|part| rebuild.take(part))?;
    rebuild.finish()
}

/// Returns the lines of the report table, which hold everything that a report shows.
fn lines_of(ledger: &Ledger) -> Vec<String> {
    let table = Table::new(Arc::clone(ledger.plan()), ledger.columns(), false);
    table.lines(0).map(|line| format!("{line:?}")).collect()
}

fn dirty_plan() -> Plan {
    let mut planner = Planner::new(false);
    let long = vec![b'z'; 1_000];
    for byte in [1, 2, 1, 3, 3, 4] {
        planner.row(Digest([byte; 32]).to_string().as_bytes());
        planner.row(b"latest");
    }
    planner.row(&long);
    planner.row(b"");
    planner.not_text(None);
    planner.not_text(Some(b"17"));
    planner.row("AB".repeat(32).as_bytes());
    planner.finish(7)
}

fn ledger_of(unique: u8) -> Ledger {
    let mut planner = Planner::new(false);
    (0..unique).for_each(|byte| planner.raw(&[Digest([byte; 32])]));
    Ledger::new(Arc::new(planner.finish(100)))
}

/// Makes a ledger with every kind of entry, a digest that the answer leaves out, and a digest that is never
/// asked.
fn answered() -> Ledger {
    let mut ledger = ledger_of(8);
    let layer = |availability, size, media_type| EntryStatus::Layer { availability, size, media_type };
    let failure = |code, reason| EntryStatus::Failure { code, reason };
    let statuses = [
        layer("AVAILABLE", Some(0), Some("application/vnd.oci.image.layer.v1.tar+gzip")),
        layer("AVAILABLE", Some(i64::MAX), None),
        layer("ARCHIVED", None, Some("")),
        failure("MissingLayerDigest", "not there"),
        failure("InvalidLayerDigest", "no ünïcode"),
        layer("MELTED", None, None),
    ];
    let entries = statuses.into_iter().enumerate();
    ledger
        .merge(0..7, entries.map(|(byte, status)| Entry { digest: Some(Digest([byte as u8; 32])), status }));
    ledger
}

#[test]
fn a_plan_comes_back_as_it_was() {
    let plan = dirty_plan();
    let again = rebuilt(&parts_of(&plan)).unwrap();
    assert_eq!(again.digests(), plan.digests());
    assert_eq!(again.row_index(), plan.row_index());
    assert_eq!((again.batch_size(), again.spellings()), (7, plan.spellings()));
    assert_eq!(again.rejects().counts(), plan.rejects().counts());
    let (before, after) = (Ledger::new(Arc::new(plan)), Ledger::new(Arc::new(again)));
    assert_eq!(lines_of(&after), lines_of(&before));
}

#[test]
fn a_plan_of_nothing_comes_back_too() {
    let plan = rebuilt(&parts_of(&Planner::new(false).finish(100))).unwrap();
    assert_eq!((plan.rows(), plan.unique()), (0, 0));
}

#[test]
fn plans_of_several_parts_come_back() {
    let mut planner = Planner::new(false);
    let number = 300_000_u32; // more than a part of digests, and of rejects
    for at in 0..number {
        let mut digest = Digest([7; 32]);
        digest.0[..4].copy_from_slice(&at.to_le_bytes());
        planner.raw(&[digest]);
        if at % 20 == 0 {
            planner.row(b"junk");
            planner.raw(&[digest]);
        }
    }
    let plan = planner.finish(100);
    let parts = parts_of(&plan);
    assert!(parts.len() >= 6, "{}", parts.len());
    let again = rebuilt(&parts).unwrap();
    assert_eq!(again.digests(), plan.digests());
    assert_eq!(again.row_index(), plan.row_index());
    assert_eq!(plan_parts::fingerprint(&again), plan_parts::fingerprint(&plan));
}

#[test]
fn a_missing_part_is_noticed() {
    let parts = parts_of(&dirty_plan());
    for left_out in 0..parts.len() {
        let mut some = parts.clone();
        some.remove(left_out);
        assert!(rebuilt(&some).is_err(), "part {left_out}");
    }
    assert!(rebuilt(&[parts.clone(), parts].concat()).is_err());
}

#[test]
fn fingerprints_tell_order_rows_and_rejects_apart_but_not_batches() {
    let of = |rows: &[&str], batch_size| {
        let mut planner = Planner::new(false);
        for row in rows {
            planner.row(row.as_bytes());
        }
        plan_parts::fingerprint(&planner.finish(batch_size))
    };
    let (a, b) = ("aa".repeat(32), "bb".repeat(32));
    let first = of(&[&a, &b, "junk"], 100);
    assert_eq!(of(&[&a.to_uppercase(), &b, "junk"], 3), first);
    assert_ne!(of(&[&b, &a, "junk"], 100).0, first.0);
    for other in [of(&[&a, &b, "jUnk"], 100), of(&[&a, "junk", &b], 100), of(&[&a, &b, &b, "junk"], 100)] {
        assert_eq!(other.0, first.0);
        assert_ne!(other.1, first.1);
    }
}

/// The time of the answers, in seconds since 1970.
const AT: f64 = 1_764_100_000.25;

fn keep(ledger: &Ledger, call: std::ops::Range<usize>) -> outcomes::Record {
    outcomes::encode(ledger, call, AT).unwrap()
}

fn take(ledger: &mut Ledger, record: &outcomes::Record) -> Result<usize, layercheck::journal::CorruptRecord> {
    outcomes::decode(ledger, record.range.clone(), AT, &record.frame)
}

#[test]
fn outcomes_come_back_and_what_was_not_asked_stays_as_it_is() {
    let before = answered();
    let record = keep(&before, 0..8);
    let mut after = ledger_of(8);
    assert_eq!(take(&mut after, &record), Ok(7));
    assert_eq!(before.columns().verdicts()[6..], [Verdict::Unanswered, Verdict::NotChecked]);
    assert_eq!(lines_of(&after), lines_of(&before));
    assert_eq!(outcomes::encode(&after, 0..8, AT), Some(record));
    // A digest that was left out is asked again, and counts as open until then.
    assert_eq!((before.settled(), after.settled()), (7, 6));
    assert_eq!(after.pack_pending(), 2);
    assert_eq!(after.asked(after.next_open(0))[..], [Digest([6; 32]), Digest([7; 32])]);
}

#[test]
fn only_outcomes_that_are_too_old_are_forgotten() {
    let before = answered();
    let mut after = ledger_of(8);
    take(&mut after, &keep(&before, 0..8)).unwrap();
    let old = keep(&before, 2..7);
    assert_eq!(outcomes::forget(&mut after, old.range.clone(), AT, &old.frame), Ok(5));
    assert_eq!(after.columns().verdicts()[..2], before.columns().verdicts()[..2]);
    assert_eq!(lines_of(&after)[2..], lines_of(&ledger_of(8))[2..]);
    assert!(outcomes::forget(&mut after, old.range, AT + 1.0, &old.frame).is_err());
    assert_eq!((after.settled(), after.pack_pending()), (2, 6));
}

#[test]
fn a_run_ignores_answers_after_its_end() {
    let mut ledger = answered();
    let before = lines_of(&ledger);
    ledger.close();
    let status = EntryStatus::Layer { availability: "AVAILABLE", size: None, media_type: None };
    let entries = (0..8).map(|byte| Entry { digest: Some(Digest([byte; 32])), status });
    assert_eq!(ledger.merge(0..8, entries).answered, 0);
    assert_eq!(lines_of(&ledger), before);
}

#[test]
fn a_call_that_was_not_asked_has_no_record() {
    let ledger = answered();
    assert_eq!(outcomes::encode(&ledger, 7..8, AT), None);
    assert_eq!(outcomes::encode(&ledger, 3..3, AT), None);
}

#[test]
fn verdicts_are_taken_only_for_the_digests_that_were_asked_and_at_their_time() {
    let record = keep(&answered(), 0..3);
    assert_eq!(record.range, 0..3);
    let mut others = Planner::new(false);
    (0..8).for_each(|byte| others.raw(&[Digest([byte + 1; 32])]));
    let mut others = Ledger::new(Arc::new(others.finish(100)));
    assert!(take(&mut others, &record).is_err());
    let mut same = ledger_of(8);
    for range in [1..4, 0..2, 0..4, 0..9, 3..8] {
        assert!(outcomes::decode(&mut same, range, AT, &record.frame).is_err());
    }
    #[expect(clippy::reversed_empty_ranges, reason = "a file may say so")]
    let reversed = 3..0;
    assert!(outcomes::decode(&mut same, reversed, AT, &record.frame).is_err());
    assert!(outcomes::decode(&mut same, 0..3, AT + 0.001, &record.frame).is_err());
    assert_eq!(same.settled() + others.settled(), 0);
    assert_eq!(take(&mut same, &record), Ok(3));
}

#[test]
fn pending_digests_are_asked_and_kept_together() {
    let mut planner = Planner::new(false);
    (0..12).for_each(|byte| planner.raw(&[Digest([byte; 32])]));
    let plan = Arc::new(planner.finish(4));
    let mut before = Ledger::new(Arc::clone(&plan));
    before.refuse(0, "", "");
    before.refuse(5, "", "");
    before.refuse(7, "", "");
    before.unanswered(6..7, "", "lost");
    let mut ledger = Ledger::new(plan);
    for call in [0..4, 4..8] {
        let record = keep(&before, call);
        take(&mut ledger, &record).unwrap();
    }
    assert_eq!(
        (ledger.settled(), ledger.pack_pending(), ledger.pack_pending(), ledger.numbers()),
        (3, 5, 5, 17)
    );
    let calls = std::iter::successors(Some(ledger.next_open(0)), |call| Some(ledger.next_open(call.end)));
    let calls: Vec<_> = calls.take_while(|call| !call.is_empty()).collect();
    assert_eq!(calls, [8..12, 12..16, 16..17]);
    assert_eq!((ledger.next_open(17), ledger.next_open(99)), (17..17, 17..17));
    let positions: Vec<_> = ledger.positions(12..17).collect();
    assert_eq!(positions, [1, 2, 3, 4, 6]);
    assert_eq!(ledger.asked(16..17)[..], [Digest([6; 32])]);

    // The digest does not change until it is asked again.
    assert_eq!(ledger.columns().detail(6), ("", "lost"));
    ledger.reopen(16..17);
    assert_eq!(ledger.columns().verdicts()[6], Verdict::NotChecked);
    let status = EntryStatus::Layer { availability: "AVAILABLE", size: Some(6), media_type: None };
    let entry = |byte| Entry { digest: Some(Digest([byte; 32])), status };
    let merged = ledger.merge(16..17, [entry(6), entry(1)].into_iter());
    assert_eq!((merged.answered, merged.foreign), (1, 1));
    ledger.refuse(12, "InvalidLayerDigest", "");
    let merged = ledger.merge(13..16, [entry(4), entry(3)].into_iter());
    assert_eq!((merged.answered, merged.left_out), (2, 1));
    assert_eq!(ledger.unanswered(13..16, "", "never"), 0);

    let mut again = Ledger::new(Arc::clone(before.plan()));
    for call in [0..4, 4..8] {
        take(&mut again, &keep(&before, call)).unwrap();
    }
    let record = keep(&ledger, 12..16);
    assert_eq!(record.range, 1..5);
    assert_eq!(take(&mut again, &record), Ok(4));
    assert_eq!(take(&mut again, &keep(&ledger, 16..17)), Ok(1));
    assert_eq!(lines_of(&again), lines_of(&ledger));
    assert_eq!(again.columns().verdicts()[2], Verdict::Unanswered);
}

#[test]
fn a_hundred_layers_take_less_than_eight_bytes_each() {
    let mut ledger = ledger_of(100);
    let entries = (0..100_u8).map(|byte| Entry {
        digest: Some(Digest([byte; 32])),
        status: EntryStatus::Layer {
            availability: if byte % 3 == 0 { "UNAVAILABLE" } else { "AVAILABLE" },
            size: Some(30_000_000 + i64::from(byte) * 7_919),
            media_type: Some("application/vnd.docker.image.rootfs.diff.tar.gzip"),
        },
    });
    ledger.merge(0..100, entries);
    let length = keep(&ledger, 0..100).frame.len();
    assert!(length < 800, "{length}");
}

#[test]
fn every_wrong_bit_is_noticed() {
    let record = keep(&answered(), 0..8);
    let part = parts_of(&dirty_plan());
    for at in 0..record.frame.len() * 8 {
        let mut broken = record.clone();
        broken.frame[at / 8] ^= 1 << (at % 8);
        let mut ledger = ledger_of(8);
        assert!(take(&mut ledger, &broken).is_err(), "bit {at}");
        assert_eq!(ledger.settled(), 0);
    }
    for (number, part) in part.iter().enumerate() {
        for at in 0..part.len() * 8 {
            let mut broken = parts_of(&dirty_plan());
            broken[number][at / 8] ^= 1 << (at % 8);
            assert!(rebuilt(&broken).is_err(), "part {number}, bit {at}");
        }
    }
}

/// Makes a frame with a correct checksum around any body, which only an attacker writes.
fn sealed(kind: u8, body: &[u8], about: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(&[kind, layercheck::journal::VERSION]);
    sum.update(body);
    sum.update(about);
    let mut frame = vec![kind, layercheck::journal::VERSION];
    frame.extend_from_slice(&sum.sum().to_le_bytes());
    frame.extend_from_slice(body);
    frame
}

#[test]
fn a_frame_that_is_too_long_is_refused_although_its_checksum_is_right() {
    let record = keep(&answered(), 0..3);
    let about: Vec<u8> = (0..3).flat_map(|byte| [byte; 32]).collect();
    let body = &record.frame[6..];
    let again = outcomes::Record { frame: sealed(b'v', body, &about), ..record.clone() };
    assert_eq!(take(&mut ledger_of(8), &again), Ok(3));
    let longer = outcomes::Record { frame: sealed(b'v', &[body, &[0]].concat(), &about), ..record };
    assert!(take(&mut ledger_of(8), &longer).is_err());
}

#[test]
fn a_plan_whose_numbers_contradict_each_other_is_refused_although_its_checksums_are_right() {
    let part = |kind, bytes: &[&[u8]]| sealed(kind, &bytes.concat(), &[]);
    let head = |invalid, size| part(b'h', &[&[1, 0, invalid, size], &[0; Spelling::ALL.len()]]);
    let rows = part(b'r', &[&[0, 1, 0]]);
    let reject = part(b'x', &[&[0, 1, 0, 0, 0]]);
    assert!(rebuilt(&[head(1, 100), rows.clone(), reject.clone()]).is_ok());
    for size in [0, 101] {
        assert!(rebuilt(&[head(1, size), rows.clone(), reject.clone()]).is_err());
    }
    // A rejected row without a rejection.
    assert!(rebuilt(&[head(0, 100), rows]).is_err());
}

#[test]
fn rows_that_were_never_written_take_no_memory() {
    let many = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
    let head = [&many[..], &many, &[0, 1], &[0; Spelling::ALL.len()]].concat();
    let rows = [&[0][..], &many, &many].concat();
    assert!(rebuilt(&[sealed(b'h', &head, &[]), sealed(b'r', &rows, &[])]).is_err());
}

fn number() -> impl Strategy<Value = Vec<u8>> {
    let small = (0_u8..12).prop_map(|byte| vec![byte]);
    prop_oneof![8 => small, 1 => prop::collection::vec(any::<u8>(), 1..12)]
}

proptest! {
    #[test]
    fn hostile_frames_give_errors_or_outcomes(
        start in 0_u8..9,
        length in 0_u8..9,
        body in prop::collection::vec(number(), 0..40),
    ) {
        let mut ledger = ledger_of(8);
        let asked = (start..start.saturating_add(length)).filter(|byte| *byte < 8);
        let about: Vec<_> = asked.flat_map(|byte| [byte; 32]).collect();
        let body = [AT.to_le_bytes().to_vec(), vec![1, start, length], body.concat()].concat();
        let range = usize::from(start)..usize::from(start + length);
        let taken = outcomes::decode(&mut ledger, range, AT, &sealed(b'v', &body, &about));
        let counts = *ledger.columns().counts();
        prop_assert_eq!(8 - counts[Verdict::NotChecked as usize], taken.unwrap_or(0));
        prop_assert_eq!(counts[Verdict::Invalid as usize], 0);
    }

    /// Compares with a slow and plain loop over the digests.
    #[test]
    fn every_open_digest_is_asked_once_and_no_other(
        batch_size in 1_usize..6,
        verdicts in prop::collection::vec(0_u8..3, 0..30),
    ) {
        let mut planner = Planner::new(false);
        (0..verdicts.len()).for_each(|at| planner.raw(&[Digest([at as u8; 32])]));
        let plan = Arc::new(planner.finish(batch_size));
        let mut before = Ledger::new(Arc::clone(&plan));
        let mut ledger = Ledger::new(plan);
        for (at, verdict) in verdicts.iter().enumerate() {
            match verdict {
                0 => continue,
                1 => before.refuse(at, "", ""),
                _ => { before.unanswered(at..at + 1, "", ""); }
            }
            take(&mut ledger, &keep(&before, at..at + 1)).unwrap();
        }
        ledger.pack_pending();
        let mut asked = Vec::new();
        let mut calls = 0;
        let mut call = ledger.next_open(0);
        while !call.is_empty() {
            prop_assert!(call.len() <= batch_size);
            asked.extend(ledger.positions(call.clone()));
            calls += 1;
            ledger.reopen(call.clone());
            call = ledger.next_open(call.end);
        }
        asked.sort_unstable();
        let open: Vec<_> = (0..verdicts.len()).filter(|at| verdicts[*at] != 1).collect();
        // Whole batches, at most one short batch at the end of the plan, and one short batch of pending
        // digests.
        prop_assert!(calls <= open.len().div_ceil(batch_size) + 1);
        prop_assert_eq!(ledger.settled() + open.len(), verdicts.len());
        prop_assert_eq!(asked, open);
    }

    #[test]
    fn hostile_parts_give_errors_or_whole_plans(
        head in prop::collection::vec(0_u8..9, 11),
        parts in prop::collection::vec((0_usize..3, prop::collection::vec(number(), 0..20)), 0..6),
    ) {
        let mut frames = vec![sealed(b'h', &head, &[])];
        frames.extend(parts.iter().map(|(kind, body)| sealed(b"drx"[*kind], &body.concat(), &[])));
        if let Ok(plan) = rebuilt(&frames) {
            prop_assert!(plan.row_index().iter().all(|index| *index < plan.unique() as i64));
            prop_assert_eq!(plan.rejects().len(), plan.row_index().iter().filter(|at| **at < 0).count());
            lines_of(&Ledger::new(Arc::new(plan)));
        }
    }
}
