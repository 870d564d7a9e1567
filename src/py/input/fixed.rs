//! Rows from arrays with items of one width: raw digests, and numpy's text.

use std::ptr::NonNull;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::digest::Digest;
use crate::memory;
use crate::plan::planner::Planner;

/// Bytes that are copied before the interpreter lock is released to parse them.
const BLOCK_BYTES: usize = 256 << 10;
/// Bytes of a raw digest.
const DIGEST_LEN: usize = 32;
/// Bytes of a character in numpy's `U` arrays.
const WIDE: usize = 4;

/// Takes raw digests.
pub(in crate::py) fn raw(planner: &mut Planner, digests: &Bound<'_, PyAny>) -> PyResult<()> {
    blocks(planner, digests, DIGEST_LEN, |planner, block| {
        planner.raw(Digest::all_in(block));
    })
}

/// Takes text, `width` bytes an item: bytes padded with zeros, as numpy's `S` arrays hold them.
pub(in crate::py) fn bytes(planner: &mut Planner, items: &Bound<'_, PyAny>, width: usize) -> PyResult<()> {
    blocks(planner, items, width, |planner, block| {
        for item in block.chunks_exact(width) {
            let end = item.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            planner.row(&item[..end]);
        }
    })
}

/// Takes text, `width` bytes an item: code points of four bytes in the machine's order, padded with
/// zeros, as numpy's `U` arrays hold them.
pub(in crate::py) fn wide(planner: &mut Planner, items: &Bound<'_, PyAny>, width: usize) -> PyResult<()> {
    if !width.is_multiple_of(WIDE) {
        return Err(PyValueError::new_err(format!("{width} bytes are not a whole number of code points")));
    }
    // UTF-8 takes at most as many bytes.
    let mut text = memory::with_room(width)?;
    blocks(planner, items, width, |planner, block| {
        for item in block.chunks_exact(width) {
            let (points, _) = item.as_chunks::<WIDE>();
            let end = points.iter().rposition(|point| *point != [0; WIDE]).map_or(0, |last| last + 1);
            narrow(&points[..end], &mut text);
            planner.row(&text);
        }
    })
}

/// Encodes code points as UTF-8, so that offsets count the same bytes as for a str.
fn narrow(points: &[[u8; WIDE]], text: &mut Vec<u8>) {
    text.clear();
    let points = points.iter().map(|point| u32::from_ne_bytes(*point));
    text.extend(points.clone().map(|point| point as u8));
    // A pass of its own, because the compiler turns it into a few wide instructions.
    if points.clone().fold(0, |all, point| all | point) < 0x80 {
        return;
    }
    text.clear();
    for point in points {
        match char::from_u32(point) {
            Some(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            // A lone surrogate has no UTF-8; as three bytes it is a row like any other.
            None if point < 0x1_0000 => text.extend_from_slice(&[
                0xe0 | (point >> 12) as u8,
                0x80 | (point >> 6 & 0x3f) as u8,
                0x80 | (point & 0x3f) as u8,
            ]),
            // Not a code point: numpy itself cannot make a str of it.
            None => text.extend_from_slice("\u{fffd}".as_bytes()),
        }
    }
}

/// Passes the items of a C-contiguous buffer of uint8, `width` bytes each, to `take` in blocks.
///
/// The caller may write to a writable buffer while the lock is released, so the buffer is read only here,
/// under the lock, and the copy is parsed. A row that is written meanwhile is taken in its old or its new
/// state, and other rows are not affected.
fn blocks(
    planner: &mut Planner,
    items: &Bound<'_, PyAny>,
    width: usize,
    mut take: impl FnMut(&mut Planner, &[u8]) + Send,
) -> PyResult<()> {
    let py = items.py();
    let buffer = PyBuffer::<u8>::get(items)?;
    let source =
        buffer.as_slice_ptr().ok_or_else(|| PyValueError::new_err("the buffer is not C-contiguous"))?;
    if width == 0 || !source.len().is_multiple_of(width) {
        let message = format!("{} bytes are not a whole number of {width}-byte items", source.len());
        return Err(PyValueError::new_err(message));
    }
    planner.expect(source.len() / width);
    let step = (BLOCK_BYTES / width).max(1) * width;
    let mut copied = memory::filled(0, step.min(source.len()))?;
    for start in (0..source.len()).step_by(step) {
        let block = &mut copied[..step.min(source.len() - start)];
        // SAFETY: the bytes lie within `source`, since `start + block.len() <= source.len()`;
        // `buffer` keeps it exported, so it is neither moved nor freed; the copy cannot overlap it.
        unsafe {
            let bytes = source.cast::<u8>().add(start);
            bytes.copy_to_nonoverlapping(NonNull::from(&mut *block).cast(), block.len());
        }
        py.detach(|| take(planner, block));
        planner.check()?;
        py.check_signals()?;
    }
    Ok(())
}
