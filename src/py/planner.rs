//! `Planner` for Python: a method for each kind of input.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::input::files::ColumnArgument;
use super::input::{arrow, files, fixed, rows};
use super::layout::PyLayout;
use super::plan::PyPlan;
use crate::input::csv::{Csv, Delimiter};
use crate::input::jsonl::JsonLines;
use crate::input::lines::TextLines;
use crate::input::rows_of;
use crate::layout::rows as layout_rows;
use crate::plan::planner::Planner;
use crate::protocol::MAX_BATCH;

/// Takes rows in blocks and makes a `Plan` of them.
#[pyclass(name = "Planner", module = "layercheck._core")]
pub(super) struct PyPlanner {
    planner: Option<Planner>,
    /// The text file that `feed` is in.
    lines: TextLines,
    /// Whether bytes of variable length are raw digests, and not text.
    raw: bool,
}

#[pymethods]
impl PyPlanner {
    /// With `threads` of 1 the calling thread does all work. With 2 or more, a second thread shares the work of
    /// many rows; with None if the process may use two cores. With `raw`, the bytes in iterables and in binary columns of Arrow
    /// are raw digests, and not text.
    #[new]
    #[pyo3(signature = (*, strict = false, threads = None, raw = false))]
    fn new(strict: bool, threads: Option<usize>, raw: bool) -> Self {
        Self { planner: Some(Planner::new(strict).threads(threads)), lines: TextLines::default(), raw }
    }

    /// Whether bytes of variable length are raw digests.
    #[getter]
    fn raw(&self) -> bool {
        self.raw
    }

    /// Say that about so many bytes of text will come, so that memory and a second thread are ready for them.
    fn expect_text(&mut self, bytes: u64) -> PyResult<()> {
        self.planner()?.expect(rows_of(bytes));
        Ok(())
    }

    /// Take every item of an iterable of str, bytes or None as a row. Exceptions of the iterable pass
    /// through.
    fn extend(&mut self, rows: &Bound<'_, PyAny>) -> PyResult<()> {
        let planner = self.planner.as_mut().ok_or_else(used_up)?;
        rows::extend(planner, rows, self.raw)
    }

    /// Take every digest of a plan as a row.
    fn extend_plan(&mut self, plan: &Bound<'_, PyPlan>) -> PyResult<()> {
        let digests = plan.get().plan.digests();
        self.planner()?.expect(digests.len());
        self.planner()?.raw(digests);
        Ok(())
    }

    /// Take a text file, plain, gzipped or zstd-compressed: a path, or an object with `read(size)` that
    /// returns bytes. Exceptions of the object pass through.
    fn read(&mut self, file: &Bound<'_, PyAny>) -> PyResult<()> {
        files::read(self.planner()?, file, TextLines::default()).map(drop)
    }

    /// Take one column of a CSV file, by its name or its number; None is the only column, or the only one
    /// that is named `digest` or holds digests. `delimiter` is one character of ASCII; None lets the file
    /// tell, and with `tabs` takes a tab if it does not. Returns notes for people: the column that was taken.
    #[pyo3(signature = (file, column, delimiter = None, *, tabs = false))]
    fn read_csv(
        &mut self,
        file: &Bound<'_, PyAny>,
        column: Option<ColumnArgument>,
        delimiter: Option<char>,
        tabs: bool,
    ) -> PyResult<Vec<String>> {
        let delimiter = match delimiter.map(u8::try_from) {
            None => Delimiter::Told { otherwise: if tabs { b'\t' } else { b',' } },
            Some(Ok(delimiter)) if delimiter.is_ascii() => Delimiter::Given(delimiter),
            Some(_) => return Err(PyValueError::new_err("the delimiter is not a character of ASCII")),
        };
        files::read(self.planner()?, file, Csv::new(column.into()).delimiter(delimiter))
    }

    /// Take the strings of a JSON Lines file, or the strings under one key of its objects; None is the only
    /// key, or the only one that is named `digest` or holds digests. Returns notes for people: the key that
    /// was taken, and how many objects lack it.
    fn read_jsonl(&mut self, file: &Bound<'_, PyAny>, column: Option<String>) -> PyResult<Vec<String>> {
        files::read(self.planner()?, file, JsonLines::new(column))
    }

    /// Take the configs and layers of a layout. Returns notes for people, as `read_csv`. Raises `ValueError` if
    /// it has none, or only those with other digests than in a registry.
    fn extend_layout(&mut self, py: Python<'_>, layout: &Bound<'_, PyLayout>) -> PyResult<Vec<String>> {
        let planner = self.planner.as_mut().ok_or_else(used_up)?;
        let layout = &layout.get().layout;
        let taken = py.detach(|| layout_rows::plan(layout, planner));
        let notes = taken.map_err(|error| PyValueError::new_err(error.to_string()))?;
        planner.check()?;
        Ok(notes)
    }

    /// Name the file that the next rows come from, for messages about rejected rows.
    fn name_file(&mut self, name: &str) -> PyResult<()> {
        self.planner()?.name_file(name);
        Ok(())
    }

    /// Take the next block of a text file.
    fn feed(&mut self, py: Python<'_>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
        // `bytes` never change, and `block` keeps them alive until this method returns.
        let bytes = block.as_bytes();
        let planner = self.planner.as_mut().ok_or_else(used_up)?;
        py.detach(|| self.lines.feed(bytes, planner));
        Ok(planner.check()?)
    }

    /// End a text file.
    fn end_of_file(&mut self) -> PyResult<()> {
        let planner = self.planner.as_mut().ok_or_else(used_up)?;
        self.lines.end_of_file(planner);
        Ok(())
    }

    /// Take raw digests from a C-contiguous buffer of uint8 whose length is a multiple of 32.
    fn extend_raw(&mut self, digests: &Bound<'_, PyAny>) -> PyResult<()> {
        fixed::raw(self.planner()?, digests)
    }

    /// Take text from a C-contiguous buffer of uint8, `width` bytes an item: bytes, or with `wide` code
    /// points of four bytes in the machine's order. Zeros at the end of an item are padding.
    #[pyo3(signature = (items, width, *, wide = false))]
    fn extend_fixed(&mut self, items: &Bound<'_, PyAny>, width: usize, wide: bool) -> PyResult<()> {
        let take = if wide { fixed::wide } else { fixed::bytes };
        take(self.planner()?, items, width)
    }

    /// Take an object with `__arrow_c_stream__` or `__arrow_c_array__`. With `raw`, its binary values of
    /// variable length are raw digests.
    #[pyo3(signature = (data, *, raw = false))]
    fn extend_arrow(&mut self, data: &Bound<'_, PyAny>, raw: bool) -> PyResult<()> {
        let raw = raw || self.raw;
        arrow::extend(self.planner()?, data, raw)
    }

    /// Return the plan of all rows taken so far. The planner cannot be used afterwards.
    fn finish(&mut self, py: Python<'_>, batch_size: usize) -> PyResult<PyPlan> {
        if !(1..=MAX_BATCH).contains(&batch_size) {
            let message = format!("batch_size must be from 1 to {MAX_BATCH}, not {batch_size}");
            return Err(PyValueError::new_err(message));
        }
        self.end_of_file()?;
        let planner = self.planner.take();
        let planner = planner.ok_or_else(used_up)?;
        Ok(PyPlan::new(py.detach(|| planner.finish(batch_size))?))
    }
}

impl PyPlanner {
    fn planner(&mut self) -> PyResult<&mut Planner> {
        self.planner.as_mut().ok_or_else(used_up)
    }
}

fn used_up() -> PyErr {
    PyValueError::new_err("this planner has already become a plan")
}
