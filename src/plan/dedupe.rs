//! Deduplicates digests, in first-seen order.
//!
//! A hash table stands beside an array of the unique digests. An entry is eight bytes: 32 bits of the
//! digest's hash (its tag), and the digest's index. Eight entries make a bucket, which is one line of the
//! processor's cache. An entry goes to the next bucket only if its own bucket is full, so that a look-up
//! waits for memory once. The high bits of the tag choose the bucket, so that growing the table walks
//! through the old and the new table from front to back and never reads the digests.
//!
//! Beyond the cache, every look-up waits for memory. So digests come in blocks, and each pass over a block
//! has steps that do not depend on each other, so that the processor has many look-ups under way at once.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

/// Digests in a block: enough to keep memory busy, and few enough that the block itself stays in cache.
pub const BLOCK: usize = 128;

/// Buckets of the smallest table, as a power of two.
const MIN_BITS: u32 = 7;

/// Entries of a bucket.
const WIDTH: usize = 8;

/// Whether the table must grow: at three quarters of its entries, when one bucket in seven is full.
const fn is_full(entries: usize, buckets: usize) -> bool {
    entries * 4 > buckets * WIDTH * 3
}

/// Eight entries, filled from the front.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    tags: [u32; WIDTH],
    /// The index plus one; zero in a free place.
    numbers: [u32; WIDTH],
}

const EMPTY: Bucket = Bucket { tags: [0; WIDTH], numbers: [0; WIDTH] };

/// The secret that is mixed into the hash of every digest.
///
/// The hash takes all 32 bytes and a seed that each table draws from the operating system, because anybody
/// can type 64 chosen characters without inverting sha256: the digests alone must not decide where they
/// land.
#[derive(Clone, Copy, Debug)]
pub struct Seed([u64; 4]);

impl Seed {
    /// Draws a new seed.
    #[must_use]
    pub fn draw() -> Self {
        Self([0, 1, 2, 3].map(|word| {
            // The standard library seeds every RandomState from the operating system.
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(word);
            hasher.finish()
        }))
    }

    /// Returns the digest's tag: two folded 64 x 64 -> 128 multiplications over all four words, and a third
    /// to mix them.
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

/// Unique digests in first-seen order, and the table that finds them.
#[derive(Debug)]
pub struct Dedupe {
    unique: Vec<Digest>,
    buckets: Vec<Bucket>,
    /// The number of buckets, as a power of two.
    bits: u32,
    seed: Seed,
}

impl Dedupe {
    /// Makes an empty table. The tags of its digests must come from this seed.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(seed: Seed) -> Result<Self, OutOfMemory> {
        Ok(Self { unique: Vec::new(), buckets: empty(MIN_BITS)?, bits: MIN_BITS, seed })
    }

    /// Adds the new digests, and writes the index of each digest among the unique digests to `indices`.
    /// `tags` are the digests' tags by the table's [`Seed`].
    ///
    /// # Errors
    /// [`OutOfMemory`]; the table has none of the new digests then.
    ///
    /// # Panics
    /// If there are more than [`BLOCK`] digests, if the numbers of digests, tags and indices differ, or
    /// beyond 2^32 - 2 unique digests, which take 137 GB without the table.
    pub fn insert_block(
        &mut self,
        digests: &[Digest],
        tags: &[u32],
        indices: &mut [i64],
    ) -> Result<(), OutOfMemory> {
        assert!(digests.len() <= BLOCK, "a block is bounded");
        assert!(digests.len() == tags.len() && digests.len() == indices.len(), "one of each for a digest");
        debug_assert!(tags.iter().zip(digests).all(|(tag, digest)| *tag == self.seed.tag(digest)));
        // Make room for all digests first, so that the table does not move during the passes.
        while is_full(self.unique.len() + digests.len(), self.buckets.len()) {
            self.grow()?;
        }
        memory::reserve(&mut self.unique, digests.len())?;
        // This pass only loads the buckets into the cache, because with more work in each step the processor
        // would have fewer reads under way.
        let touched = tags.iter().fold(0, |sum, tag| sum ^ self.buckets[self.home(*tag)].tags[0]);
        std::hint::black_box(touched);
        let mut seen = [Seen::default(); BLOCK];
        for (seen, tag) in seen.iter_mut().zip(tags) {
            *seen = self.buckets[self.home(*tag)].look(*tag);
        }
        // The next two passes load the digests that may be equal, and the buckets behind full buckets. Their
        // indices are collected first, because a branch for each digest, mispredicted now and then, would
        // start the reads one by one.
        let (mut maybe, mut count) = ([0; BLOCK], 0);
        let (mut behind, mut full) = ([0; BLOCK], 0);
        for (seen, tag) in seen.iter().zip(tags) {
            maybe[count] = seen.number;
            count += usize::from(seen.number > 0);
            behind[full] = (self.home(*tag) + 1) & (self.buckets.len() - 1);
            full += usize::from(seen.number == 0 && seen.used == WIDTH as u32);
        }
        let touched = maybe[..count].iter().fold(0, |sum, number| {
            // Half of the digests lie across two lines of the cache, so both are loaded.
            let digest = &self.unique[*number as usize - 1].0;
            sum ^ digest[0] ^ digest[31]
        });
        std::hint::black_box(touched);
        let touched = behind[..full].iter().fold(0, |sum, at| sum ^ self.buckets[*at].tags[0]);
        std::hint::black_box(touched);
        for (((index, digest), seen), tag) in indices.iter_mut().zip(digests).zip(seen).zip(tags) {
            *index = self.place(digest, *tag, seen) as i64;
        }
        Ok(())
    }

    /// Returns the unique digests in first-seen order.
    #[must_use]
    pub fn into_unique(self) -> Vec<Digest> {
        self.unique
    }

    /// Returns the index of a digest, given what its bucket was `seen` to hold before this block's inserts.
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
            // The bucket has room and has not changed since it was seen without this tag: the digest is new.
            bucket.tags[seen.used as usize] = tag;
            bucket.numbers[seen.used as usize] = number_of(self.unique.len());
            self.unique.push(*digest);
            return self.unique.len() - 1;
        }
        self.walk(digest, tag)
    }

    /// Walks from the digest's bucket to the digest, or to the first free place, and takes that.
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

    fn grow(&mut self) -> Result<(), OutOfMemory> {
        assert!(self.bits < 32, "the tag has no bits left to choose a bucket by");
        let old = std::mem::replace(&mut self.buckets, empty(self.bits + 1)?);
        self.bits += 1;
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
        Ok(())
    }
}

/// What a bucket holds for a tag.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The number of the first entry with the tag; 0 without such an entry.
    number: u32,
    /// Entries in the bucket.
    used: u32,
}

impl Bucket {
    /// Looks at all eight entries, because a branch that leaves early would often be mispredicted.
    #[inline]
    fn look(&self, tag: u32) -> Seen {
        // The free places are the last places, so their number tells which places are free.
        let used = self.numbers.iter().map(|number| u32::from(*number != 0)).sum::<u32>();
        let same = (0..WIDTH).map(|at| u32::from(self.tags[at] == tag) << at).sum::<u32>();
        let first = (same & ((1 << used) - 1)).trailing_zeros() as usize;
        Seen { number: self.numbers.get(first).copied().unwrap_or_default(), used }
    }

    /// Adds an entry and returns true, if the bucket has room.
    fn put(&mut self, tag: u32, number: u32) -> bool {
        let free = self.numbers.iter().position(|number| *number == 0);
        if let Some(at) = free {
            self.tags[at] = tag;
            self.numbers[at] = number;
        }
        free.is_some()
    }
}

fn empty(bits: u32) -> Result<Vec<Bucket>, OutOfMemory> {
    memory::filled(EMPTY, 1 << bits)
}

fn number_of(index: usize) -> u32 {
    u32::try_from(index + 1).expect("fewer than 2^32 - 1 unique digests")
}
