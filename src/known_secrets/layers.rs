//! A text as bytes that remember where they stand, and the same with one layer of escapes undone.

use std::ops::Range;

/// Longest tag of HTML that is taken out, in bytes.
const MAX_TAG: usize = 64;

/// Entities with a name, as web software writes them for characters of a header.
const ENTITIES: [(&[u8], u8); 9] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"plus", b'+'),
    (b"sol", b'/'),
    (b"equals", b'='),
    (b"percnt", b'%'),
];

/// Bytes of a text, each with its place in the original.
pub(super) struct Layer {
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
}

impl Layer {
    /// The text itself.
    pub(super) fn of(text: &str) -> Self {
        let spans = (0..text.len() as u32).map(|at| (at, at + 1)).collect();
        Self { bytes: text.as_bytes().to_vec(), spans }
    }

    /// Returns where byte `at` stands in the original. An ASCII byte stands on character boundaries.
    pub(super) fn span(&self, at: usize) -> Range<usize> {
        let (start, end) = self.spans[at];
        start as usize..end as usize
    }

    /// Returns the letters and digits in lower case, and the index of each.
    pub(super) fn fold(&self) -> (Vec<u8>, Vec<usize>) {
        let kept = self.bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric());
        kept.map(|(at, byte)| (byte.to_ascii_lowercase(), at)).unzip()
    }

    /// Returns the text with one layer of escapes undone; None without an escape.
    pub(super) fn decoded(&self) -> Option<Self> {
        self.bytes.iter().find(|byte| matches!(byte, b'%' | b'\\' | b'&' | b'<'))?;
        let mut next = Self { bytes: Vec::new(), spans: Vec::new() };
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            let (value, length) = escape(&self.bytes[at..]).unwrap_or((Some(*byte), 1));
            if let Some(value) = value {
                next.bytes.push(value);
                next.spans.push((self.spans[at].0, self.spans[at + length - 1].1));
            }
            at += length;
        }
        (next.bytes.len() < self.bytes.len()).then_some(next)
    }
}

/// Returns what the escape at the start of `text` stands for, and its length. No value means no character of
/// a secret.
fn escape(text: &[u8]) -> Option<(Option<u8>, usize)> {
    match text {
        [b'%' | b'\\', b'u', rest @ ..] => Some((ascii(number(rest.get(..4)?, 16)?), 6)),
        [b'%', rest @ ..] => Some((ascii(number(rest.get(..2)?, 16)?), 3)),
        [b'\\', b'x', rest @ ..] => Some((ascii(number(rest.get(..2)?, 16)?), 4)),
        [b'\\', b'0'..=b'3', ..] => Some((ascii(number(text.get(1..4)?, 8)?), 4)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((None, 2)),
        [b'\\', byte, ..] if byte.is_ascii_punctuation() => Some((Some(*byte), 2)),
        [b'&', b'#', rest @ ..] => {
            let (radix, skipped) = if let [b'x' | b'X', ..] = rest { (16, 1) } else { (10, 0) };
            let digits = rest[skipped..].iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let end = usize::from(rest.get(skipped + digits) == Some(&b';'));
            let number = number(&rest[skipped..skipped + digits], radix)?;
            Some((ascii(number), 2 + skipped + digits + end))
        }
        [b'&', rest @ ..] => {
            let (name, byte) = ENTITIES.iter().find(|(name, _)| rest.starts_with(name))?;
            let end = usize::from(rest.get(name.len()) == Some(&b';'));
            Some((Some(*byte), 1 + name.len() + end))
        }
        [b'<', b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
            let end = text.iter().take(MAX_TAG).position(|byte| *byte == b'>')?;
            Some((None, end + 1))
        }
        _ => None,
    }
}

/// Returns the number that the digits write; None if they write none.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}

/// Returns the ASCII character with this number.
fn ascii(number: u32) -> Option<u8> {
    u8::try_from(number).ok().filter(u8::is_ascii)
}
