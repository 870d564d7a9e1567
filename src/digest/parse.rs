//! Parses one row of bytes into a digest, or into a kind of rejection with its byte offset.
//!
//! A row of `sha256:` and 64 hex digits takes one comparison and one decode ([`parse_fast`]). All other rows
//! go to `parse_slow`, which asks `recognise` for the spelling or the kind of rejection.

use std::fmt;
use std::str::FromStr;

use super::hex::{self, Decoded};
use super::recognise::recognise;
use super::{Digest, PREFIX, TEXT_LEN};

/// How an accepted row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Spelling {
    /// `sha256:` and 64 lower-case hex digits.
    Canonical,
    /// The same with upper-case letters in either part.
    UpperCase,
    /// The canonical spelling, with white space around it.
    WhiteSpace,
    /// 64 hex digits alone.
    BareHex,
    /// `sha256__<hex>`, as Artifactory stores blobs.
    Underscore,
    /// `<reference>@sha256:<hex>`.
    Reference,
    /// `blobs/sha256/<hex>`, as in an OCI image layout.
    BlobPath,
    /// `blobs/sha256/ab/<hex>/data` or `_layers/sha256/<hex>/link`, as a registry stores layers.
    RegistryPath,
    /// `blobs/sha256:<hex>`, as in the URLs of a registry.
    BlobUrl,
    /// `docker://sha256:<hex>`, as Kubernetes names images.
    ImageId,
    /// A line of `sha256sum`: the hex digits and the name of a file.
    Checksum,
    /// A line of `sha256sum --tag`, of BSD's `sha256` or of `openssl dgst`.
    TaggedChecksum,
}

impl Spelling {
    /// All spellings, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Canonical,
        Self::UpperCase,
        Self::WhiteSpace,
        Self::BareHex,
        Self::Underscore,
        Self::Reference,
        Self::BlobPath,
        Self::RegistryPath,
        Self::BlobUrl,
        Self::ImageId,
        Self::Checksum,
        Self::TaggedChecksum,
    ];

    /// Returns the spelling's word in counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::UpperCase => "upper_case",
            Self::WhiteSpace => "white_space",
            Self::BareHex => "bare_hex",
            Self::Underscore => "underscore",
            Self::Reference => "reference",
            Self::BlobPath => "blob_path",
            Self::RegistryPath => "registry_path",
            Self::BlobUrl => "blob_url",
            Self::ImageId => "image_id",
            Self::Checksum => "sha256sum",
            Self::TaggedChecksum => "sha256sum_tag",
        }
    }
}

/// Why a row was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RejectKind {
    /// Nothing but white space.
    Empty,
    /// Hex digits, but not 64.
    WrongLength,
    /// A byte that is not a hex digit, where a hex digit must stand.
    NotHexadecimal,
    /// Well formed by the OCI grammar, but not sha256.
    UnsupportedAlgorithm,
    /// `sha256-<hex>`: a tag that names a manifest, not a layer.
    TagLike,
    /// An accepted spelling other than the canonical one, with `strict`.
    NotCanonical,
    /// Null, NaN or another object that is not text.
    NotText,
    /// A path or a URL of a manifest, not of a layer.
    ManifestPath,
}

impl RejectKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::WrongLength,
        Self::NotHexadecimal,
        Self::UnsupportedAlgorithm,
        Self::TagLike,
        Self::NotCanonical,
        Self::NotText,
        Self::ManifestPath,
    ];

    /// Returns the kind's word in counts and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::WrongLength => "wrong_length",
            Self::NotHexadecimal => "not_hexadecimal",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::TagLike => "tag_like",
            Self::NotCanonical => "not_canonical",
            Self::NotText => "not_text",
            Self::ManifestPath => "manifest_path",
        }
    }
}

/// Why a row was rejected, and where in the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: RejectKind,
    /// Byte offset in the row, as it was given, of the fault.
    pub offset: usize,
}

impl ParseError {
    pub(super) const fn new(kind: RejectKind, offset: usize) -> Self {
        Self { kind, offset }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}: {}", self.offset, self.kind.name())
    }
}

impl std::error::Error for ParseError {}

/// Parses a row that is `sha256:` and 64 hex digits; returns None for any other row.
#[inline]
#[must_use]
pub fn parse_fast(row: &[u8], strict: bool) -> Option<(Digest, Spelling)> {
    match plain(row)? {
        (digest, Decoded::Lower) => Some((digest, Spelling::Canonical)),
        (digest, Decoded::Mixed) if !strict => Some((digest, Spelling::UpperCase)),
        _ => None,
    }
}

/// Parses a row in any accepted spelling.
///
/// # Errors
/// The kind of rejection, and the byte offset in `row` of the fault.
#[inline]
pub fn parse(row: &[u8]) -> Result<(Digest, Spelling), ParseError> {
    if let Some(read) = parse_fast(row, false) {
        return Ok(read);
    }
    // Bare hex digits are the second most frequent row, so they get a fast path too.
    if let Ok(digits) = <&[u8; hex::TEXT_LEN]>::try_from(row) {
        let mut digest = Digest([0; 32]);
        if hex::decode(digits, &mut digest.0) != Decoded::Invalid {
            return Ok((digest, Spelling::BareHex));
        }
    }
    parse_slow(row)
}

impl FromStr for Digest {
    type Err = ParseError;

    /// Parses any accepted spelling.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text.as_bytes()).map(|(digest, _)| digest)
    }
}

/// Parses a row that must be written as `sha256:` and 64 lower-case hex digits.
///
/// # Errors
/// As for [`parse`]. Another accepted spelling is [`RejectKind::NotCanonical`], at the first byte that
/// differs from the canonical spelling.
#[inline]
pub fn parse_strict(row: &[u8]) -> Result<(Digest, Spelling), ParseError> {
    if let Some(read) = parse_fast(row, true) {
        return Ok(read);
    }
    parse_slow(row).and_then(|_| Err(ParseError::new(RejectKind::NotCanonical, first_deviation(row))))
}

/// Decodes a row that has the length and the prefix of a digest's text.
#[inline]
fn plain(row: &[u8]) -> Option<(Digest, Decoded)> {
    let row: &[u8; TEXT_LEN] = row.try_into().ok()?;
    let (prefix, digits) = row.split_first_chunk::<{ PREFIX.len() }>()?;
    if prefix != PREFIX {
        return None;
    }
    let mut digest = Digest([0; 32]);
    let decoded = hex::decode(digits.try_into().ok()?, &mut digest.0);
    Some((digest, decoded))
}

/// Returns the offset of the first byte that differs from `sha256:` and 64 lower-case hex digits.
fn first_deviation(row: &[u8]) -> usize {
    let canonical = |(at, byte): (usize, &u8)| match PREFIX.get(at) {
        Some(expected) => byte == expected,
        None => at < TEXT_LEN && hex::is_digit(*byte) && !byte.is_ascii_uppercase(),
    };
    row.iter().enumerate().position(|item| !canonical(item)).unwrap_or(row.len())
}

/// Parses white space, the other spellings, and rows to reject.
#[cold]
fn parse_slow(row: &[u8]) -> Result<(Digest, Spelling), ParseError> {
    let start = row.iter().position(|byte| !is_white(*byte));
    let Some(start) = start else {
        return Err(ParseError::new(RejectKind::Empty, 0));
    };
    let text = &row[start..];
    let text = &text[..text.iter().rposition(|byte| !is_white(*byte)).map_or(0, |last| last + 1)];

    let (digits, spelling) =
        recognise(text).map_err(|error| ParseError::new(error.kind, error.offset + start))?;
    let at = start + digits.start;
    let digest = read_hex(&text[digits]).map_err(|error| ParseError::new(error.kind, error.offset + at))?;
    let spelling = match spelling {
        Spelling::Canonical if text.iter().any(u8::is_ascii_uppercase) => Spelling::UpperCase,
        Spelling::Canonical if text.len() != row.len() => Spelling::WhiteSpace,
        other => other,
    };
    Ok((digest, spelling))
}

/// Exactly 64 hex digits of either case.
fn read_hex(text: &[u8]) -> Result<Digest, ParseError> {
    if let Some(at) = text.iter().position(|byte| !hex::is_digit(*byte)) {
        return Err(ParseError::new(RejectKind::NotHexadecimal, at));
    }
    let Ok(digits) = <&[u8; hex::TEXT_LEN]>::try_from(text) else {
        return Err(ParseError::new(RejectKind::WrongLength, text.len().min(hex::TEXT_LEN)));
    };
    let mut digest = Digest([0; 32]);
    // Cannot fail, because the check above found only hex digits.
    let _ = hex::decode(digits, &mut digest.0);
    Ok(digest)
}

/// Returns true for ASCII white space, which is trimmed from both ends of a row.
#[inline]
#[must_use]
pub const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
