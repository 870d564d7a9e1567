//! A normalised sha256 digest, the value type of the whole core.

pub mod hex;
pub mod parse;
mod recognise;

use std::fmt;
use std::ops::Deref;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The start of every digest's text.
pub const PREFIX: &[u8; 7] = b"sha256:";

/// Length in bytes of a digest's text: `sha256:` and 64 hex digits.
pub const TEXT_LEN: usize = PREFIX.len() + hex::TEXT_LEN;

/// A sha256 digest: 32 bytes; as text always `sha256:` and 64 lower-case hex digits.
///
/// ```
/// let digest: layercheck::Digest = "AB".repeat(32).parse().unwrap();
/// assert_eq!(digest.to_string(), format!("sha256:{}", "ab".repeat(32)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Returns the text as bytes, without an allocation.
    #[must_use]
    pub fn text(&self) -> [u8; TEXT_LEN] {
        let mut digits = [0; hex::TEXT_LEN];
        hex::encode(&self.0, &mut digits);
        let mut text = [0; TEXT_LEN];
        text[..PREFIX.len()].copy_from_slice(PREFIX);
        text[PREFIX.len()..].copy_from_slice(&digits);
        text
    }

    /// Views raw `bytes` as digests, without a copy. Bytes behind the last whole digest are left out.
    #[must_use]
    pub fn all_in(bytes: &[u8]) -> &[Self] {
        let (raw, _) = bytes.as_chunks::<32>();
        // SAFETY: a digest has the layout of its only field (`repr(transparent)`), and any 32 bytes are a
        // valid digest; length and lifetime are those of `raw`.
        unsafe { std::slice::from_raw_parts(raw.as_ptr().cast(), raw.len()) }
    }

    /// Views digests as their bytes, one digest behind the other, without a copy.
    #[must_use]
    pub fn bytes_of(digests: &[Self]) -> &[u8] {
        // SAFETY: as in `all_in`, in the other direction.
        unsafe { std::slice::from_raw_parts(digests.as_ptr().cast(), size_of_val(digests)) }
    }

    /// Appends the text to `out`.
    pub fn push_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Text::of(self))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Text::of(self).serialize(serializer)
    }
}

impl<'a> Deserialize<'a> for Digest {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = parse::parse_strict(text.as_bytes());
        read.map(|(digest, _)| digest).map_err(|_| D::Error::custom("not a digest"))
    }
}

/// A digest's text, held without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text([u8; TEXT_LEN]);

impl Text {
    /// Writes the text of this digest.
    #[must_use]
    pub fn of(digest: &Digest) -> Self {
        Self(digest.text())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
