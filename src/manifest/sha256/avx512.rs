//! The rounds of sha256 (FIPS 180-4, 6.2.2) for many documents at once: a lane of a register for each.
//!
//! Two registers, a [`Wave`] each, take turns, because one round of a wave waits for the one before.
//! `tests/rust/manifest/sha256.rs` compares all lengths and mixes with `sha2`.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_set4_epi32,
    _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

/// Documents that are hashed at once.
pub(super) const LANES: usize = WAVES * WIDTH;
const WAVES: usize = 2;
/// Words of 32 bits in a register.
const WIDTH: usize = 16;

pub(super) type Block = [u8; 64];

#[rustfmt::skip] // a round for each, eight in a line
/// The fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The state of each lane: a register of first words, one of second words, and so on, for each wave.
#[derive(Default)]
pub(super) struct States([[[u32; WIDTH]; 8]; WAVES]);

impl States {
    /// Returns the state of a lane.
    pub(super) fn of(&self, lane: usize) -> [u32; 8] {
        self.0[lane / WIDTH].map(|words| words[lane % WIDTH])
    }

    /// Sets the state of a lane.
    pub(super) fn set(&mut self, lane: usize, state: &[u32; 8]) {
        let wave = self.0[lane / WIDTH].iter_mut();
        wave.zip(state).for_each(|(words, word)| words[lane % WIDTH] = *word);
    }
}

/// Shows that this processor has the instructions.
pub(super) struct Kernel(());

impl Kernel {
    /// Returns the kernel; None if this processor lacks the instructions.
    pub(super) fn of_this_processor() -> Option<Self> {
        let has_both =
            std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512bw");
        has_both.then_some(Self(()))
    }

    /// Takes the first `steps` blocks of each lane into its state. The state of an unused lane means nothing
    /// afterwards.
    ///
    /// # Panics
    /// If a used lane has fewer blocks.
    #[expect(clippy::unused_self, reason = "it shows that the processor has the instructions")]
    pub(super) fn compress(&self, states: &mut States, lanes: &[Option<&[Block]>; LANES], steps: usize) {
        const UNUSED: &Block = &[0; 64];
        for step in 0..steps {
            let mut blocks = [UNUSED; LANES];
            for (block, lane) in blocks.iter_mut().zip(lanes) {
                *block = lane.map_or(UNUSED, |lane| &lane[step]);
            }
            // SAFETY: the instructions of `avx512f` and `avx512bw` exist, because only `of_this_processor` makes
            // a `Kernel`, and it asked the processor for both.
            unsafe { compress(states, &blocks) };
        }
    }
}

/// The state of a wave, and the last 16 words of its messages.
type Wave = ([__m512i; 8], [__m512i; 16]);

#[target_feature(enable = "avx512f,avx512bw")]
fn compress(states: &mut States, blocks: &[&Block; LANES]) {
    let (blocks, _) = blocks.as_chunks();
    // Loops, because the closures of `map` and `from_fn` are not compiled into a function with more instructions.
    let mut waves: [Wave; WAVES] = [([_mm512_setzero_si512(); 8], [_mm512_setzero_si512(); 16]); WAVES];
    for (wave, (state, words)) in waves.iter_mut().enumerate() {
        for (word, kept) in state.iter_mut().zip(&states.0[wave]) {
            *word = load(kept);
        }
        *words = message(&blocks[wave]);
    }
    // Each of 16 rounds is written out, because a register cannot be chosen by a number.
    macro_rules! rounds {
        ($from:literal: $($number:literal)*) => {$({
            let constant = _mm512_set1_epi32(ROUNDS[$from + $number].cast_signed());
            for (state, words) in &mut waves {
                if $from > 0 {
                    next_word::<$number>(words);
                }
                round(state, _mm512_add_epi32(constant, words[$number]));
            }
        })*};
    }
    rounds!(0: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    rounds!(16: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    rounds!(32: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    rounds!(48: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for ((state, _), kept) in waves.iter().zip(&mut states.0) {
        for (word, kept) in state.iter().zip(kept) {
            let sum = _mm512_add_epi32(*word, load(kept));
            // SAFETY: `kept` is an array of 64 bytes that nothing else borrows; the store needs no alignment.
            unsafe { _mm512_storeu_si512(std::ptr::from_mut(kept).cast(), sum) };
        }
    }
}

/// One round, with a word of each message and the constant of the round in `word`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
fn round(state: &mut [__m512i; 8], word: __m512i) {
    let [a, b, c, d, e, f, g, h] = *state;
    let turned = xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
    // `e ? f : g` for each bit.
    let chosen = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
    let first = add(add(add(h, word), chosen), turned);
    let turned = xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
    // What two of the three have, for each bit.
    let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
    *state = [add(first, add(turned, majority)), a, b, c, add(d, first), e, f, g];
}

/// Puts the next word of the messages in the place of the word 16 before it, which is word `AT`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn next_word<const AT: usize>(words: &mut [__m512i; 16]) {
    let (x, y) = (words[(AT + 1) % 16], words[(AT + 14) % 16]);
    let x = xor(_mm512_ror_epi32::<7>(x), _mm512_ror_epi32::<18>(x), _mm512_srli_epi32::<3>(x));
    let y = xor(_mm512_ror_epi32::<17>(y), _mm512_ror_epi32::<19>(y), _mm512_srli_epi32::<10>(y));
    words[AT] = add(add(words[AT], x), add(words[(AT + 9) % 16], y));
}

/// The even quarters of two registers, for [`_mm512_shuffle_i32x4`].
const EVEN: i32 = 0x88;
/// The odd quarters.
const ODD: i32 = 0xdd;

/// Reads a block of each lane of a wave: a register of first words, one of second words, and so on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn message(blocks: &[&Block; WIDTH]) -> [__m512i; 16] {
    // Words are big-endian in a block. The numbers are the bytes of a word, the last word first.
    let order = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    let mut rows = [_mm512_setzero_si512(); 16];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = _mm512_shuffle_epi8(load(*block), order);
    }
    let (mut pairs, mut fours, mut words) = (rows, rows, rows);
    for at in (0..16).step_by(2) {
        pairs[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    // `fours[at + n]` has words n, 4 + n, 8 + n and 12 + n of rows `at` to `at + 3`, a quarter for each word.
    for at in (0..16).step_by(4) {
        fours[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
        fours[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
        fours[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        fours[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    // Twice, the even quarters of two registers come together in one register, and the odd quarters in another.
    for at in 0..4 {
        let even = _mm512_shuffle_i32x4::<EVEN>(fours[at], fours[at + 4]);
        let odd = _mm512_shuffle_i32x4::<ODD>(fours[at], fours[at + 4]);
        let more_even = _mm512_shuffle_i32x4::<EVEN>(fours[at + 8], fours[at + 12]);
        let more_odd = _mm512_shuffle_i32x4::<ODD>(fours[at + 8], fours[at + 12]);
        words[at] = _mm512_shuffle_i32x4::<EVEN>(even, more_even);
        words[at + 4] = _mm512_shuffle_i32x4::<EVEN>(odd, more_odd);
        words[at + 8] = _mm512_shuffle_i32x4::<ODD>(even, more_even);
        words[at + 12] = _mm512_shuffle_i32x4::<ODD>(odd, more_odd);
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load<T>(from: &T) -> __m512i {
    const { assert!(size_of::<T>() == 64) };
    // SAFETY: `from` borrows 64 bytes, as the assertion says, and both of its types are whole numbers without
    // padding; the load needs no alignment.
    unsafe { _mm512_loadu_si512(std::ptr::from_ref(from).cast()) }
}
