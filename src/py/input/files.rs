//! Rows from files: paths and open files, plain or compressed, in any format.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;

use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;

use super::super::python_file::{PythonFile, is_foreign, os_error};
use crate::comparison::Comparison;
use crate::input::decompress::TextSource;
use crate::input::{Column, Format, ReadError, read_block, rows_left, rows_of};
use crate::memory::{self, OutOfMemory};
use crate::plan::planner::Planner;

/// Blocks that are read before a check for Ctrl-C: some tens of megabytes.
const BLOCKS_BETWEEN_SIGNALS: usize = 128;

/// A column's name or number, as Python gives it.
#[derive(FromPyObject)]
pub(in crate::py) enum ColumnArgument {
    Number(usize),
    Name(String),
}

impl From<Option<ColumnArgument>> for Column {
    fn from(column: Option<ColumnArgument>) -> Self {
        match column {
            None => Self::Only,
            Some(ColumnArgument::Number(number)) => Self::Number(number),
            Some(ColumnArgument::Name(name)) => Self::Name(name),
        }
    }
}

/// Bytes that reading a file takes at once: the blocks, a long line, and the window of a decompressor.
const FILE_MEMORY: usize = 4 << 20;

/// What takes the rows of a file, and tells whether the memory sufficed for those so far.
pub(in crate::py) trait RowTaker: Send {
    fn check(&self) -> Result<(), OutOfMemory>;

    /// Says that about so many rows will come.
    fn expect(&mut self, rows: usize);

    /// The same, in place of what was said before.
    fn expect_only(&mut self, rows: usize);

    /// Returns the number of rows so far.
    fn rows(&self) -> usize;
}

impl RowTaker for Planner {
    fn check(&self) -> Result<(), OutOfMemory> {
        Planner::check(self)
    }

    fn expect(&mut self, rows: usize) {
        Planner::expect(self, rows);
    }

    fn expect_only(&mut self, rows: usize) {
        Planner::expect_only(self, rows);
    }

    fn rows(&self) -> usize {
        Planner::rows(self)
    }
}

impl RowTaker for Comparison {
    fn check(&self) -> Result<(), OutOfMemory> {
        Comparison::check(self)
    }

    fn expect(&mut self, rows: usize) {
        Comparison::expect(self, rows);
    }

    fn expect_only(&mut self, rows: usize) {
        Comparison::expect_only(self, rows);
    }

    fn rows(&self) -> usize {
        Comparison::rows(self)
    }
}

/// Takes a file: a path, or an object with `read(size)` that returns bytes. Exceptions of the object pass
/// through. Returns the notes of the format.
pub(in crate::py) fn read<T: RowTaker, F: Format<T, Error: fmt::Display + Send> + Send>(
    taker: &mut T,
    file: &Bound<'_, PyAny>,
    mut format: F,
) -> PyResult<Vec<String>> {
    let py = file.py();
    memory::ensure(FILE_MEMORY)?;
    if file.hasattr("read")? {
        let file = PythonFile(file.clone().unbind());
        let mut source = py.detach(|| TextSource::open(file))?;
        while read_blocks(py, &mut source, &mut format, taker, None).map_err(|error| match error {
            ReadError::Io(error) if is_foreign(&error) => PyValueError::new_err(error.to_string()),
            ReadError::Io(error) => no_memory(&error).unwrap_or_else(|| error.into()),
            ReadError::Format(error) => PyValueError::new_err(error.to_string()),
        })? {
            taker.check()?;
        }
        taker.check()?;
        return Ok(format.notes());
    }
    let path: PathBuf = file.extract()?;
    let opened = py.detach(|| {
        let file = File::open(&path)?;
        // A pipe has no length. The rows of a compressed file are more than its length tells.
        let bytes = file.metadata()?.len();
        Ok((bytes, TextSource::open(file)?))
    });
    let (bytes, mut source) = opened.map_err(|error| os_error(error, &path))?;
    taker.expect(rows_of(bytes));
    let whole = Some(Whole { bytes, rows_before: taker.rows() });
    while read_blocks(py, &mut source, &mut format, taker, whole).map_err(|error| match error {
        ReadError::Io(error) => no_memory(&error).unwrap_or_else(|| os_error(error, &path)),
        ReadError::Format(error) => PyValueError::new_err(format!("{}: {error}", path.display())),
    })? {
        taker.check()?;
        // Ctrl-C while a large file is read.
        py.check_signals()?;
    }
    taker.check()?;
    Ok(format.notes())
}

/// Returns the exception for an error that is a lack of memory: of the system, or of a decompressor.
fn no_memory(error: &io::Error) -> Option<PyErr> {
    let by_zstd = error.get_ref().is_some() && error.to_string().contains("not enough memory");
    let refused = by_zstd || matches!(error.kind(), ErrorKind::OutOfMemory);
    refused.then(|| PyMemoryError::new_err("no memory to read the file; give the process more"))
}

/// A file whose length is known.
#[derive(Clone, Copy)]
struct Whole {
    bytes: u64,
    /// Rows that were taken before the file.
    rows_before: usize,
}

/// Reads some blocks with the interpreter lock released; returns false at the end of the file.
fn read_blocks<R: Read + Send, T: RowTaker, F: Format<T, Error: Send> + Send>(
    py: Python<'_>,
    source: &mut TextSource<R>,
    format: &mut F,
    taker: &mut T,
    whole: Option<Whole>,
) -> Result<bool, ReadError<F::Error>> {
    py.detach(|| {
        for _ in 0..BLOCKS_BETWEEN_SIGNALS {
            // A planner without memory takes no more rows, and the caller asks it.
            if !read_block(source, format, taker)? || taker.check().is_err() {
                return Ok(false);
            }
            // The lines may be much longer than digests.
            if let (Some(Whole { bytes, rows_before }), Some(taken)) = (whole, source.taken()) {
                taker.expect_only(rows_left(bytes, taken, taker.rows() - rows_before));
            }
        }
        Ok(true)
    })
}
