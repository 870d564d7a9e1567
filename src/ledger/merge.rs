//! The entries of one answer are joined to the digests that were asked.
//!
//! They join by digest, never by position, whatever the order, the case, the number of
//! repetitions; an entry for a digest that was not asked is counted and has no other effect.

use crate::digest::Digest;
use crate::protocol::entry::{Entry, EntryStatus};

/// Code of a digest about which the answer disagrees with itself.
pub const CONTRADICTORY: &str = "ContradictoryAnswers";

/// Code of a digest that was asked and is not in the answer.
pub const LEFT_OUT: &str = "LeftOutOfAnswer";

/// What an answer says of one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinedEntry<'a> {
    /// Nothing.
    LeftOut,
    /// One thing, perhaps more than once.
    Status(EntryStatus<'a>),
    /// Two different things.
    Contradictory,
}

/// Joins `entries` to `asked`; also counts the entries for digests that were not asked.
pub fn join<'a>(asked: &[Digest], entries: impl Iterator<Item = Entry<'a>>) -> (Vec<JoinedEntry<'a>>, usize) {
    let mut joined = vec![JoinedEntry::LeftOut; asked.len()];
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
            JoinedEntry::LeftOut => JoinedEntry::Status(entry.status),
            JoinedEntry::Status(before) if before == entry.status => continue,
            JoinedEntry::Status(_) | JoinedEntry::Contradictory => JoinedEntry::Contradictory,
        };
    }
    (joined, foreign)
}

/// At most a hundred digests: comparing with each costs less than any table.
fn find(asked: &[Digest], digest: &Digest, expected: usize) -> Option<usize> {
    if asked.get(expected) == Some(digest) {
        return Some(expected);
    }
    asked.iter().position(|candidate| candidate == digest)
}
