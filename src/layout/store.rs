//! Where documents and blobs come from: a folder, an archive, a shared folder of blobs.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::error::LayoutError;
use crate::digest::Digest;

/// How a source is read.
#[expect(missing_debug_implementations, reason = "a closure is in it")]
pub struct Options<'a> {
    /// A folder of blobs beside the source, `sha256/<hex>` in it, for what the source itself lacks.
    pub blobs: Option<&'a Path>,
    /// Whether every blob is hashed. None hashes those of archives, which are read anyway, and compares sizes
    /// in folders. Documents are always hashed, and so is everything in a docker archive.
    pub verify: Option<bool>,
    /// Whether the content of documents is kept in the layout.
    pub keep_content: bool,
    /// Called often while blobs are read; an error ends the reading.
    pub check: &'a mut (dyn FnMut() -> io::Result<()> + Send),
}

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A tar archive, not compressed.
    Tar,
    /// Compressed by gzip.
    Gzip,
    /// Compressed by zstd.
    Zstd,
    /// Perhaps JSON.
    Json,
    /// Anything else.
    Other,
}

/// What stands under a digest.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    /// A document that hashes to the digest.
    Content(Arc<[u8]>),
    /// A blob of this size.
    Blob(u64),
    /// A file of this size that does not hash to the digest.
    Damaged(u64),
    /// More than a document may have.
    TooLong(u64),
    /// A file of this size that is not JSON.
    NotADocument(u64),
    /// A folder, a pipe or the like.
    NotAFile,
}

/// Calls the caller's check now and then, from behind a shared reference.
#[derive(Clone)]
pub(super) struct Check<'a>(Rc<RefCell<&'a mut (dyn FnMut() -> io::Result<()> + Send)>>);

impl<'a> Check<'a> {
    pub(super) fn new(check: &'a mut (dyn FnMut() -> io::Result<()> + Send)) -> Self {
        Self(Rc::new(RefCell::new(check)))
    }

    pub(super) fn call(&self) -> Result<(), LayoutError> {
        (self.0.borrow_mut())().map_err(|error| LayoutError::Io(String::new(), error))
    }
}

/// Documents and blobs by digest.
pub(super) trait Store {
    /// Finds a document.
    fn document(&self, digest: &Digest) -> Result<Found, LayoutError>;

    /// Finds a blob: nothing, a blob, damaged, or not a file.
    fn blob(&self, digest: &Digest) -> Result<Found, LayoutError>;
}
