//! A layout folder, and a folder of blobs beside a layout.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::archive::hex;
use super::error::LayoutError;
use super::store::{Check, Found, Store};
use crate::digest::Digest;
use crate::manifest::{MAX_DOCUMENT, verify};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// Blobs in a folder, `<hex>` in it.
pub(super) struct Folder<'a> {
    blobs: PathBuf,
    /// Another folder, for what the first lacks.
    shared: Option<PathBuf>,
    /// Whether blobs are hashed.
    hash: bool,
    check: Check<'a>,
}

impl<'a> Folder<'a> {
    /// Opens the blobs of a layout.
    pub(super) fn new(
        layout: &Path,
        shared: Option<&Path>,
        hash: bool,
        check: Check<'a>,
    ) -> Result<Self, LayoutError> {
        let shared = shared.map(shared_folder).transpose()?;
        Ok(Self { blobs: layout.join("blobs/sha256"), shared, hash, check })
    }

    /// Opens a shared folder alone.
    pub(super) fn shared(shared: &Path, hash: bool, check: Check<'a>) -> Result<Self, LayoutError> {
        Ok(Self { blobs: shared_folder(shared)?, shared: None, hash, check })
    }

    /// Finds the file of a digest, with its size.
    fn find(&self, digest: &Digest) -> Result<Option<(PathBuf, fs::Metadata)>, LayoutError> {
        // The text comes from 32 bytes, so it has 64 digits and cannot be a path.
        let name = hex(digest);
        for folder in [Some(&self.blobs), self.shared.as_ref()].into_iter().flatten() {
            let path = folder.join(&name);
            match fs::metadata(&path) {
                Ok(metadata) => return Ok(Some((path, metadata))),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Ok(None)
    }

    fn hash(&self, path: &Path) -> Result<Digest, LayoutError> {
        let mut file = File::open(path).map_err(|error| failed(path, error))?;
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            self.check.call()?;
            match file.read(&mut chunk) {
                Ok(0) => return Ok(Digest(hash.finalize().into())),
                Ok(read) => hash.update(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(path, error)),
            }
        }
    }
}

impl Store for Folder<'_> {
    fn document(&self, digest: &Digest) -> Result<Found, LayoutError> {
        self.check.call()?;
        let Some((path, metadata)) = self.find(digest)? else {
            return Ok(Found::Nothing);
        };
        if !metadata.is_file() {
            return Ok(Found::NotAFile);
        }
        if metadata.len() > MAX_DOCUMENT as u64 {
            return Ok(Found::TooLong(metadata.len()));
        }
        let content = read_document(&path)?;
        let size = content.len() as u64;
        Ok(if verify(&content, digest) { Found::Content(content.into()) } else { Found::Damaged(size) })
    }

    fn blob(&self, digest: &Digest) -> Result<Found, LayoutError> {
        self.check.call()?;
        let Some((path, metadata)) = self.find(digest)? else {
            return Ok(Found::Nothing);
        };
        if !metadata.is_file() {
            return Ok(Found::NotAFile);
        }
        if self.hash && self.hash(&path)? != *digest {
            return Ok(Found::Damaged(metadata.len()));
        }
        Ok(Found::Blob(metadata.len()))
    }
}

/// Returns the folder of sha256 blobs in a shared folder, which may be a layout too.
fn shared_folder(shared: &Path) -> Result<PathBuf, LayoutError> {
    let found = [shared.join("sha256"), shared.join("blobs/sha256")].into_iter().find(|path| path.is_dir());
    found.ok_or_else(|| {
        LayoutError::unusable(
            shared.display().to_string(),
            "not a folder of blobs: it has neither a folder sha256 nor blobs/sha256",
        )
    })
}

/// Reads a file that may be a document: at most one byte more than a document has.
pub(super) fn read_document(path: &Path) -> Result<Vec<u8>, LayoutError> {
    let failed = |error| failed(path, error);
    // Checked before opening, because opening a pipe waits for its other end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(LayoutError::unusable(path.display().to_string(), "not a regular file"));
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

fn failed(path: &Path, error: io::Error) -> LayoutError {
    LayoutError::Io(path.display().to_string(), error)
}
