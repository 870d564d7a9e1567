//! What a file is by its first bytes, for the Python code that looks at a file before the core reads it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::memory;
use crate::input::content::{Compression, Container};
use crate::input::foreign::HEAD;
use crate::memory::OutOfMemory;
use crate::table::compress;

/// Suffixes that names of compressed files have, lower case.
pub(super) const SUFFIXES: (&str, &str) = (Compression::Gzip.suffix(), Compression::Zstd.suffix());

/// Whether a file that starts with these bytes is read as a compressed file. Four bytes are enough.
#[pyfunction]
pub(super) fn is_compressed(head: &[u8]) -> bool {
    Compression::of(head).is_some()
}

/// Compress a content, as files of tables are: to one gzip member or one zstd frame. `suffix` is `.gz` or `.zst`.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
pub(super) fn compressed<'py>(
    py: Python<'py>,
    content: PyBackedBytes,
    suffix: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let compression = Compression::of_suffix(suffix)
        .ok_or_else(|| PyValueError::new_err(format!("{suffix:?} names no compression")))?;
    let packed = py.detach(|| {
        let owned = crate::memory::copy(&content)?;
        // Nothing but memory can be lacking.
        compress::compressed(owned, compression).map_err(|_| OutOfMemory { bytes: content.len() })
    });
    memory::bytes(py, &packed?)
}

/// First bytes of a file that are enough for `container`, and for `image_source` of an archive.
pub(super) const HEAD_BYTES: usize = HEAD;

/// The binary format of a file that starts with these bytes: `Parquet`, `Arrow`, `Arrow stream`, `ORC` or
/// `Feather version 1`; None for text and compressed files.
#[pyfunction]
pub(super) fn container(head: &[u8]) -> Option<&'static str> {
    Container::of(head).map(Container::name)
}
