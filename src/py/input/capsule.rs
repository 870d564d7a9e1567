//! Reads Arrow arrays from the capsules of the PyCapsule interface.
//!
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>. The interface is raw
//! memory: names, released structures and counts are checked here, and the pointers in them must be trusted.
//! `pyo3-arrow` can read a stream too, but it panics if a stream fails without a message, and loses the
//! message of a stream that fails before its first array.

use std::ffi::{CStr, c_int};
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, NullArray, make_array, new_empty_array};
use arrow_schema::DataType;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

/// A sequence of arrays of one type.
pub(super) struct Stream {
    source: Source,
    data_type: DataType,
}

enum Source {
    Stream(FFI_ArrowArrayStream),
    Array(Option<FFI_ArrowArray>),
}

impl Stream {
    /// Asks `data` for its arrays, by the stream method if it has that, else by the array method.
    pub(super) fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        if data.hasattr("__arrow_c_stream__")? {
            let given = data.call_method0("__arrow_c_stream__")?;
            let capsule =
                given.cast::<PyCapsule>().map_err(|_| not_as_promised("__arrow_c_stream__", &given))?;
            return Self::from_capsule(capsule);
        }
        let given = data.call_method0("__arrow_c_array__")?;
        let wrong = || not_as_promised("__arrow_c_array__", &given);
        let pair = given.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2).ok_or_else(wrong)?;
        let (schema, array) = (pair.get_item(0)?, pair.get_item(1)?);
        let schema = schema.cast::<PyCapsule>().map_err(|_| wrong())?;
        let array = array.cast::<PyCapsule>().map_err(|_| wrong())?;
        Self::from_pair(schema, array)
    }

    fn from_pair(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let schema = schema.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
        let array = array.pointer_checked(Some(c"arrow_array"))?.cast::<FFI_ArrowArray>();
        // SAFETY: a capsule of this name holds this structure, aligned and initialised: the interface's
        // contract. It stays where it is while the capsule is borrowed.
        let data_type = data_type_of(unsafe { schema.as_ref() })?;
        // SAFETY: likewise, and the contract lets the consumer take the array; the structure left behind is
        // marked as released.
        let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
        if array.is_released() {
            return Err(PyValueError::new_err("the Arrow array has been read already"));
        }
        Ok(Self { source: Source::Array(Some(array)), data_type })
    }

    fn from_capsule(capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast::<FFI_ArrowArrayStream>();
        // SAFETY: by the interface's contract, a capsule of this name holds this structure, aligned and
        // initialised, and the consumer may take it. The structure left behind is marked as released.
        let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
        let Some(get_schema) = stream.get_schema.filter(|_| stream.release.is_some()) else {
            return Err(PyValueError::new_err("the Arrow stream has been read already"));
        };
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the stream is not released, so its callback may be called with it and an empty
        // structure to fill. It takes the interpreter lock itself if it needs it.
        let code = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        if code != 0 {
            return Err(failed(&mut stream, code));
        }
        let data_type = data_type_of(&schema)?;
        Ok(Self { source: Source::Stream(stream), data_type })
    }

    /// Returns the type of every array.
    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Returns the next array; None after the last. Does not need the interpreter lock.
    pub(super) fn next(&mut self) -> PyResult<Option<ArrayRef>> {
        let stream = match &mut self.source {
            Source::Array(array) => {
                return array.take().map(|array| import(array, &self.data_type)).transpose();
            }
            Source::Stream(stream) => stream,
        };
        let Some(get_next) = stream.get_next else {
            return Err(PyValueError::new_err("the Arrow stream has been read already"));
        };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as for `get_schema`; `&mut self` keeps two calls from running at once.
        let code = unsafe { get_next(&raw mut *stream, &raw mut array) };
        if code != 0 {
            return Err(failed(stream, code));
        }
        if array.is_released() {
            return Ok(None);
        }
        import(array, &self.data_type).map(Some)
    }
}

/// Imports an array. A column of only nulls, and a table with only such a column, become a null array.
fn import(array: FFI_ArrowArray, data_type: &DataType) -> PyResult<ArrayRef> {
    let malformed = |why: String| PyValueError::new_err(format!("malformed Arrow array: {why}"));
    if array.is_empty() {
        // The offsets of an empty slice may point behind its data.
        return Ok(new_empty_array(data_type));
    }
    match data_type {
        // Polars gives null columns a buffer that the interface forbids, and the import would refuse them.
        DataType::Null => return Ok(Arc::new(NullArray::new(array.len()))),
        DataType::Struct(columns) if columns.len() != array.num_children() => {
            return Err(malformed(format!("{} columns instead of {}", array.num_children(), columns.len())));
        }
        DataType::Struct(columns) if columns.iter().all(|column| column.data_type().is_null()) => {
            return Ok(Arc::new(NullArray::new(array.len())));
        }
        _ => {}
    }
    // SAFETY: by the interface's contract, the array is of the type of its schema or stream.
    let data = unsafe { from_ffi_and_data_type(array, data_type.clone()) };
    let data = data.map_err(|error| malformed(error.to_string()))?;
    // Checks what does not need a look at each value, so that a malformed array is an error and not a panic.
    data.validate().map_err(|error| malformed(error.to_string()))?;
    Ok(make_array(data))
}

fn data_type_of(schema: &FFI_ArrowSchema) -> PyResult<DataType> {
    DataType::try_from(schema).map_err(|error| PyTypeError::new_err(error.to_string()))
}

fn not_as_promised(method: &str, given: &Bound<'_, PyAny>) -> PyErr {
    let kind = given.get_type().name().map_or_else(|_| "an object".into(), |name| name.to_string());
    PyTypeError::new_err(format!("{method}() gave {kind} instead of what the Arrow PyCapsule interface says"))
}

/// Makes an exception of the stream's message. The interface passes a number and a text, not the original
/// exception.
fn failed(stream: &mut FFI_ArrowArrayStream, code: c_int) -> PyErr {
    let message = stream.get_last_error.and_then(|get_last_error| {
        // SAFETY: the stream is not released, and one of its calls has just failed, after which the
        // interface allows this call. The text is valid until the next call, and is copied before that.
        let text = unsafe { get_last_error(stream) };
        // SAFETY: null, or a text that ends in a zero.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    });
    let message = message.unwrap_or_else(|| format!("error {code}"));
    PyRuntimeError::new_err(format!("the Arrow stream failed: {message}"))
}
