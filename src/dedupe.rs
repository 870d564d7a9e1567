//! Digests in input order become first-seen unique digests.

use std::hash::{BuildHasher, Hasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::digest::Digest;

/// First-seen unique digests, and a table to find them again.
///
/// The hash mixes all 32 bytes with a seed drawn from the operating system for each instance:
/// nobody has to be able to invert sha256 to type 64 chosen characters, so the digests themselves
/// must not decide where they land in the table.
#[derive(Debug)]
pub struct Dedupe {
    unique: Vec<Digest>,
    table: HashTable<u32>,
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
        Self { unique: Vec::new(), table: HashTable::new(), seed: [draw(0), draw(1), draw(2), draw(3)] }
    }
}

impl Dedupe {
    /// The index of `digest` among the unique ones, adding it if it is new.
    ///
    /// # Panics
    /// Beyond 2^32 - 1 unique digests, which take 137 GB before any table.
    #[inline]
    pub fn insert(&mut self, digest: &Digest) -> usize {
        let (unique, seed) = (&mut self.unique, &self.seed);
        let found = self.table.entry(
            hash(digest, seed),
            |&at| unique[at as usize] == *digest,
            |&at| hash(&unique[at as usize], seed),
        );
        match found {
            Entry::Occupied(slot) => *slot.get() as usize,
            Entry::Vacant(slot) => {
                let at = u32::try_from(unique.len()).expect("fewer than 2^32 unique digests");
                slot.insert(at);
                unique.push(*digest);
                at as usize
            }
        }
    }

    /// The unique digests in first-seen order.
    #[must_use]
    pub fn into_unique(self) -> Vec<Digest> {
        self.unique
    }
}

/// Two folded 64 x 64 -> 128 multiplications over all four words, and a third to mix them.
#[inline]
fn hash(digest: &Digest, seed: &[u64; 4]) -> u64 {
    let word = |at: usize| {
        let bytes: [u8; 8] = digest.0[at * 8..][..8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes) ^ seed[at]
    };
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    fold(fold(word(0), word(1)) ^ seed[3], fold(word(2), word(3)) ^ seed[0])
}
