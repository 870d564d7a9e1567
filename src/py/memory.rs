//! Memory that the system refuses, as `MemoryError`.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::memory::OutOfMemory;

impl From<OutOfMemory> for PyErr {
    fn from(_: OutOfMemory) -> Self {
        // A fixed text, because there may be no memory for another.
        PyMemoryError::new_err("the system refuses more memory; split the input, or give the process more")
    }
}

/// Copies bytes to Python. `PyBytes::new` panics without memory.
pub(super) fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, bytes.len(), |copy| {
        copy.copy_from_slice(bytes);
        Ok(())
    })
}

/// Do nothing, and have the system provide the module's thread-local data for this thread.
///
/// The system's loader provides it at a thread's first call of the module, and ends the process if there is no
/// memory for it.
#[pyfunction]
pub(super) const fn provide_thread_data() {}
