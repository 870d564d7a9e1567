//! The tags of all images in one text, chained image by image: 12 bytes a tag beside its letters.

use crate::memory::{self, OutOfMemory};

/// Stands for no tag.
const NONE: u32 = u32::MAX;

/// Most tags of one image. ECR's quota is 1,000.
const MOST: u32 = 10_000;

/// The tags of one image: the first, the last and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first: u32,
    last: u32,
    pub(super) count: u32,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE, count: 0 };
}

/// One tag: where its letters are, and the next tag of the image.
#[derive(Clone, Copy, Debug)]
struct Tag {
    start: u32,
    length: u32,
    next: u32,
}

/// The tags of all images.
#[derive(Debug, Default)]
pub(super) struct Tags {
    letters: String,
    tags: Vec<Tag>,
}

impl Tags {
    /// Returns the number of all tags.
    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }

    /// Adds a tag to an image, unless the image has it. Returns false if it has too many.
    pub(super) fn add(&mut self, chain: &mut Chain, tag: &str) -> Result<bool, OutOfMemory> {
        if self.of(*chain).any(|known| known == tag) {
            return Ok(true);
        }
        let fits = self.letters.len() + tag.len() < NONE as usize && self.tags.len() < NONE as usize;
        if chain.count >= MOST || !fits {
            return Ok(false);
        }
        let refused = OutOfMemory { bytes: self.letters.len() + tag.len() };
        self.letters.try_reserve(tag.len()).map_err(|_| refused)?;
        let number = self.tags.len() as u32;
        let new = Tag { start: self.letters.len() as u32, length: tag.len() as u32, next: NONE };
        memory::push(&mut self.tags, new)?;
        self.letters.push_str(tag);
        match self.tags.get_mut(chain.last as usize) {
            Some(last) => last.next = number,
            None => chain.first = number,
        }
        chain.last = number;
        chain.count += 1;
        Ok(true)
    }

    /// Returns the tags of an image, in the order of the listing.
    pub(super) fn of(&self, chain: Chain) -> impl Iterator<Item = &str> {
        let mut next = chain.first;
        std::iter::from_fn(move || {
            let tag = self.tags.get(next as usize)?;
            next = tag.next;
            Some(&self.letters[tag.start as usize..][..tag.length as usize])
        })
    }
}
