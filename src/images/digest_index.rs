//! Numbers for digests, in first-seen order.

use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};
use crate::plan::dedupe::{Dedupe, Seed};

/// Digests and their numbers.
#[derive(Debug)]
pub(super) struct DigestIndex {
    seed: Seed,
    dedupe: Dedupe,
    tags: Vec<u32>,
    numbers: Vec<u32>,
}

impl DigestIndex {
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        let seed = Seed::draw();
        Ok(Self { seed, dedupe: Dedupe::new(seed)?, tags: Vec::new(), numbers: Vec::new() })
    }

    pub(super) fn digests(&self) -> &[Digest] {
        self.dedupe.unique()
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<u32> {
        self.dedupe.find(digest)
    }

    /// Returns the number of each digest. New digests get the next numbers.
    pub(super) fn of_all(&mut self, digests: &[Digest]) -> Result<&[u32], OutOfMemory> {
        self.tags.clear();
        self.numbers.clear();
        memory::reserve(&mut self.tags, digests.len())?;
        memory::reserve(&mut self.numbers, digests.len())?;
        self.tags.extend(digests.iter().map(|digest| self.seed.tag(digest)));
        self.numbers.resize(digests.len(), 0);
        self.dedupe.insert(digests, &self.tags, &mut self.numbers, 0)?;
        Ok(&self.numbers)
    }

    /// Returns the number of a digest, which may be new.
    pub(super) fn of(&mut self, digest: &Digest) -> Result<u32, OutOfMemory> {
        Ok(self.of_all(std::slice::from_ref(digest))?[0])
    }

    /// Returns the digests, in the order of their numbers.
    pub(super) fn into_digests(self) -> Vec<Digest> {
        self.dedupe.into_unique()
    }
}
