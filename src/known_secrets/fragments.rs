//! Finds parts of known values in a folded text.

use std::collections::HashMap;
use std::ops::Range;

/// Letters and digits in a row of a secret that are hidden. A shorter secret is hidden as a whole.
pub const SHOWN: usize = 16;

/// Secrets with fewer letters and digits are not looked for: they would hide words.
pub const MIN_LENGTH: usize = ANCHOR;

/// Letters of an anchor. Any `2 * ANCHOR - 1` letters in a row of a value hold a whole anchor of it, because
/// anchors stand side by side.
const ANCHOR: usize = 8;

/// Most places of one anchor: a value may repeat itself.
const MAX_PLACES: usize = 8;

/// Values, found by their anchors: every eighth run of eight letters.
#[derive(Default)]
pub(super) struct Fragments {
    values: HashMap<u32, Vec<u8>>,
    anchors: HashMap<[u8; ANCHOR], Vec<(u32, usize)>>,
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
            let places = self.anchors.entry(*anchor).or_default();
            if places.len() < MAX_PLACES {
                places.push((id, at * ANCHOR));
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
            if let Some(places) = self.anchors.get_mut(anchor) {
                places.retain(|(other, _)| *other != id);
                if places.is_empty() {
                    self.anchors.remove(anchor);
                }
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
            let places = self.anchors.get(anchor).map_or(&[][..], Vec::as_slice);
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
    fn around(&self, text: &[u8], at: usize, (id, offset): (u32, usize)) -> Option<Range<usize>> {
        let value = self.values.get(&id)?;
        let equal = |(one, other): &(&u8, &u8)| one == other;
        let left = text[..at].iter().rev().zip(value[..offset].iter().rev()).take_while(equal).count();
        let right = text[at..].iter().zip(&value[offset..]).take_while(equal).count();
        (left + right >= SHOWN.min(value.len())).then(|| at - left..at + right)
    }
}
