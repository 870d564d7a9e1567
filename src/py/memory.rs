//! Memory that the system refuses, as `MemoryError`.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::memory::OutOfMemory;

impl From<OutOfMemory> for PyErr {
    fn from(refused: OutOfMemory) -> Self {
        PyMemoryError::new_err(refused.to_string())
    }
}

/// Copies bytes to Python. `PyBytes::new` panics without memory.
pub(super) fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, bytes.len(), |copy| {
        copy.copy_from_slice(bytes);
        Ok(())
    })
}
