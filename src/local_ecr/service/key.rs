//! Digests as 32-byte keys, in the only spelling that this endpoint accepts.

/// A sha256 as bytes.
pub type Key = [u8; 32];

const PREFIX: &[u8] = b"sha256:";
/// Value of each hexadecimal digit; 0xff elsewhere. Upper case is not accepted, because
/// the OCI grammar forbids it, moto refuses it, and AWS does not document whether the service
/// accepts it. So a client that relies on it fails here.
const NIBBLE: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// The key of `sha256:` + 64 lower-case hexadecimal digits; `None` for every other text.
#[must_use]
pub fn parse(text: &str) -> Option<Key> {
    let hex: &[u8; 64] = text.as_bytes().strip_prefix(PREFIX)?.try_into().ok()?;
    let mut key = [0; 32];
    // Bad digits are collected and checked once, so that there is no branch per byte.
    let mut bad = 0;
    for (byte, pair) in key.iter_mut().zip(hex.chunks_exact(2)) {
        let (high, low) = (NIBBLE[pair[0] as usize], NIBBLE[pair[1] as usize]);
        bad |= high | low;
        *byte = high << 4 | low & 15;
    }
    (bad < 16).then_some(key)
}

/// The text of a key: `sha256:` + 64 lower-case hexadecimal digits.
#[must_use]
pub fn text(key: &Key) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in key {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn keys_survive_the_way_to_text_and_back() {
        let key = std::array::from_fn(|index| (index * 37) as u8);
        assert_eq!(parse(&text(&key)), Some(key));
    }

    #[test]
    fn only_the_canonical_spelling_is_a_key() {
        let good = "0123456789abcdef".repeat(4);
        assert!(parse(&format!("sha256:{good}")).is_some());
        for bad in [
            good.clone(),
            format!("SHA256:{good}"),
            format!("sha512:{good}"),
            format!("sha256:{}", good.to_uppercase()),
            format!("sha256:{}", &good[1..]),
            format!("sha256:{good}0"),
            format!("sha256:{}g", &good[1..]),
            String::new(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
