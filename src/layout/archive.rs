//! One pass over a tar archive: each file is hashed and sized, and what may be a document is kept.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::error::LayoutError;
use super::model::{Problem, ProblemKind};
use super::names::{MAX_LINKS, beside, clean, of_blob, told_hash};
use super::store::{Content, Found, Options, Store};
use super::tar::{Entry, EntryKind, Tar, is_header};
use super::walk::{NOT_ITS_NAME, place_of};
use super::{MAX_KEPT, Problems};
use crate::digest::Digest;
use crate::input::content::Compression;
use crate::manifest::{MAX_DOCUMENT, verify};

/// Most entries of an archive. A layout may have 1,000,000 documents, and each has a config and layers.
const MAX_ENTRIES: usize = 4_000_000;

/// Bytes from the start of a file that tell what it is.
const HEAD: usize = 512;

/// A file of the archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// The sha256 of its content, or what its name says if nothing was hashed.
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) content: Content,
}

/// What a name stands for.
#[derive(Debug)]
enum Node {
    File(File),
    /// Another name, cleaned; None if it leaves the archive.
    Link(Option<Vec<u8>>),
}

/// What stays of an archive after the pass.
#[derive(Default)]
pub(super) struct Archive {
    /// Files by the sha256 of their content.
    blobs: HashMap<Digest, (u64, Content)>,
    /// Files by name. Blobs with their hash as name are in `blobs` alone.
    names: HashMap<Vec<u8>, Node>,
    /// What may be a document, by the sha256 of its content.
    documents: HashMap<Digest, Arc<[u8]>>,
    /// Blobs whose content is not the one of their name.
    damaged: HashSet<Digest>,
    pub(super) problems: Problems,
    pub(super) notes: Vec<String>,
    entries: usize,
    kept: usize,
    /// Some names, for the message about an archive that is not one of images.
    pub(super) has_folder_of_system: bool,
}

impl Archive {
    /// Reads an archive to its end.
    pub(super) fn read(file: impl Read, options: &mut Options<'_>) -> Result<Self, LayoutError> {
        let mut tar = Tar::new(file);
        let mut archive = Self::default();
        while let Some(entry) = tar.next()? {
            archive.entries += 1;
            // An archive may have millions of entries without content.
            (options.check)().map_err(|error| LayoutError::Io(String::new(), error))?;
            if archive.entries > MAX_ENTRIES {
                return Err(LayoutError::whole(format!("the archive has more than {MAX_ENTRIES} entries")));
            }
            archive.take(&mut tar, &entry, options)?;
        }
        if !tar.has_end && archive.entries > 0 {
            archive.notes.push("the archive has no end mark, so it may be cut short".to_owned());
        }
        Ok(archive)
    }

    fn take(
        &mut self,
        tar: &mut Tar<impl Read>,
        entry: &Entry,
        options: &mut Options<'_>,
    ) -> Result<(), LayoutError> {
        let Some(name) = entry.name.clone() else {
            self.problems.add(Problem {
                kind: ProblemKind::Name,
                place: entry.shown.clone(),
                text: "the name leaves the archive, so the entry is not read".to_owned(),
            });
            return tar.content(entry, |_| Ok(()));
        };
        self.has_folder_of_system |= [&b"etc"[..], b"usr", b"bin", b"proc"].contains(&&*name);
        let node = match &entry.kind {
            EntryKind::File => Node::File(self.file(tar, entry, &name, options)?),
            EntryKind::HardLink(target) => Node::Link(clean(target)),
            EntryKind::SymbolicLink(target) => Node::Link(beside(&name, target)),
            EntryKind::Folder | EntryKind::Other => return Ok(()),
        };
        if let Node::File(file) = &node
            && of_blob(&name).is_some_and(|hex| names(hex, &file.digest))
        {
            return Ok(());
        }
        self.names.try_reserve(1).map_err(|_| no_memory(self.names.len()))?;
        // The last entry of a name counts, as tar itself unpacks it.
        self.names.insert(name, node);
        Ok(())
    }

    /// Hashes a file, and keeps it if it may be a document.
    fn file(
        &mut self,
        tar: &mut Tar<impl Read>,
        entry: &Entry,
        name: &[u8],
        options: &mut Options<'_>,
    ) -> Result<File, LayoutError> {
        let told = of_blob(name).and_then(digest_of_hex);
        // Only the names of a layout are trusted, and only on request.
        let trusted = told.filter(|_| options.verify == Some(false));
        let may_be_document = entry.size <= MAX_DOCUMENT as u64;
        let mut hash = Sha256::new();
        let mut head = Vec::with_capacity(HEAD);
        let mut kept: Option<Vec<u8>> = None;
        let mut is_first = true;
        let mut room = MAX_KEPT - self.kept;
        tar.content(entry, |piece| {
            (options.check)().map_err(|error| LayoutError::Io(String::new(), error))?;
            if std::mem::take(&mut is_first) && may_be_document && is_json(piece) {
                kept = Some(crate::memory::with_room(entry.size as usize)?);
            }
            if head.len() < HEAD {
                head.extend_from_slice(&piece[..piece.len().min(HEAD - head.len())]);
            }
            if let Some(kept) = &mut kept {
                room = room.checked_sub(piece.len()).ok_or_else(|| {
                    LayoutError::whole(format!(
                        "the archive has more than {} MiB of documents; unpack it, and give the folder",
                        MAX_KEPT >> 20
                    ))
                })?;
                kept.extend_from_slice(piece);
            }
            if trusted.is_none() || kept.is_some() {
                hash.update(piece);
            }
            Ok(())
        })?;
        let content = content_of(&head, entry.size, kept.is_some());
        let hashed = Digest(hash.finalize().into());
        let digest = match (told, trusted, &kept) {
            (_, Some(trusted), None) => trusted,
            // A signed schema 1 manifest is named by the hash of its payload.
            (Some(told), _, Some(kept)) if told != hashed && verify(kept, &told) => told,
            _ => hashed,
        };
        if let Some(hex) = told_hash(name)
            && !names(hex, &digest)
        {
            if let Some(told) = told {
                self.damaged.insert(told);
            }
            // The walk over the documents says the same of a blob that a document names.
            let place = told.map_or_else(|| entry.shown.clone(), |told| place_of(&told));
            self.problems.add(Problem { kind: ProblemKind::Damaged, place, text: NOT_ITS_NAME.to_owned() });
        } else if let Some(told) = told {
            // A whole copy may follow a broken one.
            self.damaged.remove(&told);
        }
        if let Some(kept) = kept
            && !self.documents.contains_key(&digest)
        {
            self.documents.try_reserve(1).map_err(|_| no_memory(self.documents.len()))?;
            self.kept += kept.len();
            self.documents.insert(digest, kept.into());
        }
        self.blobs.try_reserve(1).map_err(|_| no_memory(self.blobs.len()))?;
        self.blobs.insert(digest, (entry.size, content));
        Ok(File { digest, size: entry.size, content })
    }

    /// Finds the file of a name, over links within the archive.
    pub(super) fn find(&self, name: &[u8]) -> Option<File> {
        let mut name = clean(name)?;
        for _ in 0..=MAX_LINKS {
            match self.names.get(&name) {
                Some(Node::File(file)) => return Some(*file),
                Some(Node::Link(target)) => name = target.clone()?,
                None => {
                    let digest = of_blob(&name).and_then(digest_of_hex)?;
                    let (size, content) = self.blobs.get(&digest)?;
                    return Some(File { digest, size: *size, content: *content });
                }
            }
        }
        None
    }

    /// Returns the content of the file of a name, if it was kept.
    pub(super) fn document_named(&self, name: &[u8]) -> Option<Arc<[u8]>> {
        self.find(name).and_then(|file| self.documents.get(&file.digest).cloned())
    }

    /// Returns the content of a blob that may be a document.
    pub(super) fn document_of(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.documents.get(digest).cloned()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Returns the folder in which a layout lies, if the archive was made of the folder and not of its content.
    pub(super) fn folder_of_layout(&self) -> Option<String> {
        let folder = |name: &Vec<u8>| {
            let folder =
                name.strip_suffix(b"/index.json").or_else(|| name.strip_suffix(b"/manifest.json"))?;
            Some(String::from_utf8_lossy(folder).into_owned())
        };
        self.names.keys().filter_map(folder).min_by_key(String::len)
    }
}

impl Store for Archive {
    fn document(&self, digest: &Digest) -> Result<Found, LayoutError> {
        Ok(match self.find(place_of(digest).as_bytes()) {
            Some(file) if file.digest != *digest => Found::Damaged(file.size),
            Some(file) if file.size > MAX_DOCUMENT as u64 => Found::TooLong(file.size),
            Some(file) => match self.documents.get(&file.digest) {
                Some(content) => Found::Content(Arc::clone(content)),
                None => Found::NotADocument(file.size),
            },
            None => Found::Nothing,
        })
    }

    fn blob(&self, digest: &Digest) -> Result<Found, LayoutError> {
        if self.damaged.contains(digest) {
            return Ok(Found::Damaged(0));
        }
        Ok(match self.find(place_of(digest).as_bytes()) {
            Some(file) if file.digest == *digest => Found::Blob(file.size),
            Some(file) => Found::Damaged(file.size),
            None => Found::Nothing,
        })
    }
}

pub(super) fn hex(digest: &Digest) -> String {
    digest.to_string().split_off(crate::digest::PREFIX.len())
}

/// Returns true if a text is the hex digits of a digest.
fn names(hex: &[u8; 64], digest: &Digest) -> bool {
    digest_of_hex(hex) == Some(*digest)
}

pub(super) fn digest_of_hex(hex: &[u8; 64]) -> Option<Digest> {
    use crate::digest::hex::{Decoded, decode};
    let mut digest = Digest([0; 32]);
    (decode(hex, &mut digest.0) == Decoded::Lower).then_some(digest)
}

/// Tells what a file is by its first bytes.
pub(super) fn content_of(head: &[u8], size: u64, is_json: bool) -> Content {
    match Compression::of(head) {
        Some(Compression::Gzip) => Content::Gzip,
        Some(Compression::Zstd) => Content::Zstd,
        None if is_json => Content::Json,
        // A layer without files is a tar of zeros.
        None if is_header(head) || size >= 1_024 && head.iter().all(|byte| *byte == 0) => Content::Tar,
        None => Content::Other,
    }
}

/// Returns true if a file may be JSON: an object or a list.
fn is_json(head: &[u8]) -> bool {
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[' | b'n'))
}

fn no_memory(entries: usize) -> LayoutError {
    crate::memory::OutOfMemory { bytes: entries * 128 }.into()
}
