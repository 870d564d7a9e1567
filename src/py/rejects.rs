//! `Reject` and the sequence of them for Python.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySlice, PyTuple};

use super::pickling::reduce_reject;
use super::plan::PyPlan;
use crate::plan::Plan;

/// One row that was rejected locally and never sent.
#[pyclass(name = "Reject", module = "layercheck", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(super) struct PyReject {
    /// Input row, counted from 0.
    #[pyo3(get)]
    pub(super) row: usize,
    /// Line of the file on which the row starts, counted from 1; None for rows that are not lines of a file
    /// (a list, an array, a column of Parquet) and for a plan from a journal or a pickle.
    #[pyo3(get)]
    pub(super) line: Option<u32>,
    /// Name of the file, if the command read several inputs; else None.
    #[pyo3(get)]
    pub(super) file: Option<String>,
    /// Kind of rejection: `empty`, `wrong_length`, `not_hexadecimal`, `unsupported_algorithm`,
    /// `tag_like`, `not_canonical`, `not_text` or `manifest_path`.
    #[pyo3(get)]
    pub(super) kind: &'static str,
    /// Byte offset in the row (in its UTF-8 form) of the fault.
    #[pyo3(get)]
    pub(super) offset: usize,
    /// The original text, cut to 256 bytes; None for a null.
    #[pyo3(get)]
    pub(super) text: Option<String>,
    /// What is wrong, where, and what is expected.
    #[pyo3(get)]
    pub(super) message: String,
}

#[pymethods]
impl PyReject {
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        reduce_reject(py, self)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.row, self.kind, self.offset, &self.text).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = self.text.clone().into_pyobject(py)?.repr()?;
        let line = self.line.map_or_else(String::new, |line| format!(", line={line}"));
        Ok(format!(
            "Reject(row={}{line}, kind='{}', offset={}, text={text})",
            self.row, self.kind, self.offset
        ))
    }
}

/// The rejected rows of a plan, in row order, each made on access.
#[pyclass(name = "Rejects", module = "layercheck._core", frozen, sequence)]
pub(super) struct PyRejects {
    plan: Arc<Plan>,
}

impl PyRejects {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { plan }
    }

    fn get(&self, at: usize) -> PyReject {
        let reject = self.plan.rejects().get(at);
        PyReject {
            row: reject.row,
            line: reject.line,
            file: reject.file.map(Into::into),
            kind: reject.kind.name(),
            offset: reject.offset,
            text: reject.shown(),
            message: reject.to_string(),
        }
    }
}

#[pymethods]
impl PyRejects {
    fn __len__(&self) -> usize {
        self.plan.rejects().len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        let len = self.__len__() as isize;
        if let Ok(slice) = index.cast::<PySlice>() {
            let indices = slice.indices(len)?;
            let chosen = PyList::empty(py);
            for step in 0..indices.slicelength {
                chosen.append(self.get((indices.start + step as isize * indices.step) as usize))?;
            }
            return Ok(chosen.into_any());
        }
        let at: isize = index.extract()?;
        let at = if at < 0 { at + len } else { at };
        if !(0..len).contains(&at) {
            return Err(PyIndexError::new_err("there is no such rejected row"));
        }
        Ok(Bound::new(py, self.get(at as usize))?.into_any())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let plan = PyPlan { plan: Arc::clone(&self.plan) };
        let getattr = py.import("builtins")?.getattr("getattr")?;
        (getattr, (plan, "rejects")).into_pyobject(py)
    }

    fn __repr__(&self) -> String {
        format!("<{} rejected rows>", self.__len__())
    }
}
