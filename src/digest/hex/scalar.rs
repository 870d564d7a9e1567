//! The portable kernel: two table look-ups a byte. The tests compare the other kernels with it.

use super::{Decoded, TEXT_LEN};

/// Table entry of a byte that is not a hex digit.
const BAD: u8 = 0xff;
/// Set in a table entry for an upper-case digit; the value is in the low four bits.
const UPPER: u8 = 0x10;

const VALUES: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut value = 0;
    while value < 10 {
        table[b'0' as usize + value] = value as u8;
        value += 1;
    }
    while value < 16 {
        table[b'a' as usize + value - 10] = value as u8;
        table[b'A' as usize + value - 10] = value as u8 | UPPER;
        value += 1;
    }
    table
};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Decodes 64 hex digits of either case.
#[must_use]
pub fn decode(text: &[u8; TEXT_LEN], out: &mut [u8; 32]) -> Decoded {
    let mut seen = 0;
    for (pair, byte) in text.chunks_exact(2).zip(out.iter_mut()) {
        let (high, low) = (VALUES[pair[0] as usize], VALUES[pair[1] as usize]);
        seen |= high | low;
        *byte = (high << 4) | (low & 0x0f);
    }
    // Only BAD has any of the top three bits, so one check at the end is enough.
    if seen & 0xe0 != 0 {
        Decoded::Invalid
    } else if seen & UPPER != 0 {
        Decoded::Mixed
    } else {
        Decoded::Lower
    }
}

/// Encodes 32 bytes as lower-case hex.
pub fn encode(bytes: &[u8; 32], out: &mut [u8; TEXT_LEN]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0x0f)];
    }
}
