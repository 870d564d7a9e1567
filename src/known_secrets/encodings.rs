//! The forms in which a secret is looked for: as it is, as hex digits, and in Base64 at three alignments.
//!
//! Each form is folded: only letters and digits, in lower case. So separators, line ends and the two
//! alphabets of Base64 make no difference.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Returns the letters and digits of a text in lower case.
pub(super) fn fold(mut text: Vec<u8>) -> Vec<u8> {
    text.retain(u8::is_ascii_alphanumeric);
    text.make_ascii_lowercase();
    text
}

/// Returns the folded forms of a value.
pub(super) fn forms(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let hex = faster_hex::hex_string(value).into_bytes();
    let base64 = (0..3).map(|skipped| fold(base64_within(value, skipped)));
    [fold(value.to_vec()), hex].into_iter().chain(base64)
}

/// Returns the Base64 of a value behind `skipped` other bytes, without the digits at both ends that depend on
/// other bytes too.
fn base64_within(value: &[u8], skipped: usize) -> Vec<u8> {
    let bytes = [&[0; 2][..skipped], value].concat();
    let mut digits = STANDARD_NO_PAD.encode(&bytes).into_bytes();
    let first = (skipped * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    digits.truncate(whole);
    digits.drain(..first.min(whole));
    digits
}
