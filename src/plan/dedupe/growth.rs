//! How the table grows.
//!
//! A table that doubles walks through both halves from front to back, never reads the digests, and needs no
//! memory beside the larger table. Where the caller knows about how many digests will come, the last steps are
//! one step: of 5 million rows, that took a seventh off the time of a plan on one core.

use super::bucket::{Bucket, WIDTH};
use super::{Dedupe, FEWEST};
use crate::memory::{self, OutOfMemory};

/// Buckets between two looks at the next page of a table that grows: half a megabyte.
const TOUCHED: usize = 1 << 13;

/// The most buckets: a tag has no more bits to choose a bucket by.
const MOST: u64 = 1 << 32;

/// The part of the digests, one in so many, that must have come before a table grows for all of them. The first
/// ones tell how many are new. If all others are equal to these, the table is too large by this factor.
const KNOWN_PART: usize = 8;

/// Entries from which a table of so many buckets grows: three quarters, when one bucket in seven is full.
pub(super) const fn capacity(buckets: usize) -> usize {
    buckets * WIDTH / 4 * 3
}

/// Returns how many of `more` digests are new, if as many are as of those that were seen.
pub(super) fn share(more: usize, new: usize, seen: usize) -> usize {
    let share = new as u128 * more as u128 / seen.max(1) as u128;
    share.min(u128::from(u32::MAX)) as usize
}

impl Dedupe {
    /// Grows the table for `new` digests, and for `more` that will come if enough is known about them.
    ///
    /// # Errors
    /// [`OutOfMemory`], of the table for the new digests alone; the table is unchanged then.
    #[cold]
    #[inline(never)]
    pub(super) fn make_room(&mut self, new: usize, more: usize) -> Result<(), OutOfMemory> {
        let needed = self.buckets_for(self.unique.len() + new);
        let likely = self.buckets_for(self.likely(more)).max(needed);
        let grown = self.grow(likely);
        self.when_grown = (self.unique.len(), self.seen);
        if likely > needed { grown.or_else(|_| self.grow(needed)) } else { grown }
    }

    /// Returns how many unique digests are likely in the end: as many of `more` are new as of those that were
    /// looked up since the table last grew. Returns less, so that the table is seldom too large; and 0 while too
    /// little is known.
    fn likely(&self, more: usize) -> usize {
        let (unique, seen) = (self.unique.len() - self.when_grown.0, self.seen - self.when_grown.1);
        if seen == 0 || self.seen < more / (KNOWN_PART - 1) {
            return 0;
        }
        (self.unique.len() + share(more, unique, seen)) / 8 * 7
    }

    /// Returns the number of buckets in the smallest table, not smaller than this one, that so many digests leave
    /// with free places.
    fn buckets_for(&self, digests: usize) -> usize {
        let mut buckets = self.buckets.len();
        while digests > capacity(buckets) {
            buckets *= 2;
        }
        buckets
    }

    /// Makes the table so many buckets long. Some more bits of a tag choose between the buckets that an old bucket
    /// becomes: the same bucket, and one in each part of the new table.
    fn grow(&mut self, buckets: usize) -> Result<(), OutOfMemory> {
        let old_len = self.buckets.len();
        assert!(buckets as u64 <= MOST, "the tag has no bits left to choose a bucket by");
        // All memory first, so that a refusal leaves the table as it was.
        let mut strays = memory::with_room(self.strays)?;
        self.ahead.withdraw();
        memory::reserve_exact(&mut self.buckets, buckets - old_len)?;
        if buckets == 2 * old_len {
            self.double(&mut strays);
        } else {
            self.spread(buckets, &mut strays);
        }
        debug_assert_eq!(strays.len(), self.strays);
        self.strays = 0;
        for (tag, number) in strays {
            let home = self.home(tag);
            let mut at = home;
            loop {
                let bucket = &mut self.buckets[at];
                if bucket.put(bucket.look(tag).used, tag, number) {
                    self.strays += usize::from(at != home);
                    break;
                }
                at = self.next(at);
            }
        }
        Ok(())
    }

    /// Doubles the table, and moves the entries that are not in their own bucket to `strays`.
    fn double(&mut self, strays: &mut Vec<(u32, u32)>) {
        let old_len = self.buckets.len();
        for start in (0..old_len).step_by(FEWEST) {
            if start % TOUCHED == 0 {
                memory::touch_ahead(&mut self.buckets, Bucket::EMPTY);
                self.ahead.offer(&self.buckets, old_len - start);
            }
            self.buckets.resize(old_len + start + FEWEST, Bucket::EMPTY);
            let (lows, highs) = self.buckets.split_at_mut(old_len);
            for (at, (low, high)) in (start..).zip(lows[start..].iter_mut().zip(&mut highs[start..])) {
                low.split(high, old_len as u32, at as u32, strays);
            }
        }
    }

    /// Like [`Self::double`], for a table that grows by more. Most of it stays empty.
    fn spread(&mut self, buckets: usize, strays: &mut Vec<(u32, u32)>) {
        let old_len = self.buckets.len();
        while self.buckets.len() < buckets {
            memory::touch_ahead(&mut self.buckets, Bucket::EMPTY);
            self.ahead.offer(&self.buckets, buckets - self.buckets.len());
            self.buckets.resize((self.buckets.len() + TOUCHED).min(buckets), Bucket::EMPTY);
        }
        for at in 0..old_len {
            let old = std::mem::replace(&mut self.buckets[at], Bucket::EMPTY);
            for (tag, number) in old.entries() {
                let home = self.home(tag);
                if home & (old_len - 1) == at {
                    // Only this bucket's entries come here, so there is room.
                    let bucket = &mut self.buckets[home];
                    bucket.put(bucket.look(tag).used, tag, number);
                } else {
                    strays.push((tag, number));
                }
            }
        }
    }
}
