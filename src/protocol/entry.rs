//! One entry of an answer: a digest and its status.

use crate::digest::hex::{self, Decoded};
use crate::digest::{Digest, PREFIX, TEXT_LEN};
use crate::verdict::Verdict;

/// Words of `LayerAvailability` (botocore shape; `ARCHIVED` in private ECR only).
pub const AVAILABILITY_WORDS: [(&str, Verdict); 3] = [
    ("AVAILABLE", Verdict::Available),
    ("UNAVAILABLE", Verdict::Unavailable),
    ("ARCHIVED", Verdict::Archived),
];

/// Returns whether this is a word of `LayerAvailability`.
#[must_use]
pub fn is_known_word(word: &str) -> bool {
    AVAILABILITY_WORDS.iter().any(|(known, _)| *known == word)
}

/// The failure code that means the same as `UNAVAILABLE` (botocore shape `LayerFailureCode`).
pub const MISSING_CODE: &str = "MissingLayerDigest";

/// One entry of an answer, as the service sent it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The entry's digest; None if the entry's text is not a digest (see [`read_digest`]).
    pub digest: Option<Digest>,
    /// What the service says of the digest.
    pub status: EntryStatus<'a>,
}

/// What the service says of one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryStatus<'a> {
    /// An entry of `layers`.
    Layer {
        /// `layerAvailability`.
        availability: &'a str,
        /// `layerSize` in bytes, if the service sent a usable size.
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

impl<'a> EntryStatus<'a> {
    /// Returns the verdict, with the code and the reason to keep beside it.
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

/// Reads the digest of an entry: `sha256:` and 64 hex digits, both in either case, because the service may
/// echo either.
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
