//! Splits unique digests into batches.

use std::ops::Range;

use crate::digest::Digest;

/// Runs of at most `limit` digests, in order.
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    digests: &'a [Digest],
    limit: usize,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(digests: &'a [Digest], limit: usize) -> Self {
        Self { digests, limit }
    }

    /// Returns the number of batches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.digests.len().div_ceil(self.limit)
    }

    /// Returns true if there are no batches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Returns the range of batch `at` among the digests; None beyond the last.
    #[must_use]
    pub fn range(&self, at: usize) -> Option<Range<usize>> {
        let start = at.checked_mul(self.limit).filter(|start| *start < self.digests.len())?;
        Some(start..(start + self.limit).min(self.digests.len()))
    }

    /// Returns the digests of batch `at`; None beyond the last.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&'a [Digest]> {
        self.range(at).map(|range| &self.digests[range])
    }
}
