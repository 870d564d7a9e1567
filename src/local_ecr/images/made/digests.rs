//! The digests of made-up images that were computed, and the way back to their numbers.

use std::hash::{BuildHasher, RandomState};

use crate::local_ecr::service::key::Key;

/// Digests of the first images, and an open table of their numbers.
#[derive(Debug, Default)]
pub(super) struct Digests {
    known: Vec<Key>,
    /// Numbers plus one, at the place that the digest chooses; at most half full.
    table: Vec<u32>,
    hasher: RandomState,
}

impl Digests {
    pub(super) fn get(&self, number: u32) -> Option<Key> {
        self.known.get(number as usize).copied()
    }

    /// Keeps the digest of the next image in order; others are not kept.
    pub(super) fn add(&mut self, number: u32, key: Key) {
        if number as usize != self.known.len() {
            return;
        }
        self.known.push(key);
        if self.table.len() < 2 * self.known.len() {
            let length = (4 * self.known.len()).next_power_of_two().max(1024);
            self.table = vec![0; length];
            for number in 0..self.known.len() as u32 {
                self.place(number);
            }
        } else {
            self.place(number);
        }
    }

    /// How many digests are kept: those of the images before this number.
    pub(super) fn len(&self) -> u32 {
        self.known.len() as u32
    }

    /// The number of a digest that is kept.
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        let mut slot = self.slot(key);
        while let Some(number) = self.table[slot].checked_sub(1) {
            if self.known[number as usize] == *key {
                return Some(number);
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
        None
    }

    fn place(&mut self, number: u32) {
        let mut slot = self.slot(&self.known[number as usize]);
        while self.table[slot] != 0 {
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = number + 1;
    }

    fn slot(&self, key: &Key) -> usize {
        self.hasher.hash_one(key) as usize & (self.table.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Digests;

    #[test]
    fn a_digest_leads_back_to_its_number_however_many_there_are() {
        let key = |number: u32| {
            let mut key = [7; 32];
            key[..4].copy_from_slice(&number.to_le_bytes());
            key
        };
        let mut digests = Digests::default();
        for number in 0..500 {
            digests.add(number, key(number));
        }
        digests.add(700, key(700));
        assert_eq!(digests.get(700), None);
        for number in [0, 1, 250, 499] {
            assert_eq!(digests.find(&key(number)), Some(number));
        }
        assert_eq!(digests.find(&key(700)), None);
        assert_eq!(digests.len(), 500);
    }
}
