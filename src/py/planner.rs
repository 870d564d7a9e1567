//! Rows out of Python objects, a block at a time.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::ptr::NonNull;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use super::files::{PythonFile, os_error};
use super::plan::PyPlan;
use crate::batch::MAX_BATCH;
use crate::digest::Digest;
use crate::plan::Planner;
use crate::source::TextSource;

/// Bytes of a raw digest.
const DIGEST_LEN: usize = 32;
/// Rows copied before the interpreter lock is given back and they are parsed.
const BLOCK_ROWS: usize = 4_096;
/// Blocks of a file that are read before Ctrl-C is looked for: some tens of megabytes.
const BLOCKS_BETWEEN_SIGNALS: usize = 32;
/// A row longer than this is parsed where it is instead of being copied.
const LONG_ROW: usize = 4_096;

/// Takes rows in blocks and becomes a `Plan`.
#[pyclass(name = "Planner", module = "layercheck._core")]
pub(super) struct PyPlanner {
    planner: Option<Planner>,
    block: Block,
}

#[pymethods]
impl PyPlanner {
    #[new]
    #[pyo3(signature = (*, strict = false))]
    fn new(strict: bool) -> Self {
        Self { planner: Some(Planner::new(strict)), block: Block::default() }
    }

    /// Takes every item of an iterable of str, bytes or None as a row. What the iterable itself
    /// raises passes through.
    fn extend(&mut self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<()> {
        for item in rows.try_iter()? {
            self.item(&item?)?;
            if self.block.ends.len() >= BLOCK_ROWS {
                self.flush(py)?;
            }
        }
        self.flush(py)
    }

    /// Takes a text file, plain, gzipped or zstd-compressed: a path, or an object with `read(size)`
    /// that gives bytes. What the object raises passes through.
    fn read(&mut self, py: Python<'_>, file: &Bound<'_, PyAny>) -> PyResult<()> {
        let planner = self.planner()?;
        if file.hasattr("read")? {
            let file = PythonFile(file.clone().unbind());
            let mut source = py.detach(|| TextSource::open(file))?;
            while read_blocks(py, &mut source, planner)? {}
            return Ok(());
        }
        let path: PathBuf = file.extract()?;
        let opened = py.detach(|| File::open(&path).and_then(TextSource::open));
        let mut source = opened.map_err(|error| os_error(error, &path))?;
        while read_blocks(py, &mut source, planner).map_err(|error| os_error(error, &path))? {
            // Ctrl-C while a large file is read.
            py.check_signals()?;
        }
        Ok(())
    }

    /// Takes the next block of a text file.
    fn feed(&mut self, py: Python<'_>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
        // Bytes never change, and `block` holds them until we return.
        let bytes = block.as_bytes();
        let planner = self.planner()?;
        py.detach(|| planner.feed(bytes));
        Ok(())
    }

    /// Ends a text file.
    fn end_of_file(&mut self) -> PyResult<()> {
        self.planner()?.end_of_file();
        Ok(())
    }

    /// Takes raw digests from any C-contiguous buffer of uint8 whose length is a multiple of 32.
    fn extend_raw(&mut self, py: Python<'_>, digests: &Bound<'_, PyAny>) -> PyResult<()> {
        let buffer = PyBuffer::<u8>::get(digests)?;
        let memory =
            buffer.as_slice_ptr().ok_or_else(|| PyValueError::new_err("the buffer is not C-contiguous"))?;
        if memory.len() % DIGEST_LEN != 0 {
            let message = format!("{} bytes are not a whole number of 32-byte digests", memory.len());
            return Err(PyValueError::new_err(message));
        }
        let planner = self.planner()?;
        let rows = memory.len() / DIGEST_LEN;
        let mut copied = vec![Digest([0; DIGEST_LEN]); BLOCK_ROWS.min(rows)];
        for start in (0..rows).step_by(BLOCK_ROWS) {
            let block = &mut copied[..BLOCK_ROWS.min(rows - start)];
            // The caller may write to a writable buffer while the lock is given back; so it is
            // read only here, under the lock, and what is parsed is our copy.
            // SAFETY: the source lies within `memory`, since `start + block.len() <= rows`; `buffer`
            // keeps it exported, so it is neither moved nor freed; our own copy cannot overlap it.
            unsafe {
                let source = memory.cast::<Digest>().add(start);
                source.copy_to_nonoverlapping(NonNull::from(&mut *block).cast(), block.len());
            }
            py.detach(|| planner.raw(block));
        }
        Ok(())
    }

    /// The plan of all rows taken so far; the planner is used up.
    fn finish(&mut self, py: Python<'_>, batch_size: usize) -> PyResult<PyPlan> {
        if !(1..=MAX_BATCH).contains(&batch_size) {
            let message = format!("batch_size must be from 1 to {MAX_BATCH}, not {batch_size}");
            return Err(PyValueError::new_err(message));
        }
        self.planner()?;
        let planner = self.planner.take();
        let plan = planner.map(|planner| py.detach(|| planner.finish(batch_size)));
        plan.map(PyPlan::new).ok_or_else(used_up)
    }
}

/// Feeds some blocks off the interpreter lock; false at the end of the file.
fn read_blocks<R: Read + Send>(
    py: Python<'_>,
    source: &mut TextSource<R>,
    planner: &mut Planner,
) -> io::Result<bool> {
    py.detach(|| {
        for _ in 0..BLOCKS_BETWEEN_SIGNALS {
            if !source.feed(planner)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

impl PyPlanner {
    fn planner(&mut self) -> PyResult<&mut Planner> {
        self.planner.as_mut().ok_or_else(used_up)
    }

    fn item(&mut self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(text) = item.cast::<PyString>() {
            if let Ok(text) = text.to_str() {
                return self.text(item.py(), text.as_bytes());
            }
            // A lone surrogate has no UTF-8; as three bytes it is a row like any other.
            let encoded = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
            return self.text(item.py(), encoded.cast::<PyBytes>()?.as_bytes());
        }
        if let Ok(bytes) = item.cast::<PyBytes>() {
            return self.text(item.py(), bytes.as_bytes());
        }
        if let Ok(bytes) = item.cast::<PyByteArray>() {
            return self.text(item.py(), &bytes.to_vec());
        }
        if item.is_none() {
            self.block.push_null();
        } else {
            self.block.push_other(describe(item).as_bytes());
        }
        Ok(())
    }

    fn text(&mut self, py: Python<'_>, text: &[u8]) -> PyResult<()> {
        if text.len() <= LONG_ROW {
            self.block.push_text(text);
            return Ok(());
        }
        self.flush(py)?;
        self.planner()?.row(text);
        Ok(())
    }

    fn flush(&mut self, py: Python<'_>) -> PyResult<()> {
        let planner = self.planner.as_mut().ok_or_else(used_up)?;
        let block = &mut self.block;
        py.detach(|| block.drain(planner));
        Ok(())
    }
}

fn used_up() -> PyErr {
    PyValueError::new_err("this planner has already become a plan")
}

/// What a row that is no text is, for the report. Its `repr` is the caller's code and may fail.
fn describe(item: &Bound<'_, PyAny>) -> String {
    let shown = item.repr().map(|text| text.to_string_lossy().into_owned());
    shown.unwrap_or_else(|_| {
        format!("<{}>", item.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string()))
    })
}

/// Rows copied out of Python: one arena, no allocation for each row.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    /// Where each row ends in `bytes`, and what it is.
    ends: Vec<(u32, Kind)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Null,
    Other,
}

impl Block {
    fn push_text(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push((self.bytes.len() as u32, Kind::Text));
    }

    fn push_null(&mut self) {
        self.ends.push((self.bytes.len() as u32, Kind::Null));
    }

    fn push_other(&mut self, shown: &[u8]) {
        self.bytes.extend_from_slice(&shown[..shown.len().min(LONG_ROW)]);
        self.ends.push((self.bytes.len() as u32, Kind::Other));
    }

    fn drain(&mut self, planner: &mut Planner) {
        let mut start = 0;
        for (end, kind) in self.ends.drain(..) {
            let row = &self.bytes[start..end as usize];
            start = end as usize;
            match kind {
                Kind::Text => planner.row(row),
                Kind::Null => planner.not_text(None),
                Kind::Other => planner.not_text(Some(row)),
            }
        }
        self.bytes.clear();
    }
}
