//! The entries of one answer are joined to the digests that were asked.
//!
//! They join by digest, never by position, whatever the order, the case, the number of
//! repetitions; an entry for a digest that was not asked is counted and has no other effect.

use crate::digest::hex::{self, Decoded};
use crate::digest::{Digest, PREFIX, TEXT_LEN};
use crate::verdict::Verdict;

/// Words of `LayerAvailability` (botocore shape; `ARCHIVED` in private ECR only).
pub const AVAILABILITY_WORDS: [(&str, Verdict); 3] = [
    ("AVAILABLE", Verdict::Available),
    ("UNAVAILABLE", Verdict::Unavailable),
    ("ARCHIVED", Verdict::Archived),
];

/// The failure code that means the same as `UNAVAILABLE` (botocore shape `LayerFailureCode`).
pub const MISSING_CODE: &str = "MissingLayerDigest";

/// Code of a digest about which the answer disagrees with itself.
pub const CONTRADICTORY: &str = "ContradictoryAnswers";

/// Code of a digest that was asked and is not in the answer.
pub const LEFT_OUT: &str = "LeftOutOfAnswer";

/// One entry of an answer, as the service sent it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The digest it speaks of; None if its text names none (see [`read_digest`]).
    pub digest: Option<Digest>,
    /// What it says.
    pub says: Says<'a>,
}

/// What an entry says of its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says<'a> {
    /// An entry of `layers`.
    Layer {
        /// `layerAvailability`.
        availability: &'a str,
        /// `layerSize` in bytes, if a usable one was sent.
        size: Option<i64>,
        /// `mediaType`, if sent.
        media_type: Option<&'a str>,
    },
    /// An entry of `failures`.
    Failure {
        /// `failureCode`.
        code: &'a str,
        /// `failureReason`.
        reason: &'a str,
    },
}

impl<'a> Says<'a> {
    /// The verdict, with the code and the reason to keep beside it.
    #[must_use]
    pub fn verdict(self) -> (Verdict, &'a str, &'a str) {
        match self {
            Self::Layer { availability, .. } => AVAILABILITY_WORDS
                .iter()
                .find(|(word, _)| *word == availability)
                .map_or((Verdict::Other, availability, ""), |(_, verdict)| (*verdict, "", "")),
            Self::Failure { code: MISSING_CODE, reason } => (Verdict::Unavailable, MISSING_CODE, reason),
            Self::Failure { code, reason } => (Verdict::Refused, code, reason),
        }
    }
}

/// What an answer says of one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined<'a> {
    /// Nothing.
    LeftOut,
    /// One thing, perhaps more than once.
    Said(Says<'a>),
    /// Two different things.
    Contradictory,
}

/// Joins `entries` to `asked`; also counts the entries for digests that were not asked.
pub fn join<'a>(asked: &[Digest], entries: impl Iterator<Item = Entry<'a>>) -> (Vec<Joined<'a>>, usize) {
    let mut joined = vec![Joined::LeftOut; asked.len()];
    let mut foreign = 0;
    // Services answer in the order of the question or nearly so: look there first.
    let mut expected = 0;
    for entry in entries {
        let Some(at) = entry.digest.and_then(|digest| find(asked, &digest, expected)) else {
            foreign += 1;
            continue;
        };
        expected = at + 1;
        joined[at] = match joined[at] {
            Joined::LeftOut => Joined::Said(entry.says),
            Joined::Said(before) if before == entry.says => continue,
            Joined::Said(_) | Joined::Contradictory => Joined::Contradictory,
        };
    }
    (joined, foreign)
}

/// The digest that the text of an entry names: `sha256:` and 64 hex digits, both in either case; the
/// service may echo either.
#[must_use]
pub fn read_digest(text: &[u8]) -> Option<Digest> {
    let text: &[u8; TEXT_LEN] = text.try_into().ok()?;
    let (prefix, digits) = text.split_first_chunk::<{ PREFIX.len() }>()?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let mut digest = Digest([0; 32]);
    let decoded = hex::decode(digits.try_into().ok()?, &mut digest.0);
    (decoded != Decoded::Invalid).then_some(digest)
}

/// At most a hundred digests: comparing with each costs less than any table.
fn find(asked: &[Digest], digest: &Digest, expected: usize) -> Option<usize> {
    if asked.get(expected) == Some(digest) {
        return Some(expected);
    }
    asked.iter().position(|candidate| candidate == digest)
}
