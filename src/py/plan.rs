//! `Plan` for Python.

use std::ops::Range;
use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySlice, PyString, PyTuple};

use super::array::{ArrayView, Owner};
use super::memory;
use super::pickling::reduce_plan;
use super::rejects::PyRejects;
use super::table::PyPlanTable;
use crate::digest::{Digest, parse};
use crate::plan::Plan;

/// Rows, validated, normalised, deduplicated and packed into batches. `layercheck.plan` makes it. A plan
/// never changes, holds no connection, and can be checked any number of times.
///
/// A plan is a sequence of batches: `plan[i]` is a list of at most `batch_size` digests.
#[pyclass(name = "Plan", module = "layercheck", frozen, sequence)]
pub(super) struct PyPlan {
    pub(super) plan: Arc<Plan>,
}

impl PyPlan {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan: Arc::new(plan) }
    }

    fn batch<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, PyList>> {
        let digests = self.plan.batches().get(at);
        texts(py, digests.ok_or_else(|| PyIndexError::new_err("there is no such batch"))?)
    }

    /// Converts by the package's Python code, which knows which library is needed and how to install it.
    fn converted<'py>(&self, py: Python<'py>, how: &str, unique: bool) -> PyResult<Bound<'py, PyAny>> {
        py.import("layercheck.report.dataframes")?.call_method1(how, (self.table(unique),))
    }
}

/// The digests `start..stop` of a plan.
pub(super) fn range(plan: &Plan, start: usize, stop: usize) -> PyResult<Range<usize>> {
    let unique = plan.unique();
    if start > stop || stop > unique {
        let message = format!("digests {start}..{stop} are not within the plan's {unique}");
        return Err(PyIndexError::new_err(message));
    }
    Ok(start..stop)
}

#[pymethods]
impl PyPlan {
    /// Input rows, valid or not: `unique + duplicates + invalid`.
    #[getter]
    fn rows(&self) -> usize {
        self.plan.rows()
    }

    /// Unique digests.
    #[getter]
    fn unique(&self) -> usize {
        self.plan.unique()
    }

    /// Valid rows beyond the first of their digest.
    #[getter]
    fn duplicates(&self) -> usize {
        self.plan.duplicates()
    }

    /// Rows rejected locally; they are never sent.
    #[getter]
    fn invalid(&self) -> usize {
        self.plan.invalid()
    }

    /// Digests in a full batch.
    #[getter]
    fn batch_size(&self) -> usize {
        self.plan.batch_size()
    }

    /// The digests in first-seen order: numpy uint8 of shape (unique, 32), read-only, no copy.
    #[getter]
    fn digests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        ArrayView::numpy(py, Owner::Digests(Arc::clone(&self.plan)))
    }

    /// For each row the index of its digest, or -1 if it is invalid: numpy int64 of shape
    /// (rows,), read-only, no copy.
    #[getter]
    fn row_index<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        ArrayView::numpy(py, Owner::RowIndex(Arc::clone(&self.plan)))
    }

    /// The rejected rows, in row order: a sequence of `Reject(row, kind, offset, text)`.
    #[getter]
    fn rejects(&self) -> PyRejects {
        PyRejects::new(Arc::clone(&self.plan))
    }

    /// What the input probably is and what to do, in one line, if fewer than one row of a hundred is a
    /// digest; else None. Told from the first rejected rows.
    #[getter]
    fn hint(&self) -> Option<String> {
        self.plan.hint().map(|hint| hint.to_string())
    }

    /// Accepted rows for each spelling of a digest: dict of spelling to rows.
    #[getter]
    fn spellings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (spelling, rows) in self.plan.spellings() {
            counts.set_item(spelling.name(), rows)?;
        }
        Ok(counts)
    }

    /// Rejected rows for each kind of rejection: dict of kind to rows.
    #[getter]
    fn reject_counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (kind, rows) in self.plan.rejects().counts() {
            counts.set_item(kind.name(), rows)?;
        }
        Ok(counts)
    }

    /// Return the texts of the digests from index `start` to `stop`, as for a slice of a list.
    fn texts<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyList>> {
        let digests = self.plan.digests();
        let stop = stop.min(digests.len());
        texts(py, &digests[start.min(stop)..stop])
    }

    /// Return two SHA-256 hashes by which a journal tells plans apart: of the digests in order, and of the
    /// rows with their digests and rejections. Neither depends on the batch size.
    fn fingerprint<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let (digests, rows) = py.detach(|| crate::journal::plan_parts::fingerprint(&self.plan))?;
        Ok((memory::bytes(py, &digests)?, memory::bytes(py, &rows)?))
    }

    /// Return the plan as a table for other tools, made in pieces. Columns: `row` (int64, from 0), `digest`
    /// (text), `index` (int64: the digest's index in `digests`), and for rejected rows, which have neither,
    /// `kind`, `offset` and `text` as in `rejects`. A line for each row, or with `unique` for each digest.
    #[pyo3(signature = (*, unique = false))]
    fn table(&self, unique: bool) -> PyPlanTable {
        PyPlanTable::new(Arc::clone(&self.plan), unique)
    }

    /// The table of rows as an Arrow stream (PyCapsule interface), in bounded memory.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.table(false).__arrow_c_stream__(py, requested_schema)
    }

    /// The schema of `__arrow_c_stream__`.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.table(false).__arrow_c_schema__(py)
    }

    /// The table as a `pyarrow.Table`; `ImportError` if pyarrow is not installed.
    #[pyo3(signature = (*, unique = false))]
    fn to_arrow<'py>(&self, py: Python<'py>, unique: bool) -> PyResult<Bound<'py, PyAny>> {
        self.converted(py, "to_arrow", unique)
    }

    /// The table as a pandas `DataFrame`; `ImportError` if pandas or pyarrow is not installed.
    #[pyo3(signature = (*, unique = false))]
    fn to_pandas<'py>(&self, py: Python<'py>, unique: bool) -> PyResult<Bound<'py, PyAny>> {
        self.converted(py, "to_pandas", unique)
    }

    /// The table as a polars `DataFrame`; `ImportError` if polars is not installed.
    #[pyo3(signature = (*, unique = false))]
    fn to_polars<'py>(&self, py: Python<'py>, unique: bool) -> PyResult<Bound<'py, PyAny>> {
        self.converted(py, "to_polars", unique)
    }

    /// Return the first row with this digest, counted from 0; None if no row has it. `digest` is a text in any
    /// accepted spelling, or 32 raw bytes. The first call makes an index of some five bytes a digest.
    #[pyo3(signature = (digest, /))]
    fn first_row(&self, py: Python<'_>, digest: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        let Some(digest) = digest_of(digest)? else { return Ok(None) };
        Ok(py.detach(|| self.plan.first_row(&digest)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        reduce_plan(py, &self.plan)
    }

    /// A plan never changes, so that a copy is the plan itself.
    fn __copy__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __deepcopy__<'py>(this: PyRef<'py, Self>, _memo: &Bound<'py, PyAny>) -> PyRef<'py, Self> {
        this
    }

    fn __len__(&self) -> usize {
        self.plan.batches().len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        let len = self.__len__() as isize;
        if let Ok(slice) = index.cast::<PySlice>() {
            let indices = slice.indices(len)?;
            let batches = PyList::empty(py);
            for step in 0..indices.slicelength {
                batches.append(self.batch(py, (indices.start + step as isize * indices.step) as usize)?)?;
            }
            return Ok(batches.into_any());
        }
        let at: isize = index.extract()?;
        let at = if at < 0 { at + len } else { at };
        let at = usize::try_from(at).map_err(|_| PyIndexError::new_err("there is no such batch"))?;
        Ok(self.batch(py, at)?.into_any())
    }

    /// The plan in a notebook.
    fn _repr_html_<'py>(plan: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        plan.py().import("layercheck.display.plan_view")?.call_method1("render", (plan,))
    }

    fn __repr__(&self) -> String {
        let plan = &self.plan;
        let hint = plan.hint().map_or_else(String::new, |hint| format!(", hint={:?}", hint.to_string()));
        format!(
            "Plan(rows={}, unique={}, duplicates={}, invalid={}, batches={} of {}{hint})",
            plan.rows(),
            plan.unique(),
            plan.duplicates(),
            plan.invalid(),
            plan.batches().len(),
            plan.batch_size()
        )
    }
}

/// Reads one digest: a text in any accepted spelling, or 32 raw bytes; None for anything else.
fn digest_of(value: &Bound<'_, PyAny>) -> PyResult<Option<Digest>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text
            .to_str()
            .ok()
            .and_then(|text| parse::parse(text.as_bytes()).ok())
            .map(|(digest, _)| digest));
    }
    let Ok(bytes) = value.cast::<PyBytes>() else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a digest is str or bytes, not {kind}")));
    };
    let bytes = bytes.as_bytes();
    Ok(bytes.try_into().map(Digest).ok().or_else(|| parse::parse(bytes).ok().map(|(digest, _)| digest)))
}

pub(super) fn texts<'py>(py: Python<'py>, digests: &[Digest]) -> PyResult<Bound<'py, PyList>> {
    // Item by item, because a list that is made as a whole panics without memory.
    let texts = PyList::empty(py);
    for digest in digests {
        texts.append(PyString::from_bytes(py, &digest.text())?)?;
    }
    Ok(texts)
}
