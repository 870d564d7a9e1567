//! Python file objects as readers, and the errors of files as Python raises them.

use std::io::{self, Read};
use std::path::Path;

use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::input::foreign::Foreign;

/// A Python object with `read(size)`. Each read takes the interpreter lock.
pub(super) struct PythonFile(pub(super) Py<PyAny>);

impl Read for PythonFile {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let read = self.0.bind(py).call_method1("read", (block.len(),))?;
            let Ok(read) = read.cast::<PyBytes>() else {
                let kind = read.get_type().name()?;
                let message = format!("read() gave {kind}; open the file in binary mode (\"rb\")");
                return Err(PyTypeError::new_err(message).into());
            };
            let read = read.as_bytes();
            let Some(block) = block.get_mut(..read.len()) else {
                return Err(PyOSError::new_err("read(size) gave more than size bytes").into());
            };
            block.copy_from_slice(read);
            Ok(read.len())
        })
    }
}

/// Returns true if the file was read, but is not text.
pub(super) fn is_foreign(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Foreign>()).is_some()
}

/// Makes the `OSError` that Python's `open` would raise, with `errno` and the file's name.
pub(super) fn os_error(error: io::Error, path: &Path) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            // Rust appends the number to the text, and Python puts it in front.
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, text, path.as_os_str().to_owned()))
        }
        None => match error.get_ref() {
            Some(inner) if inner.is::<PyErr>() => error.into(),
            _ if is_foreign(&error) => PyValueError::new_err(format!("{}: {error}", path.display())),
            _ => PyOSError::new_err(format!("{}: {error}", path.display())),
        },
    }
}
