//! `RecordTable` for Python: a table of any columns as lines, files and an Arrow stream.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_arrow::{PyRecordBatchReader, PySchema};

use super::table::{WRITE_BLOCK, write_file};
use crate::input::content::Compression;
use crate::memory::{self, OutOfMemory};
use crate::table::records::made::Joined;
use crate::table::records::text::{self, Form, word};
use crate::table::records::{Cell, Column, Records, arrow, iso};

/// A table with lines that are made in order and never held as a whole.
#[pyclass(name = "RecordTable", module = "layercheck._core", frozen)]
pub(super) struct PyRecordTable {
    records: Arc<dyn Records>,
}

impl PyRecordTable {
    pub(super) fn new(records: Arc<dyn Records>) -> Self {
        Self { records }
    }

    fn write(&self, py: Python<'_>, path: &Path, form: Form, suffix: &str) -> PyResult<()> {
        memory::ensure(text::MEMORY + WRITE_BLOCK)?;
        let compression = Compression::of_suffix(suffix);
        write_file(py, path, |out, check| text::write(&*self.records, form, compression, out, check))
    }
}

#[pymethods]
impl PyRecordTable {
    fn __len__(&self) -> usize {
        self.records.len()
    }

    /// The names of the columns, in order.
    #[getter]
    fn columns(&self) -> Vec<&'static str> {
        self.records.columns().iter().map(|column| column.name).collect()
    }

    #[expect(clippy::unused_self, reason = "Python calls it as a method")]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a RecordTable is a view, so it cannot be pickled or copied; send pyarrow.table(table)",
        ))
    }

    /// Return tables with the same columns as one table, whose lines are those of the tables in turn.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
    fn joined(tables: Vec<PyRef<'_, Self>>) -> PyResult<Self> {
        let parts = tables.iter().map(|table| Arc::clone(&table.records)).collect();
        match Joined::of(parts) {
            Some(joined) => Ok(Self::new(Arc::new(joined))),
            None => {
                Err(PyValueError::new_err("expected tables that have the same columns, and at least one"))
            }
        }
    }

    /// Return the lines from number `start` to `stop` as dicts. Times are texts as in JSON Lines.
    fn lines<'py>(&self, py: Python<'py>, start: usize, stop: usize) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        let columns = self.records.columns();
        let (first, mut number) = self.records.block_before(start);
        for block in first..self.records.blocks() {
            let made = py.detach(|| {
                // Nothing of Python may run while the owner of the lines holds its lock.
                let mut made = Vec::new();
                self.records.lines(block..block + 1, &mut |cells| {
                    if (start..stop).contains(&number) {
                        made.push(cells.iter().cloned().map(Cell::into_owned).collect::<Vec<_>>());
                    }
                    number += 1;
                    number < stop
                })?;
                Ok::<_, OutOfMemory>(made)
            })?;
            for cells in &made {
                lines.append(line(py, columns, cells)?)?;
            }
            if number >= stop {
                break;
            }
        }
        Ok(lines)
    }

    /// Write CSV to `path`, replacing a file there. `suffix` is that of a compression, or anything else. Texts of
    /// a list stand side by side with a space between them; a space within a text is written as `\\u0020`.
    #[pyo3(signature = (path, suffix = ""))]
    #[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
    fn write_csv(&self, py: Python<'_>, path: PathBuf, suffix: &str) -> PyResult<()> {
        self.write(py, &path, Form::Csv, suffix)
    }

    /// Write JSON Lines to `path`, as `write_csv` does. Lists are arrays, and times are texts as in ISO 8601.
    #[pyo3(signature = (path, suffix = ""))]
    #[expect(clippy::needless_pass_by_value, reason = "it comes out of a Python object by value")]
    fn write_jsonl(&self, py: Python<'_>, path: PathBuf, suffix: &str) -> PyResult<()> {
        self.write(py, &path, Form::JsonLines, suffix)
    }

    /// The table as an Arrow stream (PyCapsule interface).
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let reader = arrow::Reader::new(Arc::clone(&self.records));
        let reader = PyRecordBatchReader::new(Box::new(reader));
        Bound::new(py, reader)?.call_method1("__arrow_c_stream__", (requested_schema,))
    }

    /// The table's Arrow schema (PyCapsule interface).
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let schema = arrow::schema(self.records.columns());
        Bound::new(py, PySchema::new(schema))?.call_method0("__arrow_c_schema__")
    }
}

/// Makes a dict of a line.
pub(super) fn line<'py>(
    py: Python<'py>,
    columns: &[Column],
    cells: &[Cell<'_>],
) -> PyResult<Bound<'py, PyDict>> {
    let line = PyDict::new(py);
    for (column, cell) in columns.iter().zip(cells) {
        match cell {
            Cell::Null => line.set_item(column.name, py.None())?,
            Cell::Text(text) => line.set_item(column.name, text)?,
            Cell::Digest(digest) => line.set_item(column.name, &**digest)?,
            Cell::Word(number) => line.set_item(column.name, word(column, *number))?,
            Cell::Int(number) => line.set_item(column.name, number)?,
            Cell::Bool(yes) => line.set_item(column.name, yes)?,
            Cell::Time(milliseconds) => line.set_item(column.name, iso(*milliseconds))?,
            Cell::List(texts) => line.set_item(column.name, PyList::new(py, texts)?)?,
        }
    }
    Ok(line)
}
