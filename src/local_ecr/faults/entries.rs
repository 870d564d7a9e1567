//! Faults of content: they change the entries of an answer.

use std::borrow::Cow;
use std::collections::HashSet;

use super::FaultSpec;
use crate::local_ecr::random::Random;
use crate::local_ecr::service::answer::{Entry, EntryStatus};
use crate::local_ecr::service::key;

/// Applies one fault of content to the entries; returns whether it changed them.
///
/// The fault affects a `share` of the entries, at least one of them.
pub(crate) fn apply<'a>(spec: &'a FaultSpec, mut random: Random, entries: &mut Vec<Entry<'a>>) -> bool {
    if entries.is_empty() {
        return false;
    }
    let len = entries.len();
    let mut some = |share: f64| {
        let count = ((share * len as f64).round() as usize).clamp(1, len);
        random.choose(len, count)
    };
    match spec {
        FaultSpec::Shuffle => random.shuffle(entries),
        FaultSpec::Omit { share } => {
            let left_out: HashSet<usize> = some(*share).into_iter().collect();
            let mut index = 0..;
            entries.retain(|_| index.next().is_none_or(|index| !left_out.contains(&index)));
        }
        FaultSpec::Repeat { share } => {
            let again: Vec<_> = some(*share).iter().map(|&index| entries[index].clone()).collect();
            entries.extend(again);
        }
        FaultSpec::Contradict { share } => {
            let again: Vec<_> = some(*share).iter().map(|&index| contrary(&entries[index])).collect();
            entries.extend(again);
        }
        FaultSpec::Foreign { share } => {
            let count = some(*share).len();
            entries.extend((0..count).map(|_| foreign(&mut random)));
            random.shuffle(entries);
        }
        FaultSpec::UpperCase { share } => {
            for index in some(*share) {
                let digest = &mut entries[index].digest;
                *digest = Cow::Owned(upper_case(digest));
            }
        }
        FaultSpec::UnknownAvailability { share, word } => {
            for index in some(*share) {
                entries[index].status =
                    EntryStatus::Layer { availability: Cow::Borrowed(word), details: None };
            }
        }
        FaultSpec::UnknownFailure { share, word } => {
            for index in some(*share) {
                entries[index].status = EntryStatus::Failure {
                    code: Cow::Borrowed(word),
                    reason: "A reason this model does not know",
                };
            }
        }
        _ => return false,
    }
    true
}

/// The hexadecimal part in upper case, which the pattern of the answer allows.
fn upper_case(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) => format!("{algorithm}:{}", hex.to_ascii_uppercase()),
        None => digest.to_ascii_uppercase(),
    }
}

fn contrary<'a>(entry: &Entry<'a>) -> Entry<'a> {
    let word = match &entry.status {
        EntryStatus::Layer { availability, .. } if availability == "AVAILABLE" => "UNAVAILABLE",
        _ => "AVAILABLE",
    };
    Entry {
        digest: entry.digest.clone(),
        status: EntryStatus::Layer { availability: Cow::Borrowed(word), details: None },
    }
}

fn foreign(random: &mut Random) -> Entry<'static> {
    let mut key = [0; 32];
    for part in key.as_chunks_mut::<8>().0 {
        *part = random.next().to_le_bytes();
    }
    Entry {
        digest: Cow::Owned(key::text(&key)),
        status: EntryStatus::Layer { availability: Cow::Borrowed("AVAILABLE"), details: None },
    }
}
