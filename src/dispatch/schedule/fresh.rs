//! The digests that no call has asked for yet.

use std::fmt;
use std::ops::Range;

use crate::memory::{self, OutOfMemory};

/// Returns the next call's digests from a number on, for a run that goes on with a journal; an empty range at
/// the end.
pub type NextOpen = Box<dyn Fn(usize) -> Range<usize> + Send + Sync>;

/// Ranges of numbers, from which new calls are taken in order, or from anywhere.
///
/// Every call begins a whole number of batches after the start of its part, so that each batch is asked by
/// one call.
pub struct FreshDigests {
    numbers: usize,
    batch_size: usize,
    next_open: Option<NextOpen>,
    /// Never empty ones; the first begins with a digest that is to be asked.
    ranges: Vec<Range<usize>>,
}

impl FreshDigests {
    /// Makes the digests of a plan: `numbers` of them, of which those from `packed_from` on stand for digests
    /// of batches that are known in part. With `next_open`, only what it returns is asked.
    #[must_use]
    pub fn new(numbers: usize, batch_size: usize, packed_from: usize, next_open: Option<NextOpen>) -> Self {
        let border = packed_from.min(numbers);
        let mut ranges = vec![0..border, border..numbers];
        ranges.retain(|range| !range.is_empty());
        let mut fresh = Self { numbers, batch_size, next_open, ranges };
        fresh.skip_known();
        fresh
    }

    /// Whether no digest is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the first digest that is left; the number of all digests if none is.
    #[must_use]
    pub fn first(&self) -> usize {
        self.ranges.first().map_or(self.numbers, |range| range.start)
    }

    /// Makes room for the next call, which may cut a range in two.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn make_room(&mut self) -> Result<(), OutOfMemory> {
        memory::reserve(&mut self.ranges, 1)
    }

    /// Takes the digests of the next call; none if no digest is left.
    pub fn take(&mut self) -> Option<Range<usize>> {
        let first = self.ranges.first_mut()?;
        let stop = first.start + self.batch_size;
        if self.next_open.is_none() && stop < first.end {
            let call = first.start..stop;
            first.start = stop;
            return Some(call);
        }
        let range = first.clone();
        let call = self.call_from(range.start, range.end).unwrap_or(range);
        Some(self.cut(0, call))
    }

    /// Takes the digests of a call from anywhere in what is left. `draw`, from zero to below one, says where.
    pub fn take_far(&mut self, draw: f64) -> Option<Range<usize>> {
        while self.ranges.len() > 1 || self.ranges.first().is_some_and(|only| self.batch_size < only.len()) {
            let (at, digest) = self.digest_at(draw);
            let range = self.ranges[at].clone();
            let batch = range.start + (digest - range.start) / self.batch_size * self.batch_size;
            let call = self.call_from(batch, range.end).or_else(|| self.call_from(range.start, range.end));
            match call {
                Some(call) => return Some(self.cut(at, call)),
                // All of it is known. It is never the first range.
                None => drop(self.ranges.remove(at)),
            }
        }
        self.take()
    }

    /// Returns the digest at this share of all that are left, and the index of its range.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share
    fn digest_at(&self, draw: f64) -> (usize, usize) {
        let left: usize = self.ranges.iter().map(Range::len).sum();
        let mut ahead = ((draw * left as f64) as usize).min(left.saturating_sub(1));
        for (at, range) in self.ranges.iter().enumerate() {
            if ahead < range.len() {
                return (at, range.start + ahead);
            }
            ahead -= range.len();
        }
        (0, self.first())
    }

    /// Takes a call out of the range at this index.
    fn cut(&mut self, at: usize, call: Range<usize>) -> Range<usize> {
        let range = self.ranges[at].clone();
        let parts = [range.start..call.start, call.end..range.end];
        self.ranges.splice(at..=at, parts.into_iter().filter(|part| !part.is_empty()));
        self.skip_known();
        call
    }

    /// Lets the first range begin with a digest that is to be asked.
    fn skip_known(&mut self) {
        while let Some(first) = self.ranges.first().cloned() {
            if let Some(call) = self.call_from(first.start, first.end) {
                self.ranges[0].start = call.start;
                return;
            }
            self.ranges.remove(0);
        }
    }

    /// Returns the first call from a number on that begins before `end`.
    fn call_from(&self, start: usize, end: usize) -> Option<Range<usize>> {
        if start >= end {
            return None;
        }
        let call = match &self.next_open {
            None => start..start + self.batch_size,
            Some(next_open) => next_open(start),
        };
        let stop = call.end.min(end);
        (call.start < stop).then_some(call.start..stop)
    }
}

impl fmt::Debug for FreshDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshDigests").field("ranges", &self.ranges).finish_non_exhaustive()
    }
}
