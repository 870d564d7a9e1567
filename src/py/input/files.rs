//! Rows from files: paths and open files, plain or compressed, in any format.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::super::python_file::{PythonFile, is_foreign, os_error};
use crate::input::decompress::TextSource;
use crate::input::{Column, Format, ReadError, read_block};

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

/// Takes a file: a path, or an object with `read(size)` that returns bytes. Exceptions of the object pass
/// through. Returns the notes of the format.
pub(in crate::py) fn read<T: Send, F: Format<T, Error: fmt::Display + Send> + Send>(
    taker: &mut T,
    file: &Bound<'_, PyAny>,
    mut format: F,
) -> PyResult<Vec<String>> {
    let py = file.py();
    if file.hasattr("read")? {
        let file = PythonFile(file.clone().unbind());
        let mut source = py.detach(|| TextSource::open(file))?;
        while read_blocks(py, &mut source, &mut format, taker).map_err(|error| match error {
            ReadError::Io(error) if is_foreign(&error) => PyValueError::new_err(error.to_string()),
            ReadError::Io(error) => error.into(),
            ReadError::Format(error) => PyValueError::new_err(error.to_string()),
        })? {}
        return Ok(format.notes());
    }
    let path: PathBuf = file.extract()?;
    let opened = py.detach(|| File::open(&path).and_then(TextSource::open));
    let mut source = opened.map_err(|error| os_error(error, &path))?;
    while read_blocks(py, &mut source, &mut format, taker).map_err(|error| match error {
        ReadError::Io(error) => os_error(error, &path),
        ReadError::Format(error) => PyValueError::new_err(format!("{}: {error}", path.display())),
    })? {
        // Ctrl-C while a large file is read.
        py.check_signals()?;
    }
    Ok(format.notes())
}

/// Reads some blocks with the interpreter lock released; returns false at the end of the file.
fn read_blocks<R: Read + Send, T: Send, F: Format<T, Error: Send> + Send>(
    py: Python<'_>,
    source: &mut TextSource<R>,
    format: &mut F,
    taker: &mut T,
) -> Result<bool, ReadError<F::Error>> {
    py.detach(|| {
        for _ in 0..BLOCKS_BETWEEN_SIGNALS {
            if !read_block(source, format, taker)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
