//! Takes manifests: verified, and reduced to the parts that verdicts need.

use std::borrow::Cow;

use super::blobs::Part;
use super::graph::{Child, Fault, Graph, Reading, fact};
use super::parts::{BlobPart, ChildPart, Faults, Parts, flag};
use super::projection::{self, Refused};
use crate::digest::Digest;
use crate::known_secrets::{KnownSecrets, MIN_LENGTH};
use crate::manifest::{
    Kind, KnownType, MAX_DOCUMENT, Manifest, ManifestError, ManifestErrorKind, MediaType, Platform, sha256,
    verify_hashed,
};
use crate::memory::{self, OutOfMemory};

/// Most bytes of a text that are searched for secrets; the graph keeps fewer.
const MAX_TEXT: usize = 4_000;

/// Why a manifest of an answer was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// No listing named the image, or its manifest is not asked for, because the image is archived.
    NotListed,
    /// The bytes do not have the image's digest.
    DigestMismatch,
    /// The document cannot be read.
    Manifest(ManifestError),
}

impl ReadError {
    /// Returns the word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotListed => "NotListed",
            Self::DigestMismatch => "DigestMismatch",
            Self::Manifest(error) => match error.kind {
                ManifestErrorKind::TooLong | ManifestErrorKind::TooManyDescriptors => "TooLarge",
                ManifestErrorKind::Contradiction => "ContradictoryManifest",
                _ => "NotAManifest",
            },
        }
    }

    /// Returns the sentence for people.
    #[must_use]
    pub fn reason(self) -> Cow<'static, str> {
        match self {
            Self::NotListed => Cow::Borrowed("the listing does not name this image as active"),
            Self::DigestMismatch => Cow::Borrowed("the bytes of the manifest do not have the image's digest"),
            Self::Manifest(error) => Cow::Owned(error.to_string()),
        }
    }
}

/// A manifest that was read, apart from any graph: reading takes long, and needs no graph.
#[derive(Debug)]
pub struct ReadManifest<'a>(Result<Parts<'a>, ReadError>);

impl<'a> ReadManifest<'a> {
    /// Verifies a manifest and takes its parts. `media_type` is that of the answer.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn of(digest: &Digest, text: &'a str, media_type: Option<&str>) -> Result<Self, OutOfMemory> {
        Self::of_hashed(digest, text, &sha256(to_hash(text)), media_type)
    }

    /// Does the same for a text with this sha256 of [`to_hash`].
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn of_hashed(
        digest: &Digest,
        text: &'a str,
        hashed: &Digest,
        media_type: Option<&str>,
    ) -> Result<Self, OutOfMemory> {
        let document = text.as_bytes();
        let read = if document.len() <= MAX_DOCUMENT && !verify_hashed(document, hashed, digest) {
            Err(ReadError::DigestMismatch)
        } else {
            Manifest::read(document, media_type).map_err(ReadError::Manifest)
        };
        match read {
            Err(ReadError::Manifest(error)) if error.kind == ManifestErrorKind::NoMemory => {
                Err(OutOfMemory { bytes: document.len() })
            }
            Err(error) => Ok(Self(Err(error))),
            Ok(mut manifest) => {
                if manifest.media_type.is_absent()
                    && let Some(known) = media_type.and_then(KnownType::of)
                {
                    manifest.media_type = MediaType::Known(known);
                }
                Parts::of(manifest).map(|parts| Self(Ok(parts)))
            }
        }
    }
}

/// Returns what to hash of the text of a manifest: nothing of one beyond the limit, because that takes as long as
/// its sender likes.
#[must_use]
pub fn to_hash(text: &str) -> &[u8] {
    if text.len() <= MAX_DOCUMENT { text.as_bytes() } else { &[] }
}

impl ReadManifest<'_> {
    /// Hides the secrets of a client in all texts of the manifest that are kept.
    pub fn hide(&mut self, known: &KnownSecrets) {
        if let Ok(parts) = &mut self.0 {
            parts.each_text(|text| {
                if text.len() >= MIN_LENGTH
                    && let Cow::Owned(hidden) = known.hide(text, MAX_TEXT)
                {
                    *text = Cow::Owned(hidden);
                }
            });
        }
    }
}

impl Graph {
    /// Returns true if the manifest of this image may be read: it is listed, and not archived.
    #[must_use]
    pub fn expects(&self, digest: &Digest) -> bool {
        self.find_listed(digest).is_some_and(|at| self.document(at).is_active())
    }

    /// Returns the media types that a listing gives to these images, each once; those of images without one are
    /// left out.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn media_types(&self, digests: &[Digest]) -> Result<Vec<&str>, OutOfMemory> {
        let mut types = Vec::new();
        for at in digests.iter().filter_map(|digest| self.find_listed(digest)) {
            let media_type = self.word_of(self.document(at).media_type);
            if !media_type.is_empty() && !types.contains(&media_type) {
                memory::push(&mut types, media_type)?;
            }
        }
        Ok(types)
    }

    /// Takes the manifest of an image. One that cannot be used makes the image unreadable, unless the image was
    /// read before.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the graph is as before then.
    pub fn take(
        &mut self,
        digest: &Digest,
        read: &ReadManifest<'_>,
    ) -> Result<Result<(), ReadError>, OutOfMemory> {
        let Some(at) = self.find_listed(digest).filter(|at| self.document(*at).is_active()) else {
            return Ok(Err(ReadError::NotListed));
        };
        match &read.0 {
            Ok(parts) => self.insert(at, parts)?,
            Err(error) => {
                self.set_failed(at, error.code(), &error.reason(), Reading::Unreadable);
                return Ok(Err(*error));
            }
        }
        Ok(Ok(()))
    }

    /// Says that the manifest of an image could not be had: for good, or just now. Nothing changes if it was
    /// read before, or is not listed.
    pub fn fail(&mut self, digest: &Digest, code: &str, reason: &str, is_unreadable: bool) {
        if let Some(at) = self.find_listed(digest) {
            let reading = if is_unreadable { Reading::Unreadable } else { Reading::Undecided };
            self.set_failed(at, code, reason, reading);
        }
    }

    fn set_failed(&mut self, at: u32, code: &str, reason: &str, reading: Reading) {
        // The sha256 of the first manifest was right, so what comes later cannot be.
        if self.document(at).reading != Reading::Read {
            let note = self.note(code, reason);
            let document = &mut self.documents[at as usize];
            (document.note, document.reading) = (note, reading);
        }
    }

    /// Returns the parts of a manifest as bytes for a store; None if the image was not read.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn projection(&self, digest: &Digest) -> Result<Option<Vec<u8>>, OutOfMemory> {
        let Some(at) = self.index.find(digest).filter(|at| self.document(*at).reading == Reading::Read)
        else {
            return Ok(None);
        };
        let document = self.document(at);
        let mut blobs = memory::with_room(self.refs_of(document).len())?;
        for reference in self.refs_of(document) {
            let part = self.blobs.part(*reference);
            blobs.push(BlobPart {
                digest: *self.blobs.digest(part.blob),
                size: part.size,
                media_type: MediaType::of(Cow::Borrowed(self.word_of(part.media_type))),
                flags: part.flags,
            });
        }
        let mut children = memory::with_room(self.children_of(document).len())?;
        for child in self.children_of(document) {
            let platform = self.platforms.get(child.platform);
            children.push(ChildPart {
                digest: *self.digest(child.document),
                platform: platform.map_or_else(Default::default, |words| {
                    [0, 1, 2, 3].map(|at| Cow::Borrowed(words[at].as_str()))
                }),
                flags: child.flags,
            });
        }
        let faults = self.faults.get(&at).map_or_else(Faults::default, |fault| Faults {
            malformed: fault.malformed,
            unsupported: fault.unsupported,
            offset: fault.offset,
            text: Cow::Borrowed(&fault.text),
        });
        let subject = self.documents.get(document.subject as usize).map(|_| *self.digest(document.subject));
        let parts = Parts {
            kind: document.kind,
            media_type: MediaType::of(Cow::Borrowed(self.word_of(document.media_type))),
            artifact_type: Cow::Borrowed(self.word_of(document.artifact_type)),
            subject,
            blobs,
            children,
            faults,
        };
        projection::encode(&parts, digest).map(Some)
    }

    /// Takes the parts of a manifest from bytes that [`Graph::projection`] made of the same image.
    ///
    /// Returns false, and changes nothing, if the bytes are not that, or if the image is not listed as active.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn restore(&mut self, digest: &Digest, bytes: &[u8]) -> Result<bool, OutOfMemory> {
        let Some(at) = self.find_listed(digest).filter(|at| self.document(*at).is_active()) else {
            return Ok(false);
        };
        match projection::decode(bytes, digest) {
            Ok(parts) => self.insert(at, &parts).map(|()| true),
            Err(Refused::Corrupt(_)) => Ok(false),
            Err(Refused::Memory(refused)) => Err(refused),
        }
    }

    fn insert(&mut self, at: u32, parts: &Parts<'_>) -> Result<(), OutOfMemory> {
        if self.document(at).reading == Reading::Read {
            return Ok(());
        }
        let refs_start = self.refs.len();
        let children_start = self.children.len();
        let refused = OutOfMemory { bytes: refs_start + children_start };
        if refs_start + parts.blobs.len() > u32::MAX as usize
            || children_start + parts.children.len() > u32::MAX as usize
        {
            return Err(refused);
        }
        self.faults.try_reserve(1).map_err(|_| refused)?;
        let mut digests = memory::with_room(parts.blobs.len())?;
        let mut numbered = memory::with_room(parts.blobs.len())?;
        for blob in &parts.blobs {
            digests.push(blob.digest);
            let media_type = self.type_number(&blob.media_type);
            numbered.push(Part { blob: 0, media_type, flags: blob.flags, size: blob.size });
        }
        memory::reserve(&mut self.children, parts.children.len())?;
        let subject = match &parts.subject {
            Some(subject) => Some(self.number(subject)?),
            None => None,
        };
        for child in &parts.children {
            match self.child(child) {
                Ok(child) => self.children.push(child),
                Err(refused) => {
                    self.children.truncate(children_start);
                    return Err(refused);
                }
            }
        }
        if let Err(refused) = self.blobs.add(&digests, &numbered, &mut self.refs) {
            self.children.truncate(children_start);
            return Err(refused);
        }
        let own_type = self.type_number(&parts.media_type);
        let artifact_type = self.word(&parts.artifact_type);
        if parts.faults.malformed + parts.faults.unsupported > 0 {
            let faults = &parts.faults;
            let fault = Fault {
                malformed: faults.malformed,
                unsupported: faults.unsupported,
                offset: faults.offset,
                text: faults.text.clone().into_owned(),
            };
            self.faults.insert(at, fault);
        }
        let document = &mut self.documents[at as usize];
        document.refs = (refs_start as u32, parts.blobs.len() as u32);
        document.children = (children_start as u32, parts.children.len() as u32);
        document.kind = parts.kind;
        document.reading = Reading::Read;
        document.note = 0;
        if own_type != 0 {
            document.media_type = own_type;
        }
        if artifact_type != 0 {
            document.artifact_type = artifact_type;
        }
        document.subject = subject.unwrap_or(document.subject);
        let blob_children = parts.blobs.iter().any(|blob| blob.flags & flag::CHILD != 0);
        document.facts |= if blob_children { fact::BLOB_CHILDREN } else { 0 };
        self.manifests += 1;
        Ok(())
    }

    fn child(&mut self, child: &ChildPart<'_>) -> Result<Child, OutOfMemory> {
        let [os, architecture, variant, os_version] = child.platform.clone();
        let is_wanted = self.filter.admits(&Platform { os, architecture, variant, os_version });
        Ok(Child {
            document: self.number(&child.digest)?,
            platform: self.platform_number(&child.platform),
            flags: child.flags,
            is_wanted,
        })
    }
}

/// Kinds of documents that a pull of an index does not need.
pub(super) const fn is_extra(kind: Kind) -> bool {
    matches!(kind, Kind::Attestation | Kind::Artifact)
}
