//! 64 hex digits to 32 bytes and back.
//!
//! `faster-hex` has the kernels (AVX-512, AVX2, SSE4.1, NEON) and chooses one at run time. A kernel written
//! for exactly 64 digits was not faster on the rows of `bench/`, so layercheck has none. The tests compare
//! every kernel with [`scalar`] in `tests/fuzz`, and the kernel that this CPU runs in `tests/rust/digest.rs`.

pub mod scalar;

/// Hex digits of one digest.
pub const TEXT_LEN: usize = 64;

/// What [`decode`] found in 64 bytes of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Hex digits without upper-case letters.
    Lower,
    /// Hex digits with at least one upper-case letter.
    Mixed,
    /// At least one byte is not a hex digit. The output is unspecified.
    Invalid,
}

/// Decodes `text` into `out`.
#[inline]
#[must_use]
pub fn decode(text: &[u8; TEXT_LEN], out: &mut [u8; 32]) -> Decoded {
    if faster_hex::hex_decode(text, out).is_err() {
        return Decoded::Invalid;
    }
    // Among hex digits, only upper-case letters have bit 6 set and bit 5 clear.
    let upper = text.iter().fold(0, |seen, byte| seen | (!byte & (byte >> 1)));
    if upper & 0x20 == 0 { Decoded::Lower } else { Decoded::Mixed }
}

/// Writes `bytes` as lower-case hex digits.
#[inline]
pub fn encode(bytes: &[u8; 32], out: &mut [u8; TEXT_LEN]) {
    let written = faster_hex::hex_encode(bytes, out);
    debug_assert!(written.is_ok(), "64 digits hold 32 bytes");
}

/// Writes any number of `bytes` as lower-case hex digits.
///
/// # Panics
/// If `out` has less than two digits for each byte.
pub fn encode_all(bytes: &[u8], out: &mut [u8]) {
    assert!(faster_hex::hex_encode(bytes, out).is_ok(), "two digits for each byte");
}

/// Returns the name of the kernel that this CPU runs, by the rule that `faster-hex` documents.
#[must_use]
pub fn kernel() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        if std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512bw") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        if std::arch::is_x86_feature_detected!("sse4.1") {
            return "sse4.1";
        }
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "scalar" }
}

/// Returns true for `0-9`, `a-f`, `A-F`.
#[inline]
#[must_use]
pub fn is_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}
