//! What a file is by its first bytes, for the Python code that looks at a file before the core reads it.

use pyo3::prelude::*;

use crate::input::content::{Compression, Container};
use crate::input::foreign::HEAD;

/// Suffixes that names of compressed files have, lower case.
pub(super) const SUFFIXES: (&str, &str) = (Compression::Gzip.suffix(), Compression::Zstd.suffix());

/// Whether a file that starts with these bytes is read as a compressed file. Four bytes are enough.
#[pyfunction]
pub(super) fn is_compressed(head: &[u8]) -> bool {
    Compression::of(head).is_some()
}

/// First bytes of a file that are enough for `container`, and for `image_source` of an archive.
pub(super) const HEAD_BYTES: usize = HEAD;

/// The binary format of a file that starts with these bytes: `Parquet`, `Arrow`, `Arrow stream`, `ORC` or
/// `Feather version 1`; None for text and compressed files.
#[pyfunction]
pub(super) fn container(head: &[u8]) -> Option<&'static str> {
    Container::of(head).map(Container::name)
}
