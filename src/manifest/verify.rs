//! The digest of a document: the sha256 of its bytes, or for a signed schema 1 manifest of its payload.
//!
//! Docker signed manifests of schema 1 by JSON web signatures inside the document. The digest leaves the
//! signatures out: it is that of the first `formatLength` bytes and the `formatTail` of the protected header.
//! Nothing else may follow these bytes: a reader reads the whole document, so what it reads has to be what
//! the digest is of.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::error::ManifestError;
use super::sha256::sha256;
use crate::digest::Digest;
use crate::json::{self, Scanner, Text};

/// Most bytes of a protected header and of the tail in it. Real ones have some 150 and 3 bytes.
const MAX_HEADER: usize = 4_096;

/// Returns true if `digest` is the digest of the document.
///
/// The bytes as they are count first, for documents of any kind, also for those that cannot be read as a
/// manifest. If they do not match, a schema 1 manifest counts by its payload.
///
/// ```
/// use layercheck::manifest::{sha256, verify};
///
/// assert!(verify(b"{}", &sha256(b"{}")));
/// assert!(!verify(b"{ }", &sha256(b"{}")));
/// ```
#[must_use]
pub fn verify(document: &[u8], digest: &Digest) -> bool {
    verify_hashed(document, &sha256(document), digest)
}

/// Does the same for a document whose sha256 is `hashed`.
#[must_use]
pub fn verify_hashed(document: &[u8], hashed: &Digest, digest: &Digest) -> bool {
    hashed == digest || schema1_digest(document).is_some_and(|payload| payload == *digest)
}

/// Returns the digest that a registry gives to the document: of its payload for a signed schema 1 manifest, of
/// its bytes for any other.
#[must_use]
pub fn digest_of(document: &[u8]) -> Digest {
    schema1_digest(document).unwrap_or_else(|| sha256(document))
}

/// Returns the digest of the payload of a signed schema 1 manifest; None for any other document.
fn schema1_digest(document: &[u8]) -> Option<Digest> {
    // Nearly no document has signatures, and this search is faster than reading the document.
    memchr::memmem::find(document, b"\"signatures\"")?;
    let (length, tail) = Signed::read(document).ok()??.payload()?;
    let payload = [document.get(..length)?, &tail].concat();
    is_signed_as_it_reads(document, &payload).then(|| Digest(Sha256::digest(&payload).into()))
}

/// Returns true if the payload is a manifest of schema 1, and all that the document has besides its signatures.
fn is_signed_as_it_reads(document: &[u8], payload: &[u8]) -> bool {
    let read = |text| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(text).ok();
    let (Some(mut whole), Some(signed)) = (read(document), read(payload)) else {
        return false;
    };
    whole.remove("signatures");
    signed.get("schemaVersion").is_some_and(|version| *version == 1) && whole == signed
}

/// What the signatures of a document say.
struct Signed<'a> {
    protected: Option<Text<'a>>,
    has_layers: bool,
}

impl<'a> Signed<'a> {
    fn read(document: &'a [u8]) -> Result<Option<Self>, ManifestError> {
        let mut json = Scanner::new(json::checked(document)?);
        let mut signed = Self { protected: None, has_layers: false };
        json.document::<ManifestError>(|json| {
            let key = json.key()?;
            signed.has_layers |= key.is("fsLayers");
            if !key.is("signatures") {
                return Ok(json.skip()?);
            }
            json.list::<ManifestError>(|json| {
                json.object::<ManifestError>(|json| {
                    // All signatures of a document are about one payload, so the first header counts.
                    if json.key()?.is("protected") && signed.protected.is_none() {
                        signed.protected = json.text()?;
                        return Ok(());
                    }
                    Ok(json.skip()?)
                })
                .map(drop)
            })
            .map(drop)
        })?;
        Ok((signed.has_layers && signed.protected.is_some()).then_some(signed))
    }

    /// Returns how many bytes of the document are signed, and what follows them.
    fn payload(&self) -> Option<(usize, Vec<u8>)> {
        let text = self.protected?.unescape();
        if text.len() > MAX_HEADER {
            return None;
        }
        let header = URL_SAFE_NO_PAD.decode(text.as_bytes()).ok()?;
        let mut json = Scanner::new(json::checked(&header).ok()?);
        let (mut length, mut tail) = (None, None);
        json.document::<ManifestError>(|json| {
            let key = json.key()?;
            if key.is("formatLength") {
                length = json.integer()?;
            } else if key.is("formatTail") {
                tail = json.text()?.and_then(|tail| URL_SAFE_NO_PAD.decode(tail.unescape().as_bytes()).ok());
            } else {
                json.skip()?;
            }
            Ok(())
        })
        .ok()?;
        Some((usize::try_from(length?).ok()?, tail?))
    }
}
