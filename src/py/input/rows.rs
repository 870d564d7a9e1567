//! Rows from any iterable: str, bytes, None, Arrow data of many rows, and objects that are not text.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyString, PyTuple};

use super::arrow;
use crate::memory;
use crate::plan::planner::Planner;

/// Bytes of rows that are parsed at most before other threads of the interpreter can run; with the planner's
/// blocks, some tenths of a millisecond of work.
const BYTES: usize = 1 << 20;

/// Takes every item as a row, or the rows of an item that is Arrow data, such as a record batch. With `raw`,
/// bytes are raw digests and not text. Exceptions of the iterable pass through.
pub(in crate::py) fn extend(planner: &mut Planner, rows: &Bound<'_, PyAny>, raw: bool) -> PyResult<()> {
    // Another object may have a length too, but asking for it runs its code.
    let known = rows.cast::<PyList>().map(PyListMethods::len);
    planner.expect(known.or_else(|_| rows.cast::<PyTuple>().map(PyTupleMethods::len)).unwrap_or_default());
    let mut taker = Taker { planner, raw, bytes: 0 };
    // Lists and tuples are iterated too: access by index took the same time, and prefetching items took
    // longer. An iterator stays valid if its list is changed meanwhile.
    for item in rows.try_iter()? {
        taker.item(&item?)?;
    }
    taker.pause(rows.py())
}

/// Parses rows where they are, under the interpreter lock: a copy would take longer than to parse them. Their
/// look-up, which waits for memory, is done with the lock released.
struct Taker<'a> {
    planner: &'a mut Planner,
    raw: bool,
    /// Bytes of the rows since the last pause.
    bytes: usize,
}

impl Taker<'_> {
    #[inline]
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
            return self.bytes(item.py(), bytes.as_bytes());
        }
        if let Ok(bytes) = item.cast::<PyByteArray>() {
            memory::ensure(bytes.len())?;
            return self.bytes(item.py(), &bytes.to_vec());
        }
        if item.is_none() {
            self.planner.keep_not_text(None);
        } else if is_arrow(item)? {
            self.pause(item.py())?;
            return arrow::extend(self.planner, item, self.raw);
        } else {
            self.planner.keep_not_text(Some(describe(item).as_bytes()));
        }
        self.taken(item.py(), 0)
    }

    #[inline]
    fn bytes(&mut self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        if !self.raw {
            return self.text(py, bytes);
        }
        self.planner.keep_raw_row(bytes);
        self.taken(py, bytes.len())
    }

    #[inline]
    fn text(&mut self, py: Python<'_>, text: &[u8]) -> PyResult<()> {
        self.planner.keep_row(text);
        self.taken(py, text.len())
    }

    #[inline]
    fn taken(&mut self, py: Python<'_>, bytes: usize) -> PyResult<()> {
        self.bytes += bytes;
        if self.planner.is_full() || self.bytes >= BYTES { self.pause(py) } else { Ok(()) }
    }

    #[cold]
    fn pause(&mut self, py: Python<'_>) -> PyResult<()> {
        self.bytes = 0;
        py.detach(|| self.planner.flush_if_full());
        self.planner.check()?;
        // A long list may run no Python code, so Ctrl-C is checked here.
        py.check_signals()
    }
}

/// Returns whether an item holds rows itself: a record batch, an array, a table.
#[cold]
fn is_arrow(item: &Bound<'_, PyAny>) -> PyResult<bool> {
    // Looked up on the type, because an object may make up attributes.
    let kind = item.get_type();
    Ok(kind.hasattr("__arrow_c_array__")? || kind.hasattr("__arrow_c_stream__")?)
}

/// Describes a row that is not text, for the report. The object's `repr` is the caller's code and may fail.
fn describe(item: &Bound<'_, PyAny>) -> String {
    let shown = item.repr().map(|text| text.to_string_lossy().into_owned());
    shown.unwrap_or_else(|_| {
        format!("<{}>", item.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string()))
    })
}
