//! What one document says of its parts: each part once, and without the texts that no verdict needs.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::digest::Digest;
use crate::manifest::{Descriptor, DigestFault, Kind, Manifest, MediaType};
use crate::memory::{self, OutOfMemory};

/// Facts about a part, as bits.
pub(super) mod flag {
    /// The blob is the config.
    pub(in crate::images) const CONFIG: u8 = 1;
    /// The blob is a layer, or a blob of an artifact.
    pub(in crate::images) const LAYER: u8 = 2;
    /// The blob is not to be distributed, so that nobody can expect it here.
    pub(in crate::images) const FOREIGN: u8 = 4;
    /// The blob has `urls` to download it from.
    pub(in crate::images) const URLS: u8 = 8;
    /// The blob is a child of an index, by its media type.
    pub(in crate::images) const CHILD: u8 = 16;
    /// The document names the blob twice, with different sizes.
    pub(in crate::images) const SIZES: u8 = 32;
    /// The child is an attestation, by its descriptor.
    pub(in crate::images) const ATTESTATION: u8 = 64;
    /// The index names the child before.
    pub(in crate::images) const REPEATED: u8 = 128;
    /// The child is an artifact, by its descriptor. Only children have it, and only blobs [`CONFIG`].
    pub(in crate::images) const ARTIFACT: u8 = 1;
    /// All that a child can have.
    pub(in crate::images) const OF_CHILDREN: u8 = ATTESTATION | REPEATED | ARTIFACT;
    /// All that a blob can have.
    pub(in crate::images) const OF_BLOBS: u8 = CONFIG | LAYER | FOREIGN | URLS | CHILD | SIZES;
}

/// Most letters of a text in place of a digest that are kept.
const MAX_FAULT: usize = 100;

/// Digests of which a search from the start is faster than a table.
const FEW: usize = 48;

/// The size of a part whose document gives none.
pub(super) const NO_SIZE: i64 = -1;

/// A blob that a document needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlobPart<'a> {
    pub(super) digest: Digest,
    /// Bytes, or [`NO_SIZE`].
    pub(super) size: i64,
    pub(super) media_type: MediaType<'a>,
    pub(super) flags: u8,
}

/// A document that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChildPart<'a> {
    pub(super) digest: Digest,
    /// `os`, `architecture`, `variant`, `os.version`; empty where the index gives none.
    pub(super) platform: [Cow<'a, str>; 4],
    pub(super) flags: u8,
}

/// Parts of a document that cannot be asked about, because their digest is not a sha256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults<'a> {
    /// Digests that are not digests.
    pub(super) malformed: u32,
    /// Digests of other algorithms.
    pub(super) unsupported: u32,
    /// Of the first malformed digest, or else of the first of another algorithm: its place in the document.
    pub(super) offset: u32,
    /// And its text.
    pub(super) text: Cow<'a, str>,
}

/// What one document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    pub(super) media_type: MediaType<'a>,
    pub(super) artifact_type: Cow<'a, str>,
    pub(super) subject: Option<Digest>,
    pub(super) blobs: Vec<BlobPart<'a>>,
    pub(super) children: Vec<ChildPart<'a>>,
    pub(super) faults: Faults<'a>,
}

impl<'a> Parts<'a> {
    /// Takes the parts out of a document.
    pub(super) fn of(manifest: Manifest<'a>) -> Result<Self, OutOfMemory> {
        let mut faults = Faults::default();
        let mut blobs = Vec::new();
        let mut children = Vec::new();
        memory::reserve_exact(&mut blobs, manifest.layers.len() + 1)?;
        let (mut seen_blobs, mut seen_children) = (Seen::default(), Seen::default());
        let config = manifest.config.iter().map(|part| (flag::CONFIG, part));
        let layers = manifest.layers.iter().map(|part| (flag::LAYER, part));
        let listed = manifest.children.iter().filter(|child| !child.is_document());
        let listed = listed.map(|part| (flag::LAYER | flag::CHILD, part));
        for (mut flags, part) in config.chain(layers).chain(listed) {
            flags |= if part.media_type.is_foreign() { flag::FOREIGN } else { 0 };
            flags |= if part.has_urls { flag::URLS } else { 0 };
            let Some(digest) = part.key() else {
                if flags & flag::FOREIGN == 0 {
                    faults.note(part);
                }
                continue;
            };
            let size = part.size.and_then(|size| i64::try_from(size).ok()).filter(|size| *size < i64::MAX);
            let size = size.unwrap_or(NO_SIZE);
            let found = seen_blobs.find(&digest, &blobs, |blob: &BlobPart<'_>| &blob.digest)?;
            if let Some(at) = found {
                blobs[at].join(size, flags);
            } else {
                let blob = BlobPart { digest, size, media_type: part.media_type.clone(), flags };
                memory::push(&mut blobs, blob)?;
            }
        }
        for child in manifest.children.iter().filter(|child| child.is_document()) {
            let platform = child.platform();
            let is_attestation =
                child.is_attestation() || platform.is_some_and(crate::manifest::Platform::is_unknown);
            let Some(digest) = child.key() else {
                if !is_attestation && !child.is_artifact {
                    faults.note(child);
                }
                continue;
            };
            let mut flags = if is_attestation { flag::ATTESTATION } else { 0 };
            flags |= if child.is_artifact { flag::ARTIFACT } else { 0 };
            let platform = platform.map_or_else(Default::default, |platform| {
                [&platform.os, &platform.architecture, &platform.variant, &platform.os_version]
                    .map(Cow::clone)
            });
            if let Some(at) = seen_children.find(&digest, &children, |child: &ChildPart<'_>| &child.digest)? {
                let first: &ChildPart<'_> = &children[at];
                if first.platform == platform && first.flags == flags {
                    continue;
                }
                flags |= flag::REPEATED;
            }
            memory::push(&mut children, ChildPart { digest, platform, flags })?;
        }
        Ok(Self {
            kind: manifest.kind,
            media_type: manifest.media_type,
            artifact_type: manifest.artifact_type.unwrap_or_default(),
            subject: manifest.subject.as_ref().and_then(Descriptor::key),
            blobs,
            children,
            faults,
        })
    }
}

impl<'a> Parts<'a> {
    /// Calls `change` with each text that is not a word of a standard.
    pub(super) fn each_text(&mut self, mut change: impl FnMut(&mut Cow<'a, str>)) {
        let blobs = self.blobs.iter_mut().map(|blob| &mut blob.media_type);
        for media_type in blobs.chain([&mut self.media_type]) {
            if let MediaType::Other(text) = media_type {
                change(text);
            }
        }
        self.children.iter_mut().flat_map(|child| &mut child.platform).for_each(&mut change);
        change(&mut self.artifact_type);
        change(&mut self.faults.text);
    }
}

impl BlobPart<'_> {
    /// Joins what another descriptor of the same document says of the same blob.
    fn join(&mut self, size: i64, flags: u8) {
        let is_foreign = self.flags & flags & flag::FOREIGN;
        self.flags = ((self.flags | flags) & !flag::FOREIGN) | is_foreign;
        if self.size == NO_SIZE {
            self.size = size;
        } else if size != NO_SIZE && size != self.size {
            self.flags |= flag::SIZES;
        }
    }
}

impl<'a> Faults<'a> {
    fn note(&mut self, part: &Descriptor<'a>) {
        let Err(unusable) = &part.digest else { return };
        let is_first = if unusable.fault == DigestFault::UnsupportedAlgorithm {
            self.unsupported += 1;
            self.unsupported == 1 && self.malformed == 0
        } else {
            self.malformed += 1;
            self.malformed == 1
        };
        if is_first {
            self.offset = part.offset;
            self.text = match &unusable.text {
                Cow::Borrowed(text) => Cow::Borrowed(&text[..text.floor_char_boundary(MAX_FAULT)]),
                Cow::Owned(text) => Cow::Owned(text[..text.floor_char_boundary(MAX_FAULT)].to_owned()),
            };
        }
    }
}

/// Which digests were seen, and where.
#[derive(Default)]
struct Seen(HashMap<Digest, usize>);

impl Seen {
    /// Returns the place of the digest among `items`; None if it is new and comes next.
    fn find<T>(
        &mut self,
        digest: &Digest,
        items: &[T],
        key: impl Fn(&T) -> &Digest,
    ) -> Result<Option<usize>, OutOfMemory> {
        if items.len() < FEW {
            return Ok(items.iter().position(|item| key(item) == digest));
        }
        if self.0.is_empty() {
            self.reserve(items.len())?;
            for (at, item) in items.iter().enumerate() {
                self.0.entry(*key(item)).or_insert(at);
            }
        }
        self.reserve(1)?;
        match self.0.entry(*digest) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(Some(*entry.get())),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(items.len());
                Ok(None)
            }
        }
    }

    fn reserve(&mut self, more: usize) -> Result<(), OutOfMemory> {
        let refused = OutOfMemory { bytes: (self.0.len() + more) * size_of::<(Digest, usize)>() };
        self.0.try_reserve(more).map_err(|_| refused)
    }
}
