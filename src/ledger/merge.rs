//! Joins the entries of one answer to the digests of its call.
//!
//! Entries join by digest and never by position, in any order and case and however often they are repeated.
//! An entry for a digest that was not asked is counted and has no other effect.

use crate::digest::Digest;
use crate::protocol::entry::{Entry, EntryStatus};

/// Code of a digest of which the answer says different things.
pub const CONTRADICTORY: &str = "ContradictoryAnswers";

/// Code of a digest that was asked and is missing from the answer.
pub const LEFT_OUT: &str = "LeftOutOfAnswer";

/// All entries of one digest, joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinedEntry<'a> {
    /// No entry.
    LeftOut,
    /// One entry, or several equal entries.
    Status(EntryStatus<'a>),
    /// Different entries.
    Contradictory,
}

/// Joins `entries` to the digests `asked`; also returns the number of entries for other digests.
pub fn join<'a>(asked: &[Digest], entries: impl Iterator<Item = Entry<'a>>) -> (Vec<JoinedEntry<'a>>, usize) {
    let mut joined = vec![JoinedEntry::LeftOut; asked.len()];
    let mut foreign = 0;
    // Services answer in the order of the request or nearly so: look at the next digest first.
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

/// Finds the position of a digest. A call has at most a hundred digests, and comparing all of them costs
/// less than a table.
fn find(asked: &[Digest], digest: &Digest, expected: usize) -> Option<usize> {
    if asked.get(expected) == Some(digest) {
        return Some(expected);
    }
    asked.iter().position(|candidate| candidate == digest)
}
