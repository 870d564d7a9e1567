//! 64 hex digits to 32 bytes and back: the safe entry to the kernels.

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
    scalar::decode(text, out)
}

/// Writes `bytes` as lower-case hex digits.
#[inline]
pub fn encode(bytes: &[u8; 32], out: &mut [u8; TEXT_LEN]) {
    scalar::encode(bytes, out);
}

/// The name of the kernel this CPU runs.
#[must_use]
pub fn kernel() -> &'static str {
    "scalar"
}

/// True for `0-9`, `a-f`, `A-F`.
#[inline]
#[must_use]
pub fn is_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}
