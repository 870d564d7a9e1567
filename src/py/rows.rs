//! Tables of any columns for Python: chunks of rows, files, and the Arrow stream.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_arrow::{PyRecordBatchReader, PySchema};

use super::python_file::os_error;
use crate::input::content::Compression;
use crate::table::rows::{self, Rows, TextFormat, Value, arrow};

/// Bytes collected before a write.
const WRITE_BLOCK: usize = 1 << 18;

/// Time between two looks for a signal.
pub(super) const BETWEEN_CHECKS: Duration = Duration::from_millis(20);

/// A table of any columns, made row by row.
#[pyclass(name = "RowsTable", module = "layercheck._core", frozen)]
pub(super) struct PyRowsTable {
    table: Arc<dyn Rows>,
}

impl PyRowsTable {
    pub(super) fn new(table: Arc<dyn Rows>) -> Self {
        Self { table }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
    fn write(&self, py: Python<'_>, path: PathBuf, format: TextFormat, suffix: &str) -> PyResult<()> {
        let compression = Compression::of_suffix(suffix);
        let mut check = signal_check();
        let written = py.detach(|| {
            let out = BufWriter::with_capacity(WRITE_BLOCK, File::create(&path)?);
            rows::write(&*self.table, format, compression, out, &mut check)
        });
        written.map_err(|error| os_error(error, &path))
    }
}

/// Returns a check that runs Python's signal handlers now and then, from code without the interpreter lock.
pub(super) fn signal_check() -> impl FnMut() -> std::io::Result<()> + Send {
    let mut checked = Instant::now();
    move || {
        if checked.elapsed() < BETWEEN_CHECKS {
            return Ok(());
        }
        checked = Instant::now();
        let run_handlers = |py: Python<'_>| py.check_signals();
        Ok(Python::attach(run_handlers)?)
    }
}

#[pymethods]
impl PyRowsTable {
    fn __len__(&self) -> usize {
        self.table.len()
    }

    #[expect(clippy::unused_self, reason = "Python calls it as a method")]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a RowsTable is a view of a Layout, so it cannot be pickled or copied; send the Layout, or \
             pyarrow.table(table)",
        ))
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<&'static str> {
        self.table.columns().iter().map(|column| column.name).collect()
    }

    /// Return the rows from number `start` to `stop` as dicts.
    fn lines<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        for at in start..stop.min(self.table.len()) {
            let mut values = Vec::new();
            self.table.row(at, &mut values);
            let dict = PyDict::new(py);
            for (column, value) in self.table.columns().iter().zip(&values) {
                match value {
                    Value::Null => dict.set_item(column.name, py.None())?,
                    Value::Text(text) => dict.set_item(column.name, &**text)?,
                    Value::Integer(number) => dict.set_item(column.name, number)?,
                    Value::Flag(flag) => dict.set_item(column.name, flag)?,
                    Value::Texts(texts) => dict.set_item(column.name, *texts)?,
                }
            }
            lines.append(dict)?;
        }
        Ok(lines)
    }

    /// Write CSV to `path`, replacing a file there. `suffix` is that of a compression, or anything else.
    #[pyo3(signature = (path, suffix = ""))]
    fn write_csv(&self, py: Python<'_>, path: PathBuf, suffix: &str) -> PyResult<()> {
        self.write(py, path, TextFormat::Csv, suffix)
    }

    /// Write JSON Lines to `path`, as `write_csv` does.
    #[pyo3(signature = (path, suffix = ""))]
    fn write_jsonl(&self, py: Python<'_>, path: PathBuf, suffix: &str) -> PyResult<()> {
        self.write(py, path, TextFormat::JsonLines, suffix)
    }

    /// The table as an Arrow stream (PyCapsule interface).
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let reader = PyRecordBatchReader::new(Box::new(arrow::Reader::new(Arc::clone(&self.table))));
        Bound::new(py, reader)?.call_method1("__arrow_c_stream__", (requested_schema,))
    }

    /// The table's Arrow schema (PyCapsule interface).
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Bound::new(py, PySchema::new(arrow::schema(self.table.columns())))?.call_method0("__arrow_c_schema__")
    }
}
