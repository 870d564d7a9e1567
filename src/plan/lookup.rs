//! Finds digests in a finished plan.

use std::sync::OnceLock;

use super::dedupe::Seed;
use crate::digest::Digest;

/// An index of a plan's digests, made at the first look-up: some five bytes a digest.
///
/// The buckets hold digests by a seeded hash, so that crafted digests do not share a bucket.
#[derive(Debug, Default)]
pub struct Lookup {
    index: OnceLock<Option<Index>>,
    /// The first row of every [`STRIDE`]th digest.
    rows: OnceLock<Vec<usize>>,
}

/// Digests between two kept rows.
const STRIDE: usize = 64;

#[derive(Debug)]
struct Index {
    seed: Seed,
    /// How far a tag is shifted to the right to give its bucket.
    shift: u32,
    /// Where each bucket starts in `order`, and the end of the last.
    starts: Vec<u32>,
    /// Positions of the digests, bucket by bucket.
    order: Vec<u32>,
}

impl Lookup {
    /// Returns the position of `digest` among `digests`, which must be the same at each call.
    pub fn find(&self, digests: &[Digest], digest: &Digest) -> Option<usize> {
        let index = self.index.get_or_init(|| Index::of(digests));
        let Some(index) = index else {
            // Memory is short, so the search goes through all digests.
            return digests.iter().position(|each| each == digest);
        };
        let bucket = index.bucket(digest);
        let (start, stop) = (index.starts[bucket] as usize, index.starts[bucket + 1] as usize);
        index.order[start..stop].iter().map(|at| *at as usize).find(|at| digests[*at] == *digest)
    }
}

impl Lookup {
    /// Returns the first row of the digest at position `at`. `row_index` must be the same at each call.
    pub fn first_row(&self, row_index: &[i64], at: usize) -> Option<usize> {
        let rows = self.rows.get_or_init(|| {
            let mut next = 0;
            let new = row_index.iter().enumerate().filter(|(_, index)| {
                let is_new = **index == next;
                next += i64::from(is_new);
                is_new
            });
            new.map(|(row, _)| row).step_by(STRIDE).collect()
        });
        // Digests are in first-seen order, so the first row stands behind that of the digest before.
        let from = *rows.get(at / STRIDE)?;
        let found = row_index[from..].iter().position(|index| *index == at as i64)?;
        Some(from + found)
    }
}

impl Index {
    /// Sorts the digests into buckets of about four; None if there is not enough memory.
    fn of(digests: &[Digest]) -> Option<Self> {
        let bits = (digests.len() / 4).max(2).ilog2();
        let mut index = Self { seed: Seed::draw(), shift: 32 - bits, starts: Vec::new(), order: Vec::new() };
        let buckets = 1_usize << bits;
        index.starts.try_reserve_exact(buckets + 1).ok()?;
        index.order.try_reserve_exact(digests.len()).ok()?;
        index.starts.resize(buckets + 1, 0);
        index.order.resize(digests.len(), 0);
        for digest in digests {
            let bucket = index.bucket(digest);
            index.starts[bucket] += 1;
        }
        // Each start becomes the end of its bucket first; placing the digests moves it back to the start.
        let mut end = 0;
        for start in &mut index.starts {
            end += *start;
            *start = end;
        }
        for (at, digest) in digests.iter().enumerate().rev() {
            let bucket = index.bucket(digest);
            index.starts[bucket] -= 1;
            index.order[index.starts[bucket] as usize] = at as u32;
        }
        Some(index)
    }

    fn bucket(&self, digest: &Digest) -> usize {
        (self.seed.tag(digest) >> self.shift) as usize
    }
}
