//! Digests in input order become first-seen unique digests.
//!
//! One open-addressing table beside an arena of digests. An entry is eight bytes: 32 bits of the
//! digest's hash, and its index. The high bits of those 32 are also its place, so that growing the
//! table reads the old one from front to back and never looks at the digests.
//!
//! Beyond the cache every look-up is a wait for memory, so digests come in blocks, and a block goes
//! through in passes in which no step waits for the one before: the processor then has many look-ups
//! under way at once.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::digest::Digest;

/// Digests in a block: enough to keep memory busy, few enough that the block itself stays in cache.
pub const BLOCK: usize = 128;

/// Slots of the smallest table, as a power of two.
const MIN_BITS: u32 = 10;

/// First-seen unique digests, and a table to find them again.
///
/// The hash mixes all 32 bytes with a seed drawn from the operating system for each instance:
/// nobody has to be able to invert sha256 to type 64 chosen characters, so the digests themselves
/// must not decide where they land in the table.
#[derive(Debug)]
pub struct Dedupe {
    unique: Vec<Digest>,
    /// `tag << 32 | index + 1`, or 0 for an empty slot.
    slots: Vec<u64>,
    /// The table has two to the power of this many slots.
    bits: u32,
    seed: [u64; 4],
}

impl Default for Dedupe {
    fn default() -> Self {
        let draw = |word: u64| {
            // The standard library seeds every RandomState from the operating system.
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(word);
            hasher.finish()
        };
        let seed = [draw(0), draw(1), draw(2), draw(3)];
        Self { unique: Vec::new(), slots: vec![0; 1 << MIN_BITS], bits: MIN_BITS, seed }
    }
}

impl Dedupe {
    /// Writes the index of each digest among the unique ones to `indices`, adding those that are new.
    ///
    /// # Panics
    /// If there are more than [`BLOCK`] digests, or less room in `indices`; or beyond 2^32 - 2 unique
    /// digests, which take 137 GB before any table.
    pub fn insert_block(&mut self, digests: &[Digest], indices: &mut [i64]) {
        assert!(digests.len() <= BLOCK && digests.len() <= indices.len(), "a block is bounded");
        // Room for all of them first, so that the table does not move under the passes.
        while (self.unique.len() + digests.len()) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mut tags = [0; BLOCK];
        let mut seen = [0; BLOCK];
        for (tag, digest) in tags.iter_mut().zip(digests) {
            *tag = tag_of(digest, &self.seed);
        }
        for (seen, tag) in seen.iter_mut().zip(&tags[..digests.len()]) {
            *seen = self.slots[self.home(*tag)];
        }
        // A digest that stands where it belongs is found here, the others below.
        for ((index, digest), (seen, tag)) in indices.iter_mut().zip(digests).zip(seen.iter().zip(&tags)) {
            let found = matches(*seen, *tag).filter(|at| self.unique[*at] == *digest);
            *index = found.map_or(-1, |at| at as i64);
        }
        for ((index, digest), tag) in indices.iter_mut().zip(digests).zip(&tags) {
            if *index < 0 {
                *index = self.insert(digest, *tag) as i64;
            }
        }
    }

    /// The unique digests in first-seen order.
    #[must_use]
    pub fn into_unique(self) -> Vec<Digest> {
        self.unique
    }

    /// Walks from the digest's place to the digest, or to the first empty slot, which it takes.
    fn insert(&mut self, digest: &Digest, tag: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                let index = u32::try_from(self.unique.len() + 1).expect("fewer than 2^32 - 1 unique digests");
                self.slots[at] = u64::from(tag) << 32 | u64::from(index);
                self.unique.push(*digest);
                return self.unique.len() - 1;
            }
            if let Some(found) = matches(slot, tag)
                && self.unique[found] == *digest
            {
                return found;
            }
            at = (at + 1) & mask;
        }
    }

    fn home(&self, tag: u32) -> usize {
        (tag >> (32 - self.bits)) as usize
    }

    fn grow(&mut self) {
        assert!(self.bits < 32, "the tag has no bits left for a place");
        self.bits += 1;
        let old = std::mem::replace(&mut self.slots, vec![0; 1 << self.bits]);
        let mask = self.slots.len() - 1;
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let mut at = self.home((slot >> 32) as u32);
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }
}

/// The index in `slot` if its tag is `tag`.
fn matches(slot: u64, tag: u32) -> Option<usize> {
    (slot != 0 && (slot >> 32) as u32 == tag).then(|| (slot as u32 - 1) as usize)
}

/// Two folded 64 x 64 -> 128 multiplications over all four words, and a third to mix them.
#[inline]
fn tag_of(digest: &Digest, seed: &[u64; 4]) -> u32 {
    let word = |at: usize| {
        let bytes: [u8; 8] = digest.0[at * 8..][..8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes) ^ seed[at]
    };
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    (fold(fold(word(0), word(1)) ^ seed[3], fold(word(2), word(3)) ^ seed[0]) >> 32) as u32
}
