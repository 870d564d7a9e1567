//! Reproducible random numbers: each is a function of the seed and the call number.

/// Sebastiano Vigna's `SplitMix64`. It is small, takes any 64 bits as a seed, and gives the
/// same numbers on every platform and in every release. Seeded tests need this, and general
/// random-number crates do not promise it.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A separate stream for each sequence of numbers.
    pub(crate) fn of(numbers: &[u64]) -> Self {
        Self(numbers.iter().fold(0, |state, &number| mix(state ^ mix(number))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform from 0 to below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform from 0 to below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }

    /// `count` different indices below `len`, in ascending order.
    pub(crate) fn choose(&mut self, len: usize, count: usize) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..len).collect();
        self.shuffle(&mut indices);
        indices.truncate(count);
        indices.sort_unstable();
        indices
    }
}

/// The finaliser of `SplitMix64`: spreads every input bit over all output bits.
pub(crate) fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn equal_numbers_give_equal_streams_and_others_do_not() {
        let (mut one, mut same, mut other) = (Random::of(&[1, 2]), Random::of(&[1, 2]), Random::of(&[2, 1]));
        let first: Vec<_> = (0..8).map(|_| one.next()).collect();
        assert_eq!(first, (0..8).map(|_| same.next()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| other.next()).collect::<Vec<_>>());
    }

    #[test]
    fn fractions_are_uniform() {
        let mut random = Random::of(&[7]);
        let low = (0..10_000).filter(|_| random.fraction() < 0.25).count();
        assert!((2_300..2_700).contains(&low), "{low}");
    }

    #[test]
    fn chosen_indices_are_different_and_in_range() {
        let chosen = Random::of(&[3]).choose(10, 4);
        assert_eq!(chosen.len(), 4);
        assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(chosen.iter().all(|&index| index < 10));
    }
}
