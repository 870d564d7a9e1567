//! A bucket of the table of [`super::dedupe`]: eight entries in one line of the processor's cache.

/// Entries of a bucket.
pub(super) const WIDTH: usize = 8;

/// Eight entries, filled from the front. An entry is a tag and a number that is not zero.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Bucket {
    tags: [u32; WIDTH],
    /// Zero in a free place.
    numbers: [u32; WIDTH],
}

/// What a bucket holds for a tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// A bit for each entry that has the tag, the first entry lowest.
    pub(super) same: u32,
    /// Entries in the bucket, with any tag.
    pub(super) used: usize,
}

impl Bucket {
    pub(super) const EMPTY: Self = Self { tags: [0; WIDTH], numbers: [0; WIDTH] };

    /// Looks at all eight entries at once, because a branch for each would often be mispredicted.
    #[inline]
    pub(super) fn look(&self, tag: u32) -> Seen {
        let (same, free) = (equal(&self.tags, tag), equal(&self.numbers, 0));
        // The free places are the last places, and their tags mean nothing.
        let used = (free | 1 << WIDTH).trailing_zeros();
        Seen { same: same & ((1 << used) - 1), used: used as usize }
    }

    /// Returns the number of the first of these entries; 0 if there is none.
    #[inline]
    pub(super) fn first(&self, same: u32) -> u32 {
        self.numbers.get(same.trailing_zeros() as usize).copied().unwrap_or_default()
    }

    /// Adds an entry behind `used` entries and returns true, if that place exists and is free.
    #[inline]
    pub(super) fn put(&mut self, used: usize, tag: u32, number: u32) -> bool {
        match (self.tags.get_mut(used), self.numbers.get_mut(used)) {
            (Some(tag_place), Some(place)) if *place == 0 => {
                (*tag_place, *place) = (tag, number);
                true
            }
            _ => false,
        }
    }

    /// Moves the entries whose tag has `bit` to the empty bucket `high`, when a table of `bit` buckets doubles.
    /// Moves the entries that belong to another bucket than `home`, where this bucket stands, to `strays`.
    ///
    /// Which entries move is a matter of chance, so there is no branch for each, and a free place is treated like
    /// an entry. That took a third off the time of growing.
    #[inline]
    pub(super) fn split(&mut self, high: &mut Self, bit: u32, home: u32, strays: &mut Vec<(u32, u32)>) {
        let mut old = std::mem::replace(self, Self::EMPTY);
        let (free, at_home) = (equal(&old.numbers, 0), equal(&old.tags.map(|tag| tag & (bit - 1)), home));
        if free | at_home != (1 << WIDTH) - 1 {
            old = old.without_strays(bit, home, strays);
        }
        let mut used = [0; 2];
        for at in 0..WIDTH {
            let (tag, number) = (old.tags[at], old.numbers[at]);
            let is_high = usize::from(tag & bit != 0);
            let place = used[is_high];
            let half = if is_high == 1 { &mut *high } else { &mut *self };
            half.tags[place % WIDTH] = tag;
            half.numbers[place % WIDTH] = number;
            used[is_high] += usize::from(number != 0);
        }
    }

    /// Returns the entries that belong to the bucket `home` of `bit` buckets, and moves the others to `strays`.
    #[cold]
    #[inline(never)]
    fn without_strays(&self, bit: u32, home: u32, strays: &mut Vec<(u32, u32)>) -> Self {
        let (mut kept, mut used) = (Self::EMPTY, 0);
        for (tag, number) in self.entries() {
            if tag & (bit - 1) != home {
                strays.push((tag, number));
                continue;
            }
            kept.put(used, tag, number);
            used += 1;
        }
        kept
    }

    /// Returns the entries, each a tag and a number.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        self.tags.into_iter().zip(self.numbers).take_while(|(_, number)| *number != 0)
    }
}

/// Returns a bit for each place that holds `value`, the first place lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
fn equal(places: &[u32; WIDTH], value: u32) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi32, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32,
        _mm_set1_epi32, _mm_setzero_si128,
    };
    // The compiler's own code for the loop below takes three times as many instructions.
    // SAFETY: these are instructions of SSE2, which every x86-64 has; the two halves of `places` are 16 bytes
    // each, and may be unaligned.
    unsafe {
        let wanted = _mm_set1_epi32(value.cast_signed());
        let low = _mm_cmpeq_epi32(_mm_loadu_si128(places[..4].as_ptr().cast()), wanted);
        let high = _mm_cmpeq_epi32(_mm_loadu_si128(places[4..].as_ptr().cast()), wanted);
        let bytes = _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128());
        _mm_movemask_epi8(bytes).cast_unsigned()
    }
}

/// Returns a bit for each place that holds `value`, the first place lowest.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn equal(places: &[u32; WIDTH], value: u32) -> u32 {
    places.iter().enumerate().fold(0, |bits, (at, place)| bits | u32::from(*place == value) << at)
}
