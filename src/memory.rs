//! Reserves memory that the system may refuse.
//!
//! Rust ends the process if it gets no memory. So everything that grows with the input is reserved here
//! first, and a refusal is the value [`OutOfMemory`]. A large column grows only if [`SPARE`] bytes are left
//! behind it, because what is small (a message, an exception, a block of a file) is not reserved.

use std::fmt;
use std::ops::Range;

use crate::allocator;
pub(crate) use crate::allocator::HUGE_PAGE;

/// Bytes that a large column leaves free.
pub const SPARE: usize = 4 << 20;

/// Size in bytes from which a column is large.
const LARGE: usize = 1 << 20;

/// The system gives no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes that were asked for.
    pub bytes: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the system refused {} bytes of memory; split the input, or give the process more",
            self.bytes
        )
    }
}

impl std::error::Error for OutOfMemory {}

/// Makes room for `more` items, and for some more as [`Vec::reserve`] does.
///
/// # Errors
/// [`OutOfMemory`]; the column is unchanged then.
#[inline]
pub fn reserve<T>(column: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
    if column.capacity() - column.len() < more { grow(column, more) } else { Ok(()) }
}

/// Makes room for exactly `more` items.
///
/// # Errors
/// [`OutOfMemory`]; the column is unchanged then.
pub fn reserve_exact<T>(column: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
    let refused = OutOfMemory { bytes: (column.len().saturating_add(more)).saturating_mul(size_of::<T>()) };
    column.try_reserve_exact(more).map_err(|_| refused)?;
    settle(column)
}

/// Adds an item.
///
/// # Errors
/// [`OutOfMemory`]; the column is unchanged then.
#[inline]
pub fn push<T>(column: &mut Vec<T>, item: T) -> Result<(), OutOfMemory> {
    reserve(column, 1)?;
    column.push(item);
    Ok(())
}

/// Adds copies of all items.
///
/// # Errors
/// [`OutOfMemory`]; the column is unchanged then.
#[inline]
pub fn extend<T: Copy>(column: &mut Vec<T>, items: &[T]) -> Result<(), OutOfMemory> {
    reserve(column, items.len())?;
    column.extend_from_slice(items);
    Ok(())
}

/// Uses the next huge page behind a large column, if that has room there. The time that this takes decides
/// whether the column goes on in huge pages. For a column that is written from front to back, after each block
/// of items.
#[inline]
pub fn touch_ahead<T: Copy>(column: &mut Vec<T>, item: T) {
    let size = column.capacity().saturating_mul(size_of::<T>());
    if size >= allocator::LARGE {
        touch(column, size, item);
    }
}

/// Tells whether a column of so many bytes is a mapping of its own, whose memory can be provided before its use.
#[inline]
#[must_use]
pub fn is_mapped(bytes: usize) -> bool {
    bytes >= allocator::LARGE
}

/// Asks the system for the pages of a part of a large column's memory now, and not when each is used first. Returns
/// false if the system cannot do that. `part` counts bytes from the start of `memory`.
#[must_use]
pub fn provide(memory: &Range<usize>, part: Range<usize>) -> bool {
    allocator::provide(memory, part)
}

#[inline(never)]
fn touch<T: Copy>(column: &mut Vec<T>, size: usize, item: T) {
    let start = column.as_mut_ptr().cast();
    let end = column.as_ptr_range().end.addr();
    let ahead = (end.next_multiple_of(allocator::HUGE_PAGE) - end).div_ceil(size_of::<T>());
    if let Some(place) = column.spare_capacity_mut().get_mut(ahead) {
        // Without `black_box`, the compiler may leave out an item that nothing reads.
        allocator::learn(start, size, || _ = std::hint::black_box(place).write(item));
    }
}

/// Makes an empty column with room for exactly `count` items.
///
/// # Errors
/// [`OutOfMemory`].
pub fn with_room<T>(count: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut column = Vec::new();
    let refused = OutOfMemory { bytes: count.saturating_mul(size_of::<T>()) };
    column.try_reserve_exact(count).map_err(|_| refused)?;
    settle(&column)?;
    Ok(column)
}

/// Makes a column of `count` equal items.
///
/// # Errors
/// [`OutOfMemory`].
pub fn filled<T: Clone>(item: T, count: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut column = with_room(count)?;
    column.resize(count, item);
    Ok(column)
}

/// Makes a copy of a column.
///
/// # Errors
/// [`OutOfMemory`].
pub fn copy<T: Copy>(items: &[T]) -> Result<Vec<T>, OutOfMemory> {
    let mut column = with_room(items.len())?;
    column.extend_from_slice(items);
    Ok(column)
}

/// Tells whether a library could get so many bytes just now, where it would end the process otherwise.
///
/// # Errors
/// [`OutOfMemory`].
pub fn ensure(bytes: usize) -> Result<(), OutOfMemory> {
    let mut probe = Vec::<u8>::new();
    probe.try_reserve_exact(bytes).map_err(|_| OutOfMemory { bytes })?;
    // Without this, the compiler may leave out memory that nothing uses.
    std::hint::black_box(&mut probe);
    Ok(())
}

/// Tells whether the system could give a new thread so many bytes of address space just now. The stack of a
/// thread and its first memory do not come from what the process has freed.
///
/// # Errors
/// [`OutOfMemory`].
pub fn ensure_for_thread(bytes: usize) -> Result<(), OutOfMemory> {
    ensure(bytes)?;
    if allocator::can_map(bytes) { Ok(()) } else { Err(OutOfMemory { bytes }) }
}

#[cold]
fn grow<T>(column: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
    let refused = OutOfMemory { bytes: (column.len().saturating_add(more)).saturating_mul(size_of::<T>()) };
    column.try_reserve(more).map_err(|_| refused)?;
    settle(column)
}

/// Checks what is left beside a column that has just been reserved.
fn settle<T>(column: &Vec<T>) -> Result<(), OutOfMemory> {
    if column.capacity().saturating_mul(size_of::<T>()) >= LARGE {
        ensure(SPARE)?;
    }
    Ok(())
}
