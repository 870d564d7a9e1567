//! Asks Linux for huge pages under large columns.
//!
//! The system provides memory page by page when the program first touches it. On a busy virtual machine that
//! costs more than the work done in the memory. Pages of two megabytes cause 512 times fewer page faults,
//! and fewer misses in the address cache when the table is read at random places. Measured by the case
//! `plan-file` of `bench/`.

/// Size in bytes from which a column asks for huge pages.
#[cfg(target_os = "linux")]
const LARGE: usize = 8 << 20;

/// Makes room for `more` items. If the column moves, asks for huge pages for it.
#[inline]
pub fn reserve<T>(column: &mut Vec<T>, more: usize) {
    if column.capacity() - column.len() < more {
        column.reserve(more);
        prefer_huge(column);
    }
}

#[cfg(target_os = "linux")]
fn prefer_huge<T>(column: &Vec<T>) {
    const PAGE: usize = 4_096;
    let bytes = column.capacity() * size_of::<T>();
    if bytes < LARGE {
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
fn prefer_huge<T>(_: &Vec<T>) {}
