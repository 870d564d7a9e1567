//! One descriptor: how a document names a part. Each is read for itself, so a bad one harms no other.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ManifestError;
use super::media_type::{KnownType, MediaType};
use crate::digest::hex::{self, Decoded};
use crate::digest::{Digest, PREFIX, TEXT_LEN};
use crate::json::{Scanner, Text};

/// How a document names a part: a config, a layer, another blob or a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor<'a> {
    /// The part's sha256, or why it cannot be used.
    pub digest: Result<Digest, Unusable<'a>>,
    /// The part's size in bytes; None if the document gives none, or a negative or unreadable one.
    pub size: Option<u64>,
    /// The part's media type.
    pub media_type: MediaType<'a>,
    /// Byte offset of the descriptor in its document.
    pub offset: u32,
    /// Whether the part has `urls` to download it from.
    pub has_urls: bool,
    /// Whether the document holds the part's content, in `data`.
    pub is_embedded: bool,
    /// Whether an index says that the child is an artifact: its `artifactType` is there, and is not the type of an
    /// image's config, which the specification gives to images.
    pub is_artifact: bool,
    /// What only children of an index have; None for other parts, and for children without any of it.
    pub child: Option<Box<Child<'a>>>,
}

/// What an index says of a child besides the descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Child<'a> {
    /// The platform that the child is for.
    pub platform: Option<Platform<'a>>,
    /// `vnd.docker.reference.type`: `attestation-manifest` for an attestation of BuildKit.
    pub reference_type: Option<Cow<'a, str>>,
    /// `vnd.docker.reference.digest`: what the attestation is about.
    pub reference_digest: Option<Cow<'a, str>>,
    /// `org.opencontainers.image.ref.name`: a tag or a reference, in the `index.json` of a layout.
    pub ref_name: Option<Cow<'a, str>>,
    /// `io.containerd.image.name`: a full reference, in the `index.json` of a layout.
    pub image_name: Option<Cow<'a, str>>,
}

/// The platform of an image. Words that the document does not give are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform<'a> {
    /// `os`.
    pub os: Cow<'a, str>,
    /// `architecture`.
    pub architecture: Cow<'a, str>,
    /// `variant`.
    pub variant: Cow<'a, str>,
    /// `os.version`.
    pub os_version: Cow<'a, str>,
}

impl Platform<'_> {
    /// Returns true for `unknown/unknown`, which BuildKit gives to attestations.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    /// Returns the platform with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Platform<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Platform {
            os: own(self.os),
            architecture: own(self.architecture),
            variant: own(self.variant),
            os_version: own(self.os_version),
        }
    }
}

impl fmt::Display for Platform<'_> {
    /// Writes `linux/arm64/v8`. A word in the middle that is not given is shown as `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_unknown = |word: &str| if word.is_empty() { "unknown".to_owned() } else { word.to_owned() };
        write!(f, "{}/{}", or_unknown(&self.os), or_unknown(&self.architecture))?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

/// Why a descriptor's digest cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum DigestFault {
    /// The descriptor has no digest, or is not an object.
    Missing,
    /// Not a digest by the OCI grammar, or not the right number of digits.
    Malformed,
    /// A sha256 with upper-case letters, which OCI forbids.
    UpperCase,
    /// A digest of another algorithm, such as sha512 or blake3.
    UnsupportedAlgorithm,
}

impl DigestFault {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Malformed, Self::UpperCase, Self::UnsupportedAlgorithm];

    /// Returns the fault's word in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing_digest",
            Self::Malformed => "malformed_digest",
            Self::UpperCase => "upper_case_digest",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
        }
    }

    /// Finds out what is wrong with a text that is not a usable digest.
    fn of(text: &str) -> Self {
        let Some((algorithm, encoded)) = text.split_once(':') else {
            return Self::Malformed;
        };
        let has_digits = |count| {
            encoded.len() == count
                && encoded.bytes().all(|byte| hex::is_digit(byte) && !byte.is_ascii_uppercase())
        };
        let is_well_formed = match algorithm {
            "sha512" => has_digits(128),
            "sha384" => has_digits(96),
            "blake3" => has_digits(64),
            _ if algorithm.eq_ignore_ascii_case("sha256") => {
                let is_hex = encoded.len() == hex::TEXT_LEN && encoded.bytes().all(hex_digit);
                return if is_hex { Self::UpperCase } else { Self::Malformed };
            }
            // An algorithm that is not registered: `image-spec`, `descriptor.md`, has the grammar.
            _ => {
                let is_word = |word: &str| {
                    !word.is_empty()
                        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                };
                let is_encoded =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-');
                algorithm.split(['+', '.', '_', '-']).all(is_word)
                    && !encoded.is_empty()
                    && encoded.bytes().all(is_encoded)
            }
        };
        if is_well_formed { Self::UnsupportedAlgorithm } else { Self::Malformed }
    }
}

fn hex_digit(byte: u8) -> bool {
    hex::is_digit(byte)
}

/// A digest that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable<'a> {
    /// Why.
    pub fault: DigestFault,
    /// The text in its place; empty if there is none.
    pub text: Cow<'a, str>,
}

impl Unusable<'_> {
    const MISSING: Self = Self { fault: DigestFault::Missing, text: Cow::Borrowed("") };
}

impl<'a> Descriptor<'a> {
    /// A descriptor of nothing, as a constant to be copied.
    pub(super) const EMPTY: Self = Self {
        digest: Err(Unusable::MISSING),
        size: None,
        media_type: MediaType::ABSENT,
        offset: 0,
        has_urls: false,
        is_embedded: false,
        is_artifact: false,
        child: None,
    };

    /// Returns the digest, if it can be used.
    #[must_use]
    pub fn key(&self) -> Option<Digest> {
        self.digest.as_ref().ok().copied()
    }

    /// Returns true if a child of an index is a document and not a blob. A child without a media type is a
    /// document; one with the type of a layer or an unknown type is a blob, as in BuildKit's caches.
    #[must_use]
    pub fn is_document(&self) -> bool {
        self.media_type.is_absent() || self.media_type.family().is_some()
    }

    /// Returns true for a child that is an attestation of BuildKit.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        let kind = self.child.as_ref().and_then(|child| child.reference_type.as_deref());
        kind == Some("attestation-manifest")
    }

    /// Returns the platform that an index gives to a child.
    #[must_use]
    pub fn platform(&self) -> Option<&Platform<'a>> {
        self.child.as_ref()?.platform.as_ref()
    }
}

/// Which members a descriptor may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `config`, `layers`, `blobs`, `subject`.
    Part,
    /// `manifests`.
    Child,
    /// `fsLayers`, whose digest is called `blobSum`.
    Schema1Layer,
}

/// Reads one descriptor into `into`. Another value than an object leaves it without a digest. Many layers
/// have the media type of the one `before`.
#[inline]
pub(super) fn read<'a>(
    json: &mut Scanner<'a>,
    place: Place,
    before: Option<KnownType>,
    into: &mut Descriptor<'a>,
) -> Result<(), ManifestError> {
    json.object(|json| {
        // Keys as programs write them take one comparison. What is read is written to its place at once: a value
        // that comes back in a large result costs more than its reading.
        if json.takes(b"\"mediaType\":") {
            set_media_type(json, before, into)
        } else if json.takes(b"\"digest\":") {
            set_digest(json, place != Place::Schema1Layer, into)
        } else if json.takes(b"\"size\":") {
            set_size(json, into)
        } else {
            any_member(json, place, before, into)
        }
    })
    .map(drop)
}

/// Reads a member of a descriptor, however its key is written.
fn any_member<'a>(
    json: &mut Scanner<'a>,
    place: Place,
    before: Option<KnownType>,
    into: &mut Descriptor<'a>,
) -> Result<(), ManifestError> {
    let key = json.key()?;
    if key.is("mediaType") {
        set_media_type(json, before, into)
    } else if key.is("digest") {
        set_digest(json, place != Place::Schema1Layer, into)
    } else if key.is("blobSum") {
        set_digest(json, place == Place::Schema1Layer, into)
    } else if key.is("size") {
        set_size(json, into)
    } else if key.is("urls") {
        into.has_urls = is_filled_list(json)?;
        Ok(())
    } else if key.is("data") {
        into.is_embedded = json.text()?.is_some_and(|text| !text.is(""));
        Ok(())
    } else if place == Place::Child && key.is("artifactType") {
        let kind = media_type(json)?;
        into.is_artifact = !kind.is_absent() && !kind.is_image_config();
        Ok(())
    } else if place == Place::Child && key.is("platform") {
        let platform = platform(json)?;
        into.child.get_or_insert_default().platform = platform;
        Ok(())
    } else if place == Place::Child && key.is("annotations") {
        annotations(json, &mut into.child)
    } else {
        Ok(json.skip()?)
    }
}

#[inline]
fn set_media_type<'a>(
    json: &mut Scanner<'a>,
    before: Option<KnownType>,
    into: &mut Descriptor<'a>,
) -> Result<(), ManifestError> {
    if let Some(before) = before
        && json.repeats(before.text())
    {
        into.media_type = MediaType::Known(before);
    } else {
        into.media_type = media_type(json)?;
    }
    Ok(())
}

#[inline]
fn set_digest<'a>(
    json: &mut Scanner<'a>,
    counts: bool,
    into: &mut Descriptor<'a>,
) -> Result<(), ManifestError> {
    if !counts {
        json.skip()?;
    } else if let Some(digest) = json.fixed(canonical) {
        into.digest = Ok(digest);
    } else {
        into.digest = digest(json)?;
    }
    Ok(())
}

/// Sets a size: an integer that is not negative.
#[inline]
fn set_size(json: &mut Scanner<'_>, into: &mut Descriptor<'_>) -> Result<(), ManifestError> {
    into.size = match json.short_integer() {
        Some(size) => Some(size),
        None => json.integer()?.and_then(|size| u64::try_from(size).ok()),
    };
    Ok(())
}

/// Reads a digest, which OCI allows in lower case only.
#[inline]
pub(super) fn digest<'a>(json: &mut Scanner<'a>) -> Result<Result<Digest, Unusable<'a>>, ManifestError> {
    if let Some(digest) = json.fixed(canonical) {
        return Ok(Ok(digest));
    }
    let Some(text) = json.text()? else {
        return Ok(Err(Unusable::MISSING));
    };
    let text = text.unescape();
    let fixed = text.as_bytes().try_into().ok().and_then(canonical);
    Ok(fixed.ok_or_else(|| Unusable { fault: DigestFault::of(&text), text }))
}

#[inline]
fn canonical(text: &[u8; TEXT_LEN]) -> Option<Digest> {
    let (prefix, digits) = text.split_first_chunk::<{ PREFIX.len() }>()?;
    let mut digest = Digest([0; 32]);
    let decoded = hex::decode(digits.try_into().ok()?, &mut digest.0);
    (prefix == PREFIX && decoded == Decoded::Lower).then_some(digest)
}

/// Reads a media type; another value than a text is none.
pub(super) fn media_type<'a>(json: &mut Scanner<'a>) -> Result<MediaType<'a>, ManifestError> {
    Ok(json.text()?.map_or_else(MediaType::default, |text| MediaType::of(text.unescape())))
}

/// Reads a list; returns true if it has an element.
fn is_filled_list(json: &mut Scanner<'_>) -> Result<bool, ManifestError> {
    let mut is_filled = false;
    json.list::<ManifestError>(|json| {
        is_filled = true;
        Ok(json.skip()?)
    })?;
    Ok(is_filled)
}

/// Reads a platform, also that of an image's config. Another value than an object is None.
pub(super) fn platform<'a>(json: &mut Scanner<'a>) -> Result<Option<Platform<'a>>, ManifestError> {
    let mut platform = Platform::default();
    let is_object = json.object::<ManifestError>(|json| {
        let key = json.key()?;
        platform_member(json, key, &mut platform)
    })?;
    Ok(is_object.then_some(platform))
}

/// Reads the value of a member of a platform, or skips that of another member.
pub(super) fn platform_member<'a>(
    json: &mut Scanner<'a>,
    key: Text<'a>,
    platform: &mut Platform<'a>,
) -> Result<(), ManifestError> {
    let word = if key.is("os") {
        &mut platform.os
    } else if key.is("architecture") {
        &mut platform.architecture
    } else if key.is("variant") {
        &mut platform.variant
    } else if key.is("os.version") {
        &mut platform.os_version
    } else {
        return Ok(json.skip()?);
    };
    *word = json.text()?.map(Text::unescape).unwrap_or_default();
    Ok(())
}

/// Chooses a field of a child.
type Field<'a> = for<'b> fn(&'b mut Child<'a>) -> &'b mut Option<Cow<'a, str>>;

fn annotations<'a>(json: &mut Scanner<'a>, child: &mut Option<Box<Child<'a>>>) -> Result<(), ManifestError> {
    json.object(|json| {
        let key = json.key()?;
        let mut set = |json: &mut Scanner<'a>, field: Field<'a>| {
            let text = json.text()?.map(Text::unescape);
            *field(child.get_or_insert_default()) = text;
            Ok(())
        };
        if key.is("vnd.docker.reference.type") {
            set(json, |child| &mut child.reference_type)
        } else if key.is("vnd.docker.reference.digest") {
            set(json, |child| &mut child.reference_digest)
        } else if key.is("org.opencontainers.image.ref.name") {
            set(json, |child| &mut child.ref_name)
        } else if key.is("io.containerd.image.name") {
            set(json, |child| &mut child.image_name)
        } else {
            Ok(json.skip()?)
        }
    })
    .map(drop)
}
