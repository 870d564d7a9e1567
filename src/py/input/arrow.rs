//! Rows from Arrow arrays: text, bytes, dictionaries of them, and raw digests.

use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::types::ByteArrayType;
use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, GenericByteArray, OffsetSizeTrait, downcast_dictionary_array,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer};
use arrow_schema::DataType;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::capsule::Stream;
use crate::digest::Digest;
use crate::memory;
use crate::plan::planner::Planner;

/// Rows that are parsed before a check for Ctrl-C: some hundredths of a second.
const PIECE_ROWS: usize = 1 << 20;
/// Most column names that a message shows.
const SHOWN_NAMES: usize = 20;
/// Bytes of a raw digest.
const DIGEST_LEN: i32 = 32;
/// Widths of fixed-size text: hex digits alone, and the digest in full.
const TEXT_LENS: [i32; 2] = [64, 71];

/// Takes all arrays of an object with `__arrow_c_stream__` or `__arrow_c_array__`, one at a time. With `raw`,
/// binary values of variable length are raw digests, and not text.
pub(in crate::py) fn extend(planner: &mut Planner, data: &Bound<'_, PyAny>, raw: bool) -> PyResult<()> {
    let py = data.py();
    let mut stream = Stream::of(data)?;
    let is_table = check_type(stream.data_type())?;
    while let Some(array) = py.detach(|| stream.next())? {
        let (array, nulls) = if is_table { only_column(&array)? } else { (array, None) };
        planner.expect(array.len());
        // The union of two is a copy.
        memory::ensure(if nulls.is_some() { array.len() / 8 } else { 0 })?;
        let nulls = NullBuffer::union(array.nulls(), nulls.as_ref());
        for start in (0..array.len()).step_by(PIECE_ROWS) {
            let length = PIECE_ROWS.min(array.len() - start);
            let nulls = nulls.as_ref().map(|nulls| nulls.slice(start, length));
            let taken = py.detach(|| take(planner, &array.slice(start, length), nulls.as_ref(), raw));
            planner.check()?;
            taken.map_err(|Malformed| {
                PyValueError::new_err("malformed Arrow array: a value outside its data")
            })?;
            py.check_signals()?;
        }
        // The array may belong to Python, and releasing it may take the lock, so the lock is not held here.
        py.detach(|| drop(array));
    }
    py.detach(|| drop(stream));
    Ok(())
}

/// Returns true for a table with one column of rows, and false for a column of rows.
fn check_type(data_type: &DataType) -> PyResult<bool> {
    let DataType::Struct(columns) = data_type else {
        return if holds_rows(data_type) { Ok(false) } else { Err(not_rows(data_type)) };
    };
    match columns.as_ref() {
        [] => Err(PyValueError::new_err("the table has no columns, so it holds no digests")),
        [column] if holds_rows(column.data_type()) => Ok(true),
        [column] => Err(not_rows(column.data_type())),
        [first, ..] => {
            let likely = columns.iter().find(|column| column.name().eq_ignore_ascii_case("digest"));
            let names = columns.iter().map(|column| format!("{:?}", column.name())).take(SHOWN_NAMES);
            let mut names = names.collect::<Vec<_>>().join(", ");
            if columns.len() > SHOWN_NAMES {
                names.push_str(", ...");
            }
            Err(PyValueError::new_err(format!(
                "the table has {} columns ({names}): pass the one that holds the digests, such as table[{:?}]",
                columns.len(),
                likely.unwrap_or(first).name()
            )))
        }
    }
}

fn holds_rows(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => true,
        DataType::FixedSizeBinary(width) => *width == DIGEST_LEN || TEXT_LENS.contains(width),
        DataType::Dictionary(_, values) => {
            !matches!(**values, DataType::Dictionary(..)) && holds_rows(values)
        }
        _ => false,
    }
}

/// Whether the values are bytes that need not be text.
fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}

fn not_rows(data_type: &DataType) -> PyErr {
    let name = data_type.to_string().to_lowercase();
    PyTypeError::new_err(format!(
        "an Arrow column of {name} holds no digests: expected text, binary, a dictionary of these, or \
         fixed-size binary of 32 (raw), 64 or 71 bytes"
    ))
}

/// Returns the only column of a table, and the nulls of the table's own lines.
fn only_column(table: &ArrayRef) -> PyResult<(ArrayRef, Option<NullBuffer>)> {
    if table.data_type().is_null() {
        return Ok((table.clone(), None));
    }
    let columns = table.as_struct_opt().filter(|table| table.num_columns() == 1);
    let columns = columns.ok_or_else(|| PyValueError::new_err("the Arrow stream broke its own schema"))?;
    Ok((columns.column(0).clone(), columns.nulls().cloned()))
}

/// The error of an array whose offsets point outside its data.
#[derive(Debug)]
struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed")
    }
}

fn take(
    planner: &mut Planner,
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
    is_raw: bool,
) -> Result<(), Malformed> {
    match array.data_type() {
        DataType::Null => {
            (0..array.len()).for_each(|_| planner.not_text(None));
            Ok(())
        }
        DataType::Dictionary(..) => dictionary(planner, array, nulls, is_raw),
        DataType::FixedSizeBinary(DIGEST_LEN) => raw(planner, array.as_fixed_size_binary(), nulls),
        _ => {
            let values = Values::of(array)?;
            let is_raw = is_raw && is_binary(array.data_type());
            for row in 0..array.len() {
                if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                    planner.not_text(None);
                } else if is_raw {
                    planner.raw_row(values.get(row).ok_or(Malformed)?);
                } else {
                    planner.row(values.get(row).ok_or(Malformed)?);
                }
            }
            Ok(())
        }
    }
}

fn raw(
    planner: &mut Planner,
    array: &FixedSizeBinaryArray,
    nulls: Option<&NullBuffer>,
) -> Result<(), Malformed> {
    let width = DIGEST_LEN as usize;
    let data = array.value_data().get(..array.len() * width).ok_or(Malformed)?;
    let Some(nulls) = nulls else {
        planner.raw(Digest::all_in(data));
        return Ok(());
    };
    let mut row = 0;
    for (start, end) in nulls.valid_slices() {
        (row..start).for_each(|_| planner.not_text(None));
        planner.raw(Digest::all_in(&data[start * width..end * width]));
        row = end;
    }
    (row..array.len()).for_each(|_| planner.not_text(None));
    Ok(())
}

/// Takes the rows of a dictionary. Each row is parsed on its own, which costs little beside the dedupe, so
/// that it is counted and rejected exactly as outside a dictionary.
fn dictionary(
    planner: &mut Planner,
    array: &ArrayRef,
    nulls: Option<&NullBuffer>,
    is_raw: bool,
) -> Result<(), Malformed> {
    downcast_dictionary_array!(
        array => {
            let values = array.values();
            let is_raw = *values.data_type() == DataType::FixedSizeBinary(DIGEST_LEN)
                || is_raw && is_binary(values.data_type());
            let value_nulls = values.nulls();
            let all_null = *values.data_type() == DataType::Null;
            let cells = if all_null { None } else { Some(Values::of(values)?) };
            for (row, key) in array.keys().values().iter().enumerate() {
                // A null's key may be anything.
                if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                    planner.not_text(None);
                    continue;
                }
                let key = key.to_usize().filter(|key| *key < values.len()).ok_or(Malformed)?;
                if all_null || value_nulls.is_some_and(|nulls| nulls.is_null(key)) {
                    planner.not_text(None);
                    continue;
                }
                let value = cells.as_ref().and_then(|cells| cells.get(key)).ok_or(Malformed)?;
                if is_raw {
                    planner.raw_row(value);
                } else {
                    planner.row(value);
                }
            }
            Ok(())
        },
        _ => Err(Malformed)
    )
}

/// Where the bytes of each value are. The array's offsets are checked.
enum Values<'a> {
    Small(&'a [i32], &'a [u8]),
    Large(&'a [i64], &'a [u8]),
    /// Sixteen bytes for each value: its length, and the value or its address.
    Views(&'a [u8], &'a [Buffer]),
    Fixed(usize, &'a [u8]),
}

impl<'a> Values<'a> {
    fn of(array: &'a dyn Array) -> Result<Self, Malformed> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::small(array.as_string()),
            DataType::Binary => Self::small(array.as_binary()),
            DataType::LargeUtf8 => Self::large(array.as_string()),
            DataType::LargeBinary => Self::large(array.as_binary()),
            DataType::Utf8View => {
                let array = array.as_string_view();
                Self::Views(array.views().inner().as_slice(), array.data_buffers())
            }
            DataType::BinaryView => {
                let array = array.as_binary_view();
                Self::Views(array.views().inner().as_slice(), array.data_buffers())
            }
            DataType::FixedSizeBinary(width) => {
                Self::Fixed(*width as usize, array.as_fixed_size_binary().value_data())
            }
            _ => return Err(Malformed),
        })
    }

    fn small<T: ByteArrayType<Offset = i32>>(array: &'a GenericByteArray<T>) -> Self {
        Self::Small(array.value_offsets(), array.value_data())
    }

    fn large<T: ByteArrayType<Offset = i64>>(array: &'a GenericByteArray<T>) -> Self {
        Self::Large(array.value_offsets(), array.value_data())
    }

    #[inline]
    fn get(&self, at: usize) -> Option<&'a [u8]> {
        match self {
            Self::Small(offsets, data) => between(offsets, data, at),
            Self::Large(offsets, data) => between(offsets, data, at),
            Self::Views(views, buffers) => {
                let view = views.get(at * 16..)?.first_chunk::<16>()?;
                let part = |at: usize| view.get(at..)?.first_chunk().map(|part| u32::from_ne_bytes(*part));
                let length = part(0)? as usize;
                if length <= 12 {
                    return views.get(at * 16 + 4..)?.get(..length);
                }
                let (buffer, start) = (part(8)? as usize, part(12)? as usize);
                buffers.get(buffer)?.as_slice().get(start..start + length)
            }
            Self::Fixed(width, data) => data.get(at * width..)?.get(..*width),
        }
    }
}

#[inline]
fn between<'a, O: OffsetSizeTrait>(offsets: &[O], data: &'a [u8], at: usize) -> Option<&'a [u8]> {
    data.get(offsets.get(at)?.to_usize()?..offsets.get(at + 1)?.to_usize()?)
}
