//! The forms in which a secret is looked for: as it is, as hex digits, and in Base64 at three alignments.
//!
//! Each form is folded: only letters and digits, in lower case. So separators, line ends and the two
//! alphabets of Base64 make no difference.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the letters and digits of a text in lower case.
pub(super) fn fold(text: &[u8]) -> Vec<u8> {
    text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

/// Returns the folded forms of a value.
pub(super) fn forms(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let hex = value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
    let base64 = (0..3).map(|skipped| fold(&base64_within(value, skipped)));
    [fold(value), hex].into_iter().chain(base64)
}

/// Returns the Base64 of a value behind `skipped` other bytes, without the digits at both ends that depend on
/// other bytes too.
fn base64_within(value: &[u8], skipped: usize) -> Vec<u8> {
    let bytes: Vec<u8> = std::iter::repeat_n(0, skipped).chain(value.iter().copied()).collect();
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        [18, 12, 6, 0].map(|shift| BASE64[(group >> shift & 63) as usize])
    });
    let first = (skipped * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    digits.take(whole).skip(first).collect()
}
