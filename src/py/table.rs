//! `Table` for Python: chunks of lines, files, and the Arrow stream.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_arrow::{PyRecordBatchReader, PySchema};

use super::python_file::os_error;
use crate::input::content::Compression;
use crate::memory::{self, OutOfMemory};
use crate::plan::Plan;
use crate::table::csv::CSV;
use crate::table::jsonl::JSON_LINES;
use crate::table::text::{self, Format};
use crate::table::{Table, arrow, plan_table};

/// Bytes collected before a write. A block of lines is larger and is written at once.
pub(super) const WRITE_BLOCK: usize = 1 << 18;

/// Time between two looks for a signal while a file is written.
pub(super) const BETWEEN_CHECKS: Duration = Duration::from_millis(20);

/// The report table: a line for each row or each digest, made in order and never held as a whole.
#[pyclass(name = "Table", module = "layercheck._core", frozen)]
pub(super) struct PyTable {
    table: Table,
    /// Whether its Arrow stream has no dictionaries.
    plain: bool,
}

impl PyTable {
    pub(super) fn new(table: Table, plain: bool) -> Self {
        Self { table, plain }
    }

    fn write(&self, py: Python<'_>, path: &Path, format: Format, suffix: &str) -> PyResult<()> {
        memory::ensure(text::MEMORY + WRITE_BLOCK)?;
        let compression = Compression::of_suffix(suffix);
        write_file(py, path, |out, check| text::write(&self.table, format, compression, out, check))
    }
}

/// Creates a file and writes it with the interpreter lock released, which it takes for a moment now and then to
/// run signal handlers, whenever `write` calls its second argument. Errors keep their `errno`.
pub(super) fn write_file(
    py: Python<'_>,
    path: &Path,
    write: impl FnOnce(BufWriter<File>, &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> + Send,
) -> PyResult<()> {
    let mut checked = Instant::now();
    let mut check = || {
        if checked.elapsed() < BETWEEN_CHECKS {
            return Ok(());
        }
        checked = Instant::now();
        let run_handlers = |py: Python<'_>| py.check_signals();
        Ok(Python::attach(run_handlers)?)
    };
    let written = py.detach(|| {
        let out = BufWriter::with_capacity(WRITE_BLOCK, File::create(path)?);
        write(out, &mut check)
    });
    written.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref::<OutOfMemory>()) {
        Some(refused) => (*refused).into(),
        None => os_error(error, path),
    })
}

#[pymethods]
impl PyTable {
    fn __len__(&self) -> usize {
        self.table.len()
    }

    #[expect(clippy::unused_self, reason = "Python calls it as a method")]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a Table is a view of its report, so it cannot be pickled or copied; send the report, or report.to_arrow()",
        ))
    }

    /// Return the lines from number `start` to `stop` as dicts.
    fn lines<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        for line in self.table.lines(start).take(stop.saturating_sub(start)) {
            let dict = PyDict::new(py);
            dict.set_item("row", line.row)?;
            dict.set_item("digest", line.digest.as_deref())?;
            dict.set_item("verdict", line.verdict)?;
            dict.set_item("size", line.size)?;
            dict.set_item("media_type", line.media_type)?;
            dict.set_item("code", line.code)?;
            dict.set_item("reason", line.reason)?;
            dict.set_item("input", line.input)?;
            lines.append(dict)?;
        }
        Ok(lines)
    }

    /// Write CSV to `path`, replacing a file there. `suffix` is that of a compression, or anything else.
    #[pyo3(signature = (path, suffix = ""))]
    #[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
    fn write_csv(&self, py: Python<'_>, path: PathBuf, suffix: &str) -> PyResult<()> {
        self.write(py, &path, CSV, suffix)
    }

    /// Write JSON Lines to `path`, as `write_csv` does.
    #[pyo3(signature = (path, suffix = ""))]
    #[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
    fn write_jsonl(&self, py: Python<'_>, path: PathBuf, suffix: &str) -> PyResult<()> {
        self.write(py, &path, JSON_LINES, suffix)
    }

    /// The table as an Arrow stream (PyCapsule interface).
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let table = self.table.clone();
        let reader = if self.plain { arrow::Reader::plain(table) } else { arrow::Reader::new(table) };
        Bound::new(py, PyRecordBatchReader::new(Box::new(reader)))?
            .call_method1("__arrow_c_stream__", (requested_schema,))
    }

    /// The table's Arrow schema (PyCapsule interface).
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let schema = if self.plain { arrow::plain_schema() } else { arrow::schema() };
        Bound::new(py, PySchema::new(schema))?.call_method0("__arrow_c_schema__")
    }
}

/// A plan as a table: a line for each row or each digest, made in order and never held as a whole.
#[pyclass(name = "PlanTable", module = "layercheck._core", frozen)]
pub(super) struct PyPlanTable {
    plan: Arc<Plan>,
    unique: bool,
}

impl PyPlanTable {
    pub(super) fn new(plan: Arc<Plan>, unique: bool) -> Self {
        Self { plan, unique }
    }
}

#[pymethods]
impl PyPlanTable {
    #[expect(clippy::unused_self, reason = "Python calls it as a method")]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a PlanTable is a view of its plan, so it cannot be pickled or copied; send the plan, or plan.to_arrow()",
        ))
    }

    fn __len__(&self) -> usize {
        if self.unique { self.plan.unique() } else { self.plan.rows() }
    }

    /// The table as an Arrow stream (PyCapsule interface).
    #[pyo3(signature = (requested_schema = None))]
    pub(super) fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let reader = plan_table::Reader::new(Arc::clone(&self.plan), self.unique);
        let reader = PyRecordBatchReader::new(Box::new(reader));
        Bound::new(py, reader)?.call_method1("__arrow_c_stream__", (requested_schema,))
    }

    /// The schema of `__arrow_c_stream__` (PyCapsule interface).
    #[expect(clippy::unused_self, reason = "the protocol calls it on an object")]
    pub(super) fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Bound::new(py, PySchema::new(plan_table::schema()))?.call_method0("__arrow_c_schema__")
    }
}
