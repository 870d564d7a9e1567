//! 64 hex digits to 32 bytes and back.
//!
//! `faster-hex` has the kernels (AVX-512, AVX2, SSE4.1, NEON) and chooses one at run time. A kernel
//! of our own for exactly 64 digits was no faster on our rows, so there is none. [`scalar`] is the
//! oracle that every kernel is compared with (`tests/fuzz`, and `tests/rust/digest.rs` for the one
//! that runs here).

pub mod scalar;

/// Hex digits of one digest.
pub const TEXT_LEN: usize = 64;

/// What 64 bytes of text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Hex digits, none of them upper case.
    Lower,
    /// Hex digits with at least one upper-case letter.
    Mixed,
    /// Something that is no hex digit is among them; the output is unspecified.
    Invalid,
}

/// Decodes `text` into `out`.
#[inline]
#[must_use]
pub fn decode(text: &[u8; TEXT_LEN], out: &mut [u8; 32]) -> Decoded {
    if faster_hex::hex_decode(text, out).is_err() {
        return Decoded::Invalid;
    }
    // Of the hex digits, only upper-case letters have bit 6 without bit 5.
    let upper = text.iter().fold(0, |seen, byte| seen | (!byte & (byte >> 1)));
    if upper & 0x20 == 0 { Decoded::Lower } else { Decoded::Mixed }
}

/// Writes `bytes` as lower-case hex digits.
#[inline]
pub fn encode(bytes: &[u8; 32], out: &mut [u8; TEXT_LEN]) {
    let written = faster_hex::hex_encode(bytes, out);
    debug_assert!(written.is_ok(), "64 digits hold 32 bytes");
}

/// The name of the kernel this CPU runs, by the rule `faster-hex` documents.
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

/// True for `0-9`, `a-f`, `A-F`.
#[inline]
#[must_use]
pub fn is_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}
