//! Reserves memory that the system may refuse.
//!
//! Rust ends the process if it gets no memory. So everything that grows with the input is reserved here
//! first, and a refusal is the value [`OutOfMemory`]. A large column grows only if [`SPARE`] bytes are left
//! behind it, because what is small (a message, an exception, a block of a file) is not reserved.

use std::fmt;

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

#[cold]
fn grow<T>(column: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
    let refused = OutOfMemory { bytes: (column.len().saturating_add(more)).saturating_mul(size_of::<T>()) };
    column.try_reserve(more).map_err(|_| refused)?;
    settle(column)
}

/// Checks what is left beside a column that has just been reserved, and asks for huge pages under it.
fn settle<T>(column: &Vec<T>) -> Result<(), OutOfMemory> {
    if column.capacity().saturating_mul(size_of::<T>()) >= LARGE {
        ensure(SPARE)?;
    }
    prefer_huge_pages(column);
    Ok(())
}

/// Size in bytes from which a column asks for huge pages.
#[cfg(target_os = "linux")]
const HUGE: usize = 8 << 20;

/// Asks Linux for huge pages under a large column.
///
/// The system provides memory page by page when the program first touches it. On a busy virtual machine that
/// costs more than the work done in the memory. Pages of two megabytes cause 512 times fewer page faults,
/// and fewer misses in the address cache when a table is read at random places. Measured by the case
/// `plan-file` of `bench/`.
#[cfg(target_os = "linux")]
fn prefer_huge_pages<T>(column: &Vec<T>) {
    const PAGE: usize = 4_096;
    let bytes = column.capacity() * size_of::<T>();
    if bytes < HUGE {
        return;
    }
    // Take the whole pages around the column: an allocation of this size does not share its pages. Without
    // the pages at both ends the system would hold two mappings and could not move them as one when the
    // column grows, so that the allocator would copy the column.
    let start = column.as_ptr().addr() / PAGE * PAGE;
    let end = (column.as_ptr().addr() + bytes).next_multiple_of(PAGE);
    // SAFETY: MADV_HUGEPAGE is a hint about how to back the pages. It never changes their content, even if
    // the pages belong to another allocation. Where the hint is unknown or not allowed, the call fails
    // without effect, so the result does not matter.
    unsafe {
        libc::madvise(std::ptr::with_exposed_provenance_mut(start), end - start, libc::MADV_HUGEPAGE);
    }
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages<T>(_: &Vec<T>) {}
