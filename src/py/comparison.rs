//! `Comparison` for Python: reports joined by digest.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::array::{ArrayView, Owner};
use super::input::{arrow, files, fixed};
use super::plan::PyPlan;
use crate::comparison::Comparison;
use crate::comparison::report_file::ReportFile;
use crate::digest::Digest;
use crate::verdict::Verdict;

/// Takes the rows of one report after another, and joins the reports by digest.
#[pyclass(name = "Comparison", module = "layercheck._core")]
pub(super) struct PyComparison {
    comparison: Option<Comparison>,
    /// The name of each report in messages.
    names: Vec<String>,
}

#[pymethods]
impl PyComparison {
    /// `threads` is as for `Planner`.
    #[new]
    #[pyo3(signature = (*, threads = None))]
    fn new(threads: Option<usize>) -> Self {
        Self { comparison: Some(Comparison::new(threads)), names: Vec::new() }
    }

    /// Start a report: the next rows belong to it. Messages call it `name`.
    fn begin(&mut self, name: String) -> PyResult<()> {
        self.names.push(name);
        self.with(|comparison| {
            comparison.begin();
            Ok(())
        })
    }

    /// Take raw digests, and the code of a verdict for each, from C-contiguous buffers of uint8.
    fn extend_raw(&mut self, digests: &Bound<'_, PyAny>, verdicts: &Bound<'_, PyAny>) -> PyResult<()> {
        let verdicts = read_codes(verdicts)?;
        fit(PyBuffer::<u8>::get(digests)?.len_bytes() / size_of::<Digest>(), verdicts.len())?;
        self.with(|comparison| fixed::raw(comparison.rows_for(&verdicts), digests))
    }

    /// Take a column of digests, an object with `__arrow_c_stream__` or `__arrow_c_array__`, and the code of
    /// a verdict for each digest.
    fn extend_arrow(&mut self, digests: &Bound<'_, PyAny>, verdicts: &Bound<'_, PyAny>) -> PyResult<()> {
        let verdicts = read_codes(verdicts)?;
        fit(digests.len()?, verdicts.len())?;
        self.with(|comparison| arrow::extend(comparison.rows_for(&verdicts), digests, false))
    }

    /// Take a report that was written as CSV or JSON Lines, plain, gzipped or zstd-compressed: a path, or an
    /// object with `read(size)` that returns bytes. With `may_be_empty`, for JSON Lines, a file without
    /// bytes is a report without rows.
    fn read(&mut self, file: &Bound<'_, PyAny>, may_be_empty: bool) -> PyResult<()> {
        self.with(|comparison| files::read(comparison, file, ReportFile::new(may_be_empty)).map(drop))
    }

    /// Return a plan of all digests, those of the first report first, and for each report a code for each
    /// digest: the code of its verdict, or 8 if the report does not have the digest. Raises `ValueError` if
    /// a report has two verdicts for a digest.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<(PyPlan, Bound<'py, PyList>)> {
        let comparison = self.comparison.take().ok_or_else(used_up)?;
        let joined = py.detach(|| comparison.finish()).map_err(|(number, contradiction)| {
            PyValueError::new_err(format!("{}: {contradiction}", self.names[number]))
        })?;
        let columns =
            joined.reports.into_iter().map(|codes| ArrayView::numpy(py, Owner::Codes(codes.into())));
        let columns = PyList::new(py, columns.collect::<PyResult<Vec<_>>>()?)?;
        Ok((PyPlan::new(joined.plan), columns))
    }
}

impl PyComparison {
    /// Runs `take` on the comparison. A failure may leave rows without a verdict, so the comparison is then
    /// dropped.
    fn with(&mut self, take: impl FnOnce(&mut Comparison) -> PyResult<()>) -> PyResult<()> {
        let mut comparison = self.comparison.take().ok_or_else(used_up)?;
        take(&mut comparison)?;
        self.comparison = Some(comparison);
        Ok(())
    }
}

fn read_codes(codes: &Bound<'_, PyAny>) -> PyResult<Vec<Verdict>> {
    let codes = PyBuffer::<u8>::get(codes)?.to_vec(codes.py())?;
    let verdicts = codes.into_iter().map(|code| {
        Verdict::from_code(code)
            .ok_or_else(|| PyValueError::new_err(format!("no verdict has the code {code}")))
    });
    verdicts.collect()
}

fn fit(digests: usize, verdicts: usize) -> PyResult<()> {
    if digests == verdicts {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{digests} digests, but {verdicts} verdicts")))
}

fn used_up() -> PyErr {
    PyValueError::new_err("these reports have been joined already, or could not be read")
}
