//! Shows columns of Rust memory as numpy arrays, without a copy, through the buffer protocol.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Arc;

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::ledger::columns::Columns;
use crate::plan::Plan;

/// The owner of the memory, and the part of it that is shown.
pub(super) enum Owner {
    /// `(unique, 32)` uint8.
    Digests(Arc<Plan>),
    /// `(rows,)` int64.
    RowIndex(Arc<Plan>),
    /// `(unique,)` uint8.
    Verdicts(Arc<Columns>),
    /// `(unique,)` int64.
    Sizes(Arc<Columns>),
    /// `(rows,)` uint8.
    Codes(Arc<Vec<u8>>),
}

/// Read-only memory that Python sees as a buffer. It stays alive as long as a view of it.
#[pyclass(frozen, module = "layercheck._core")]
pub(super) struct ArrayView {
    owner: Owner,
    shape: [isize; 2],
    strides: [isize; 2],
}

impl ArrayView {
    /// Makes a numpy array over the memory of `owner`. Imports numpy, which nothing else here does.
    pub(super) fn numpy(py: Python<'_>, owner: Owner) -> PyResult<Bound<'_, PyAny>> {
        let (width, item) = (owner.width(), owner.item_size());
        let length = owner.bytes().len() / (width * item);
        let column = Self {
            owner,
            shape: [length as isize, width as isize],
            strides: [(width * item) as isize, item as isize],
        };
        py.import("numpy")?.call_method1("asarray", (Bound::new(py, column)?,))
    }
}

impl Owner {
    fn bytes(&self) -> &[u8] {
        fn plain<T>(items: &[T]) -> &[u8] {
            // SAFETY: the callers below pass slices of Digest (transparent [u8; 32]), Verdict
            // (repr(u8)), i64 and u8: plain data without padding, so every byte is initialised;
            // the slice borrows `items`, so it cannot outlive them.
            unsafe { std::slice::from_raw_parts(items.as_ptr().cast(), size_of_val(items)) }
        }
        match self {
            Self::Digests(plan) => plain(plan.digests()),
            Self::RowIndex(plan) => plain(plan.row_index()),
            Self::Verdicts(columns) => plain(columns.verdicts()),
            Self::Sizes(columns) => plain(columns.sizes()),
            Self::Codes(codes) => codes,
        }
    }

    const fn item_size(&self) -> usize {
        match self {
            Self::Digests(_) | Self::Verdicts(_) | Self::Codes(_) => 1,
            Self::RowIndex(_) | Self::Sizes(_) => 8,
        }
    }

    const fn width(&self) -> usize {
        match self {
            Self::Digests(_) => 32,
            _ => 1,
        }
    }

    const fn format(&self) -> &'static CStr {
        match self.item_size() {
            1 => c"B",
            // C long: 64 bits on every supported platform, where numpy calls it int64.
            _ => c"l",
        }
    }
}

#[pymethods]
impl ArrayView {
    /// Fills `view`.
    ///
    /// # Safety
    /// Called by the interpreter only, with a `view` to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("this memory is read-only"));
        }
        let column = slf.get();
        let bytes = column.owner.bytes();
        let dimensions = if column.owner.width() == 1 { 1 } else { 2 };
        let asked = |flag: c_int| flags & flag == flag;
        // SAFETY: `view` is not null and may be filled (the contract of bf_getbuffer). All pointers point
        // into the ArrayView or the memory it owns. A frozen class never moves or changes them, and the
        // reference in `obj` keeps it alive until the view is released. Nothing writes through them, because
        // the view is marked read-only.
        unsafe {
            (*view).buf = bytes.as_ptr().cast_mut().cast::<c_void>();
            (*view).len = bytes.len() as isize;
            (*view).itemsize = column.owner.item_size() as isize;
            (*view).readonly = 1;
            (*view).format = if asked(ffi::PyBUF_FORMAT) {
                column.owner.format().as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).ndim = dimensions;
            (*view).shape =
                if asked(ffi::PyBUF_ND) { column.shape.as_ptr().cast_mut() } else { std::ptr::null_mut() };
            (*view).strides = if asked(ffi::PyBUF_STRIDES) {
                column.strides.as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.into_ptr();
        }
        Ok(())
    }
}
