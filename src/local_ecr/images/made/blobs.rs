//! Digests of made-up blobs. A digest leads back to its blob, so that no table is needed.
//!
//! The blobs have no content, so their digests need not be hashes. Each is the number of its blob, hidden
//! in words that depend on the seed; the other words prove that the digest was made here.

use super::blend;
use crate::local_ecr::service::key::Key;

/// A blob of a made-up image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blob {
    /// Index 0 is the config; own layers count from 1.
    Own { image: u32, index: u16 },
    /// A layer of a base, from 0.
    Shared { base: u32, index: u16 },
}

const SHARED: u64 = 1 << 48;

impl Blob {
    fn id(self) -> u64 {
        match self {
            Self::Own { image, index } => u64::from(image) << 16 | u64::from(index),
            Self::Shared { base, index } => SHARED | u64::from(base) << 16 | u64::from(index),
        }
    }

    fn of_id(id: u64) -> Option<Self> {
        let (number, index) = ((id >> 16) as u32, id as u16);
        match id >> 48 {
            0 => Some(Self::Own { image: number, index }),
            1 => Some(Self::Shared { base: number, index }),
            _ => None,
        }
    }
}

/// Digests of blobs by a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlobDigests {
    seed: u64,
}

impl BlobDigests {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    pub(super) fn of(self, blob: Blob) -> Key {
        let id = blob.id();
        let second = blend(id, self.seed);
        let first = id ^ blend(second, !self.seed);
        let third = blend(first, second);
        let words = [first, second, third, blend(third, id)];
        let mut key = [0; 32];
        for (part, word) in key.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *part = word.to_le_bytes();
        }
        key
    }

    /// The blob of a digest; `None` if the digest was not made here.
    pub(super) fn blob(self, key: &Key) -> Option<Blob> {
        let (words, _) = key.as_chunks::<8>();
        let [first, second] = [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])];
        let blob = Blob::of_id(first ^ blend(second, !self.seed))?;
        (self.of(blob) == *key).then_some(blob)
    }
}

#[cfg(test)]
mod tests {
    use super::{Blob, BlobDigests};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_digest_leads_back_to_its_blob(number: u32, index: u16, seed: u64, bit in 0usize..256) {
            let digests = BlobDigests::new(seed);
            for blob in [Blob::Own { image: number, index }, Blob::Shared { base: number, index }] {
                let mut key = digests.of(blob);
                prop_assert_eq!(digests.blob(&key), Some(blob));
                key[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(digests.blob(&key), None);
            }
        }
    }
}
