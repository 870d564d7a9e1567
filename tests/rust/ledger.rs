//! Answers to verdicts: joined by digest, for any answer.

use std::sync::Arc;

use layercheck::ledger::columns::{MAX_NOTE, NOT_KEPT};
use layercheck::ledger::merge::{CONTRADICTORY, LEFT_OUT};
use layercheck::ledger::{Ledger, Merged};
use layercheck::protocol::entry::{Entry, EntryStatus, read_digest};
use layercheck::{Digest, Planner, Verdict};

fn ledger(unique: u8) -> Ledger {
    let mut planner = Planner::new(false);
    (0..unique).for_each(|byte| planner.raw(&[Digest([byte; 32])]));
    Ledger::new(Arc::new(planner.finish(100).unwrap())).unwrap()
}

fn text(byte: u8) -> String {
    Digest([byte; 32]).to_string()
}

fn layer(availability: &str) -> EntryStatus<'_> {
    EntryStatus::Layer { availability, size: None, media_type: None }
}

fn merge(ledger: &mut Ledger, entries: &[(&str, EntryStatus<'_>)]) -> Merged {
    let unique = ledger.plan().unique();
    ledger.merge(
        0..unique,
        entries
            .iter()
            .map(|(digest, status)| Entry { digest: read_digest(digest.as_bytes()), status: *status }),
    )
}

#[test]
fn answers_join_by_digest_in_any_order_and_case() {
    let mut ledger = ledger(3);
    let (first, second, third) = (text(0), text(1).to_uppercase(), text(2));
    let merged = merge(
        &mut ledger,
        &[(&third, layer("ARCHIVED")), (&second, layer("UNAVAILABLE")), (&first, layer("AVAILABLE"))],
    );
    assert_eq!(merged, Merged { answered: 3, ..Merged::default() });
    let expected = [Verdict::Available, Verdict::Unavailable, Verdict::Archived];
    assert_eq!(ledger.columns().unwrap().verdicts(), expected);
}

#[test]
fn failures_and_unknown_words_keep_the_words_of_the_service() {
    let mut ledger = ledger(3);
    let texts = [text(0), text(1), text(2)];
    let missing = EntryStatus::Failure { code: "MissingLayerDigest", reason: "gone" };
    let refused = EntryStatus::Failure { code: "InvalidLayerDigest", reason: "no" };
    merge(&mut ledger, &[(&texts[0], missing), (&texts[1], refused), (&texts[2], layer("MELTED"))]);
    let columns = ledger.columns().unwrap();
    assert_eq!(columns.verdicts(), [Verdict::Unavailable, Verdict::Refused, Verdict::Other]);
    assert_eq!(columns.detail(0), ("MissingLayerDigest", "gone"));
    assert_eq!(columns.detail(1), ("InvalidLayerDigest", "no"));
    assert_eq!(columns.detail(2), ("MELTED", ""));
}

#[test]
fn an_answer_that_names_none_of_the_digests_changes_nothing() {
    let mut ledger = ledger(2);
    let foreign = text(9);
    let merged = merge(&mut ledger, &[(&foreign, layer("AVAILABLE")), ("junk", layer("AVAILABLE"))]);
    assert_eq!(merged, Merged { left_out: 2, foreign: 2, ..Merged::default() });
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::NotChecked; 2]);
}

#[test]
fn foreign_entries_change_nothing_and_digests_left_out_are_unanswered() {
    let mut ledger = ledger(2);
    let (first, foreign) = (text(0), text(9));
    let merged = merge(&mut ledger, &[(&foreign, layer("AVAILABLE")), (&first, layer("AVAILABLE"))]);
    assert_eq!(merged, Merged { answered: 1, left_out: 1, foreign: 1, ..Merged::default() });
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::Available, Verdict::Unanswered]);
    assert_eq!(ledger.columns().unwrap().detail(1).0, LEFT_OUT);
}

#[test]
fn equal_entries_count_once_and_contradictory_entries_not_at_all() {
    let mut ledger = ledger(2);
    let (first, second) = (text(0), text(1));
    let merged = merge(
        &mut ledger,
        &[
            (&first, layer("AVAILABLE")),
            (&second, layer("AVAILABLE")),
            (&first, layer("AVAILABLE")),
            (&second, layer("UNAVAILABLE")),
            (&second, layer("AVAILABLE")),
        ],
    );
    assert_eq!(merged, Merged { answered: 1, contradicted: 1, ..Merged::default() });
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::Available, Verdict::Unanswered]);
    assert_eq!(ledger.columns().unwrap().detail(1).0, CONTRADICTORY);
}

#[test]
fn sizes_and_media_types_are_kept_when_given() {
    let mut ledger = ledger(2);
    let (first, second) = (text(0), text(1));
    let status =
        EntryStatus::Layer { availability: "AVAILABLE", size: Some(1 << 40), media_type: Some("a/b") };
    merge(&mut ledger, &[(&first, status), (&second, layer("AVAILABLE"))]);
    let columns = ledger.columns().unwrap();
    assert_eq!(columns.sizes(), [1 << 40, -1]);
    assert_eq!((columns.media_type(0), columns.media_type(1)), (Some("a/b"), None));
}

#[test]
fn few_and_many_different_texts_stay_with_their_digests() {
    for different in [1, 2, 4, 5, 20] {
        let mut ledger = ledger(60);
        let note = |number: u8| format!("note {}", number % different);
        for byte in 0..60 {
            let (digest, note) = (Some(Digest([byte; 32])), note(byte));
            let status = if byte % 3 == 0 {
                EntryStatus::Failure { code: "Code", reason: &note }
            } else {
                EntryStatus::Layer { availability: "AVAILABLE", size: None, media_type: Some(&note) }
            };
            let at = usize::from(byte);
            ledger.merge(at..at + 1, std::iter::once(Entry { digest, status }));
        }
        let columns = ledger.columns().unwrap();
        for byte in 0..60 {
            let (at, note) = (usize::from(byte), note(byte));
            let kept = (columns.detail(at), columns.media_type(at));
            let wanted = if byte % 3 == 0 { (("Code", &*note), None) } else { (("", ""), Some(&*note)) };
            assert_eq!(kept, wanted, "digest {byte} of {different}");
        }
    }
}

#[test]
fn giving_up_touches_only_digests_without_a_verdict() {
    let mut ledger = ledger(3);
    let first = text(0);
    ledger.merge(
        0..1,
        std::iter::once(Entry { digest: read_digest(first.as_bytes()), status: layer("AVAILABLE") }),
    );
    ledger.refuse(1, "InvalidParameterException", "poison");
    assert_eq!(ledger.unanswered(0..3, "", "timed out"), 1);
    let expected = [Verdict::Available, Verdict::Refused, Verdict::Unanswered];
    assert_eq!(ledger.columns().unwrap().verdicts(), expected);
    assert_eq!(ledger.settled(), 3);
    assert_eq!(ledger.columns().unwrap().counts().iter().sum::<usize>(), 3);
}

#[test]
fn columns_taken_earlier_do_not_change() {
    let mut ledger = ledger(1);
    let before = ledger.columns().unwrap();
    ledger.refuse(0, "code", "reason");
    assert_eq!(before.verdicts(), [Verdict::NotChecked]);
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::Refused]);
}

#[test]
fn a_sealed_ledger_does_not_change_and_gives_its_columns_without_a_copy() {
    let mut ledger = ledger(1);
    ledger.seal();
    let (first, second) = (ledger.columns().unwrap(), ledger.columns().unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    ledger.refuse(0, "code", "reason");
    assert_eq!(ledger.unanswered(0..1, "code", "reason"), 0);
    assert_eq!(merge(&mut ledger, &[(&text(0), layer("AVAILABLE"))]), Merged::default());
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::NotChecked]);
}

#[test]
fn a_service_that_sends_endless_different_texts_cannot_fill_the_memory() {
    let mut ledger = ledger(1);
    for number in 0..70_000 {
        ledger.refuse(0, "code", &format!("reason {number}"));
    }
    assert_eq!(ledger.columns().unwrap().detail(0), (NOT_KEPT, NOT_KEPT));
    let mut other = self::ledger(1);
    other.refuse(0, "code", &"é".repeat(MAX_NOTE));
    assert_eq!(other.columns().unwrap().detail(0).1, "é".repeat(MAX_NOTE / 2));
}

#[test]
fn an_answer_that_leaves_a_digest_out_takes_no_verdict_back() {
    let mut ledger = ledger(1);
    let first = text(0);
    merge(&mut ledger, &[(&first, layer("AVAILABLE"))]);
    let merged = merge(&mut ledger, &[]);
    assert_eq!(merged.left_out, 1);
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::Available]);
}

#[test]
fn nothing_of_an_earlier_answer_stands_beside_a_later_verdict() {
    let mut ledger = ledger(1);
    let held = EntryStatus::Layer { availability: "AVAILABLE", size: Some(7), media_type: Some("a/b") };
    merge(&mut ledger, &[(&text(0), held)]);
    assert_eq!(
        (ledger.columns().unwrap().sizes()[0], ledger.columns().unwrap().media_type(0)),
        (7, Some("a/b"))
    );
    ledger.refuse(0, "SomeCode", "why");
    assert_eq!((ledger.columns().unwrap().sizes()[0], ledger.columns().unwrap().media_type(0)), (-1, None));
}
