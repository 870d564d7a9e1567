//! Finds parts of known values in a folded text.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::slice;

/// Letters and digits in a row of a secret that are hidden. A shorter secret is hidden as a whole.
pub const SHOWN: usize = 16;

/// Secrets with fewer letters and digits are not looked for: they would hide words.
pub const MIN_LENGTH: usize = ANCHOR;

/// Letters of an anchor. Any `2 * ANCHOR - 1` letters in a row of a value hold a whole anchor of it, because
/// anchors stand side by side.
const ANCHOR: usize = 8;

/// Most places of one anchor: a value may repeat itself.
const MAX_PLACES: usize = 8;

/// A value's id, and where an anchor begins in it.
type Place = (u32, usize);

/// The places of one anchor. Nearly every anchor has one, which needs no memory of its own.
enum Places {
    One(Place),
    More(Vec<Place>),
}

impl Places {
    fn as_slice(&self) -> &[Place] {
        match self {
            Self::One(place) => slice::from_ref(place),
            Self::More(places) => places,
        }
    }

    /// Adds a place if there are not too many.
    fn add(&mut self, place: Place) {
        match self {
            Self::One(first) => *self = Self::More(vec![*first, place]),
            Self::More(places) if places.len() < MAX_PLACES => places.push(place),
            Self::More(_) => {}
        }
    }

    /// Removes the places in a value. Returns whether none is left.
    fn remove(&mut self, id: u32) -> bool {
        match self {
            Self::One((other, _)) => *other == id,
            Self::More(places) => {
                places.retain(|(other, _)| *other != id);
                places.is_empty()
            }
        }
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// Hashes a number by one multiplication, without a random key. Whoever writes the texts that are looked at
/// chooses none of the secrets in the maps, so they cannot make them collide.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        // An odd number whose bits look random: the fraction of the golden ratio.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64 ^ product) as u64;
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Values, found by their anchors: every eighth run of eight letters.
#[derive(Default)]
pub(super) struct Fragments {
    values: Map<u32, Vec<u8>>,
    /// Where the anchors stand, each anchor as a number.
    anchors: Map<u64, Places>,
    next_id: u32,
}

impl Fragments {
    /// Adds a folded value and returns its id; None if the value is too short.
    pub(super) fn add(&mut self, value: Vec<u8>) -> Option<u32> {
        if value.len() < MIN_LENGTH {
            return None;
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        for (at, anchor) in value.as_chunks::<ANCHOR>().0.iter().enumerate() {
            let place = (id, at * ANCHOR);
            match self.anchors.entry(u64::from_ne_bytes(*anchor)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Places::One(place));
                }
                Entry::Occupied(mut places) => places.get_mut().add(place),
            }
        }
        self.values.insert(id, value);
        Some(id)
    }

    /// Forgets a value.
    pub(super) fn remove(&mut self, id: u32) {
        let Some(value) = self.values.remove(&id) else {
            return;
        };
        for anchor in value.as_chunks::<ANCHOR>().0 {
            if let Entry::Occupied(mut places) = self.anchors.entry(u64::from_ne_bytes(*anchor))
                && places.get_mut().remove(id)
            {
                places.remove();
            }
        }
    }

    /// Returns the ranges of a folded text that are parts of values.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        while !self.anchors.is_empty()
            && let Some(anchor) = text.get(at..).and_then(|rest| rest.first_chunk())
        {
            let places = self.anchors.get(&u64::from_ne_bytes(*anchor)).map_or(&[][..], Places::as_slice);
            let longest =
                places.iter().filter_map(|place| self.around(text, at, *place)).max_by_key(Range::len);
            at = match longest {
                Some(range) => {
                    let end = range.end;
                    found.push(range);
                    // The last letters may begin the next part.
                    end.max(at + 1)
                }
                None => at + 1,
            };
        }
        found
    }

    /// Returns how far text and value agree around an anchor; None if that is too short.
    fn around(&self, text: &[u8], at: usize, (id, offset): Place) -> Option<Range<usize>> {
        let value = self.values.get(&id)?;
        let equal = |(one, other): &(&u8, &u8)| one == other;
        let left = text[..at].iter().rev().zip(value[..offset].iter().rev()).take_while(equal).count();
        let right = text[at..].iter().zip(&value[offset..]).take_while(equal).count();
        (left + right >= SHOWN.min(value.len())).then(|| at - left..at + right)
    }
}
