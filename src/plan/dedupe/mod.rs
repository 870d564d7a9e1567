//! Deduplicates digests, in first-seen order.
//!
//! A hash table stands beside an array of the unique digests. An entry is eight bytes: 32 bits of the
//! digest's hash (its tag), and the digest's index. Eight entries make a bucket, which is one line of the
//! processor's cache. An entry goes to the next bucket only if its own bucket is full, so that a look-up
//! waits for memory once. The low bits of the tag choose the bucket. So a table grows where it is: each bucket
//! keeps a part of its entries, and the others become a bucket of the new half (see [`growth`]).
//!
//! Beyond the cache, every look-up waits for memory. So digests come in blocks, and each digest has three
//! steps, some digests apart: ask for its bucket, look into the bucket and ask for the digest that may be
//! equal, and decide. While one digest is decided, the memory for the next is on its way.

mod bucket;
mod growth;

use std::hash::{BuildHasher, Hasher, RandomState};

use bucket::{Bucket, Seen, WIDTH};
use growth::{capacity, share};

use super::ahead::{Ahead, Helper};
use super::prefetch::prefetch;
use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

/// How many digests lie between asking for a bucket and looking into it, and then between asking for an equal
/// digest and comparing: as many reads as a core has under way at once.
const APART: usize = 24;

/// Buckets of the smallest table. The number of buckets is always a power of two.
const FEWEST: usize = 1 << 7;

/// The most digests whose memory a helper provides before they come: 8 MB. Fewer may come than is known now.
const OFFERED: usize = 1 << 18;

/// Digests for which memory is reserved at once, if so many will come: 16 MB. From that size on, a column is in
/// huge pages and grows without a copy (`LARGE` in `src/allocator/mapping.rs`).
const MANY_DIGESTS: usize = 1 << 19;
/// The buckets in 16 MB, reserved with them.
const MANY_BUCKETS: usize = MANY_DIGESTS * size_of::<Digest>() / size_of::<Bucket>();

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
    /// Offers the memory of the column that grows. This field is first, so that it is dropped before the columns.
    ahead: Ahead,
    unique: Vec<Digest>,
    buckets: Vec<Bucket>,
    /// Entries that are not in their own bucket, because that was full.
    strays: usize,
    /// Digests that were looked up.
    seen: usize,
    /// The numbers of unique digests, and of digests looked up, when the table last grew.
    when_grown: (usize, usize),
    seed: Seed,
}

impl Dedupe {
    /// Makes an empty table. The tags of its digests must come from this seed.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(seed: Seed) -> Result<Self, OutOfMemory> {
        let buckets = memory::filled(Bucket::EMPTY, FEWEST)?;
        Ok(Self {
            ahead: Ahead::default(),
            unique: Vec::new(),
            buckets,
            strays: 0,
            seen: 0,
            when_grown: (0, 0),
            seed,
        })
    }

    /// Returns the seed that the tags must come from.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Adds the new digests, and writes the index of each digest among the unique digests to `indices`.
    /// `tags` are the digests' tags by the table's [`Seed`]. About `more` digests will come later: a wrong number
    /// costs memory or time, and changes no index.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the table has none of the new digests then.
    ///
    /// # Panics
    /// If the numbers of digests, tags and indices differ, or beyond 2^32 - 2 unique digests, which take
    /// 137 GB without the table.
    pub fn insert(
        &mut self,
        digests: &[Digest],
        tags: &[u32],
        indices: &mut [u32],
        more: usize,
    ) -> Result<(), OutOfMemory> {
        assert!(digests.len() == tags.len() && digests.len() == indices.len(), "one of each for a digest");
        debug_assert!(tags.iter().zip(digests).all(|(tag, digest)| *tag == self.seed.tag(digest)));
        // Make room for all digests first, so that the table does not move meanwhile.
        if self.unique.len() + digests.len() > self.capacity() {
            self.make_room(digests.len(), more)?;
        }
        self.ahead.reserve(&mut self.unique, digests.len())?;
        self.seen += digests.len();
        let mut looked = [Looked::default(); APART];
        for step in 0..digests.len() + 2 * APART {
            if let Some(tag) = tags.get(step) {
                prefetch(&self.buckets, self.home(*tag));
            }
            // The digest that is decided here left its place in `looked` to the digest that is looked at next.
            let slot = step % APART;
            if let Some(at) = step.checked_sub(2 * APART) {
                indices[at] = self.decide(&digests[at], tags[at], looked[slot]);
            }
            if let Some(at) = step.checked_sub(APART)
                && let Some(tag) = tags.get(at)
            {
                looked[slot] = self.look(*tag);
            }
        }
        memory::touch_ahead(&mut self.unique, Digest([0; 32]));
        self.ahead.offer(&self.unique, share(more, self.unique.len(), self.seen).min(OFFERED));
        Ok(())
    }

    /// Makes the side of a thread that can provide memory before this table uses it.
    #[must_use]
    pub fn helper(&self) -> Helper {
        self.ahead.helper()
    }

    /// Returns the index of a digest; None if it was not added.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<u32> {
        let tag = self.seed.tag(digest);
        let mut at = self.home(tag);
        loop {
            let Seen { mut same, used } = self.buckets[at].look(tag);
            while same != 0 {
                let index = self.buckets[at].first(same) - 1;
                if self.unique[index as usize] == *digest {
                    return Some(index);
                }
                same &= same - 1;
            }
            if used < WIDTH {
                return None;
            }
            at = self.next(at);
        }
    }

    /// Returns how many digests may be unique before the table grows.
    #[must_use]
    pub fn capacity(&self) -> usize {
        capacity(self.buckets.len())
    }

    /// Returns the unique digests so far, in first-seen order.
    #[must_use]
    pub fn unique(&self) -> &[Digest] {
        &self.unique
    }

    /// Reserves memory for about `more` digests, before the first. If the system refuses, nothing changes.
    pub fn expect(&mut self, more: usize) {
        self.ahead.withdraw();
        // Reserved memory costs nothing until it is used. How many of the digests are equal is not known.
        let _ = memory::reserve_exact(&mut self.unique, more.min(MANY_DIGESTS));
        if more >= MANY_DIGESTS {
            let missing = MANY_BUCKETS.saturating_sub(self.buckets.len());
            let _ = memory::reserve_exact(&mut self.buckets, missing);
        }
    }

    /// Returns the unique digests in first-seen order.
    #[must_use]
    pub fn into_unique(self) -> Vec<Digest> {
        self.unique
    }

    /// Looks into the bucket of a tag, and asks for the memory that deciding needs.
    #[inline]
    fn look(&self, tag: u32) -> Looked {
        let home = self.home(tag);
        let Seen { same, used } = self.buckets[home].look(tag);
        let number = self.buckets[home].first(same);
        if let Some(at) = (number as usize).checked_sub(1) {
            prefetch(&self.unique, at);
        } else if used == WIDTH {
            prefetch(&self.buckets, self.next(home));
        }
        Looked { number, used: used as u32 }
    }

    /// Returns the index of a digest, given what its bucket held when it was looked at. Other digests may have
    /// been added since.
    #[inline]
    fn decide(&mut self, digest: &Digest, tag: u32, looked: Looked) -> u32 {
        if let Some(at) = looked.number.checked_sub(1) {
            if self.unique[at as usize] == *digest {
                return at;
            }
        } else {
            let (home, number) = (self.home(tag), self.next_number());
            // A place that is still free shows that the bucket has not changed: the digest is new.
            if self.buckets[home].put(looked.used as usize, tag, number) {
                self.unique.push(*digest);
                return number - 1;
            }
        }
        self.walk(digest, tag)
    }

    /// Walks from the digest's bucket to the digest, or to the first free place, and takes that.
    #[cold]
    fn walk(&mut self, digest: &Digest, tag: u32) -> u32 {
        let home = self.home(tag);
        let mut at = home;
        let number = self.next_number();
        loop {
            let Seen { mut same, used } = self.buckets[at].look(tag);
            while same != 0 {
                let index = self.buckets[at].first(same) - 1;
                if self.unique[index as usize] == *digest {
                    return index;
                }
                same &= same - 1;
            }
            if self.buckets[at].put(used, tag, number) {
                self.strays += usize::from(at != home);
                self.unique.push(*digest);
                return number - 1;
            }
            at = self.next(at);
        }
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        tag as usize & (self.buckets.len() - 1)
    }

    #[inline]
    fn next(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.buckets.len() - 1)
    }

    /// Returns the index plus one of the next new digest.
    #[inline]
    fn next_number(&self) -> u32 {
        u32::try_from(self.unique.len() + 1).expect("fewer than 2^32 - 1 unique digests")
    }
}

/// What a digest's bucket held when it was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    /// The number of the first entry with the tag; 0 without such an entry.
    number: u32,
    /// Entries in the bucket.
    used: u32,
}
