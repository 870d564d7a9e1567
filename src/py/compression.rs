//! Which files are compressed, for the Python code that looks at a file before the core reads it.

use pyo3::prelude::*;

use crate::input::content::Compression;

/// Suffixes that names of compressed files have, lower case.
pub(super) const SUFFIXES: (&str, &str) = (Compression::Gzip.suffix(), Compression::Zstd.suffix());

/// Whether a file that starts with these bytes is read as a compressed file. Four bytes are enough.
#[pyfunction]
pub(super) fn is_compressed(head: &[u8]) -> bool {
    Compression::of(head).is_some()
}
