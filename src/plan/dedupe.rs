//! Digests in input order become first-seen unique digests.
//!
//! One hash table beside an arena of digests. An entry is eight bytes: 32 bits of the digest's hash,
//! its tag, and its index. Eight entries make a bucket, which is a line of the processor's cache, and
//! an entry goes to the next bucket only if its own is full: a look-up waits for memory once, not
//! twice. The high bits of the tag choose the bucket, so growing the table walks through the old and
//! the new one from front to back and never looks at the digests.
//!
//! Beyond the cache every look-up is a wait for memory, so digests come in blocks, and a block goes
//! through in passes in which no step waits for the one before: the processor then has many look-ups
//! under way at once.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::huge_pages;
use crate::digest::Digest;

/// Digests in a block: enough to keep memory busy, few enough that the block itself stays in cache.
pub const BLOCK: usize = 128;

/// Buckets of the smallest table, as a power of two.
const MIN_BITS: u32 = 7;

/// Entries of a bucket.
const WIDTH: usize = 8;

/// The share of entries in use at which the table grows: three quarters. Then one bucket in seven is
/// full.
const fn is_full(entries: usize, buckets: usize) -> bool {
    entries * 4 > buckets * WIDTH * 3
}

/// Eight entries; they fill up from the front.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    tags: [u32; WIDTH],
    /// Index and one; zero where there is no entry.
    numbers: [u32; WIDTH],
}

const EMPTY: Bucket = Bucket { tags: [0; WIDTH], numbers: [0; WIDTH] };

/// What the hash of every digest is mixed with.
///
/// The hash takes in all 32 bytes and a seed drawn from the operating system for each table: nobody
/// has to be able to invert sha256 to type 64 chosen characters, so the digests themselves must not
/// decide where they land in it.
#[derive(Clone, Copy, Debug)]
pub struct Seed([u64; 4]);

impl Seed {
    /// A new one.
    #[must_use]
    pub fn draw() -> Self {
        Self([0, 1, 2, 3].map(|word| {
            // The standard library seeds every RandomState from the operating system.
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(word);
            hasher.finish()
        }))
    }

    /// The digest's tag: two folded 64 x 64 -> 128 multiplications over all four words, and a third to
    /// mix them.
    #[inline]
    #[must_use]
    pub fn tag(&self, digest: &Digest) -> u32 {
        let (words, _) = digest.0.as_chunks::<8>();
        let word = |at: usize| u64::from_le_bytes(words[at]) ^ self.0[at];
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            product as u64 ^ (product >> 64) as u64
        };
        (fold(fold(word(0), word(1)) ^ self.0[3], fold(word(2), word(3)) ^ self.0[0]) >> 32) as u32
    }
}

/// First-seen unique digests, and a table to find them again.
#[derive(Debug)]
pub struct Dedupe {
    unique: Vec<Digest>,
    buckets: Vec<Bucket>,
    /// There are two to the power of this many buckets.
    bits: u32,
    seed: Seed,
}

impl Dedupe {
    /// An empty table; its digests come with tags by this seed.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { unique: Vec::new(), buckets: empty(MIN_BITS), bits: MIN_BITS, seed }
    }

    /// Writes the index of each digest among the unique ones to `indices`, adding those that are new.
    /// `tags` are theirs by the table's [`Seed`].
    ///
    /// # Panics
    /// If there are more than [`BLOCK`] digests, or not as many tags or indices; or beyond 2^32 - 2
    /// unique digests, which take 137 GB before any table.
    pub fn insert_block(&mut self, digests: &[Digest], tags: &[u32], indices: &mut [i64]) {
        assert!(digests.len() <= BLOCK, "a block is bounded");
        assert!(digests.len() == tags.len() && digests.len() == indices.len(), "one of each for a digest");
        debug_assert!(tags.iter().zip(digests).all(|(tag, digest)| *tag == self.seed.tag(digest)));
        // Room for all of them first, so that the table does not move under the passes.
        while is_full(self.unique.len() + digests.len(), self.buckets.len()) {
            self.grow();
        }
        huge_pages::reserve(&mut self.unique, digests.len());
        // Nothing is done with what is read but to have it in cache: with more to do in each step, the
        // processor would have fewer of these reads under way.
        let touched = tags.iter().fold(0, |sum, tag| sum ^ self.buckets[self.home(*tag)].tags[0]);
        std::hint::black_box(touched);
        let mut seen = [Seen::default(); BLOCK];
        for (seen, tag) in seen.iter_mut().zip(tags) {
            *seen = self.buckets[self.home(*tag)].look(*tag);
        }
        // Likewise for the digests that may be the same ones, and for the buckets behind full ones. They are
        // gathered first: a branch for each, mispredicted now and then, would start the reads one by one.
        let (mut maybe, mut count) = ([0; BLOCK], 0);
        let (mut behind, mut full) = ([0; BLOCK], 0);
        for (seen, tag) in seen.iter().zip(tags) {
            maybe[count] = seen.number;
            count += usize::from(seen.number > 0);
            behind[full] = (self.home(*tag) + 1) & (self.buckets.len() - 1);
            full += usize::from(seen.number == 0 && seen.used == WIDTH as u32);
        }
        let touched = maybe[..count].iter().fold(0, |sum, number| {
            // Half of the digests lie across two lines of the cache: both are wanted.
            let digest = &self.unique[*number as usize - 1].0;
            sum ^ digest[0] ^ digest[31]
        });
        std::hint::black_box(touched);
        let touched = behind[..full].iter().fold(0, |sum, at| sum ^ self.buckets[*at].tags[0]);
        std::hint::black_box(touched);
        for (((index, digest), seen), tag) in indices.iter_mut().zip(digests).zip(seen).zip(tags) {
            *index = self.place(digest, *tag, seen) as i64;
        }
    }

    /// The unique digests in first-seen order.
    #[must_use]
    pub fn into_unique(self) -> Vec<Digest> {
        self.unique
    }

    /// The index of a digest whose bucket was `seen` a moment ago.
    #[inline]
    fn place(&mut self, digest: &Digest, tag: u32, seen: Seen) -> usize {
        if seen.number > 0 {
            let at = seen.number as usize - 1;
            if self.unique[at] == *digest {
                return at;
            }
        } else if let Some(bucket) = self.buckets.get_mut((tag >> (32 - self.bits)) as usize)
            && bucket.numbers.get(seen.used as usize) == Some(&0)
        {
            // The bucket has room and is as it was seen, without this tag: so the digest is new.
            bucket.tags[seen.used as usize] = tag;
            bucket.numbers[seen.used as usize] = number_of(self.unique.len());
            self.unique.push(*digest);
            return self.unique.len() - 1;
        }
        self.walk(digest, tag)
    }

    /// Walks from the digest's bucket to the digest, or to the first free place, which it takes.
    #[cold]
    fn walk(&mut self, digest: &Digest, tag: u32) -> usize {
        let mask = self.buckets.len() - 1;
        let mut at = self.home(tag);
        loop {
            let bucket = &mut self.buckets[at];
            for (slot, number) in bucket.tags.iter_mut().zip(&mut bucket.numbers) {
                if *number == 0 {
                    *slot = tag;
                    *number = number_of(self.unique.len());
                    self.unique.push(*digest);
                    return self.unique.len() - 1;
                }
                let index = *number as usize - 1;
                if *slot == tag && self.unique[index] == *digest {
                    return index;
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn home(&self, tag: u32) -> usize {
        (tag >> (32 - self.bits)) as usize
    }

    fn grow(&mut self) {
        assert!(self.bits < 32, "the tag has no bits left to choose a bucket by");
        self.bits += 1;
        let old = std::mem::replace(&mut self.buckets, empty(self.bits));
        let mask = self.buckets.len() - 1;
        for (tag, number) in old.iter().flat_map(|bucket| bucket.tags.into_iter().zip(bucket.numbers)) {
            if number == 0 {
                continue;
            }
            let mut at = self.home(tag);
            while !self.buckets[at].put(tag, number) {
                at = (at + 1) & mask;
            }
        }
    }
}

/// What a bucket has to do with a tag.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The number of the first entry with the tag; 0 if there is none.
    number: u32,
    /// Entries in the bucket.
    used: u32,
}

impl Bucket {
    /// Looks at all eight entries: a branch that leaves early would often be mispredicted.
    #[inline]
    fn look(&self, tag: u32) -> Seen {
        // Free places are the last ones, so they are told apart by how many there are.
        let used = self.numbers.iter().map(|number| u32::from(*number != 0)).sum::<u32>();
        let same = (0..WIDTH).map(|at| u32::from(self.tags[at] == tag) << at).sum::<u32>();
        let first = (same & ((1 << used) - 1)).trailing_zeros() as usize;
        Seen { number: self.numbers.get(first).copied().unwrap_or_default(), used }
    }

    /// Adds an entry, if there is room.
    fn put(&mut self, tag: u32, number: u32) -> bool {
        let free = self.numbers.iter().position(|number| *number == 0);
        if let Some(at) = free {
            self.tags[at] = tag;
            self.numbers[at] = number;
        }
        free.is_some()
    }
}

fn empty(bits: u32) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    huge_pages::reserve(&mut buckets, 1 << bits);
    buckets.resize(1 << bits, EMPTY);
    buckets
}

fn number_of(index: usize) -> u32 {
    u32::try_from(index + 1).expect("fewer than 2^32 - 1 unique digests")
}
