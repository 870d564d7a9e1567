//! Large allocations as mappings of their own, in huge pages if the machine has them.
//!
//! Linux provides memory page by page when the program first touches it. On a busy virtual machine that costs
//! more than the work done in the memory. Pages of two megabytes cause 512 times fewer page faults, and fewer
//! misses in the address cache when a table is read at random places.
//!
//! The system's library maps large memory too. But it puts a header of 16 bytes before the memory, so that
//! neither the start nor the length fits huge pages: when such memory grows and moves, Linux splits its huge
//! pages into small ones. It also copies what asks for a larger alignment, instead of moving its pages. Here
//! the length is a whole number of huge pages. Then Linux chooses a start at the border of a huge page (since
//! version 6.7), and the memory grows without a copy and keeps its huge pages. Measured by `make bench-growth`.

use std::alloc::Layout;
use std::ops::Range;
use std::ptr::null_mut;

use super::huge_pages;

/// Size in bytes from which memory has a mapping of its own. A mapping is rounded up to whole huge pages, and
/// should be many of them. Smaller memory often has pages that were in use just before. Where a virtual machine
/// gives unused memory back to its host, a huge page is one that the host has to provide first: a plan of
/// 500,000 texts took 45 to 75 ms with huge pages from 8 MB on, and 26 ms with them from here on. A million digests
/// need two such columns: from 32 MB on, their plan took 50 ms in place of 36.
pub(crate) const LARGE: usize = 16 << 20;

/// The size of a huge page on most processors. On others a mapping is some whole pages.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// The smallest page of all processors, at which each mapping starts at least.
const PAGE: usize = 4 << 10;

/// Returns true if memory of this layout has a mapping of its own.
#[inline]
pub(super) const fn holds(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

/// Returns new memory of zeros; null if the system refuses.
#[cold]
pub(super) fn map(size: usize) -> *mut u8 {
    const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
    let length = size.next_multiple_of(HUGE_PAGE);
    // SAFETY: a new mapping touches no memory that is in use.
    unsafe {
        let start =
            libc::mmap(null_mut(), length, READ_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        if start == libc::MAP_FAILED {
            return null_mut();
        }
        huge_pages::advise(start.cast(), length);
        start.cast()
    }
}

/// Returns true if the system would map so many bytes now, up to a whole number of huge pages.
pub(crate) fn can_map(size: usize) -> bool {
    let probe = map(size);
    if !probe.is_null() {
        // SAFETY: the mapping is new and has this size.
        unsafe { unmap(probe, size) };
    }
    !probe.is_null()
}

/// Changes the size of memory from [`map`], whose new place it returns; null if the system refuses.
///
/// # Safety
/// `start` is memory of `size` bytes from this module. Unless the result is null, it is not used any more.
#[cold]
pub(super) unsafe fn remap(start: *mut u8, size: usize, new: usize) -> *mut u8 {
    let (length, new) = (size.next_multiple_of(HUGE_PAGE), new.next_multiple_of(HUGE_PAGE));
    // SAFETY: the range is one mapping, which only the caller uses.
    let moved = unsafe { libc::mremap(start.cast(), length, new, libc::MREMAP_MAYMOVE) };
    if moved == libc::MAP_FAILED {
        return null_mut();
    }
    huge_pages::advise(moved.cast(), new);
    moved.cast()
}

/// Calls `touch`, which uses a huge page of memory of `size` bytes from [`map`], perhaps for the first time. By the
/// time that it takes, the memory goes on in huge or in small pages.
pub(crate) fn learn(start: *mut u8, size: usize, touch: impl FnOnce()) {
    huge_pages::learn(start, size.next_multiple_of(HUGE_PAGE), touch);
}

/// Asks the system for the pages of a part of `memory`, which is from [`map`], now. Returns false if it does not.
/// Another thread may use the memory meanwhile. `part` counts bytes from the start, and begins with a page.
pub(crate) fn provide(memory: &Range<usize>, part: Range<usize>) -> bool {
    let start = std::ptr::without_provenance_mut::<u8>(memory.start);
    let populate = |length: usize| {
        let from = start.wrapping_add(part.start);
        // SAFETY: the system only provides the pages, and changes no byte, whatever the address is.
        unsafe { libc::madvise(from.cast(), length, libc::MADV_POPULATE_WRITE) == 0 }
    };
    // By the time of the first page, the memory goes on in huge or in small pages.
    let mut provided = false;
    learn(start, memory.len(), || provided = populate(PAGE));
    provided && populate(part.len())
}

/// Gives memory from [`map`] back.
///
/// # Safety
/// `start` is memory of `size` bytes from this module, and is not used any more.
#[cold]
pub(super) unsafe fn unmap(start: *mut u8, size: usize) {
    // SAFETY: the range is one mapping, which nobody uses.
    unsafe { libc::munmap(start.cast(), size.next_multiple_of(HUGE_PAGE)) };
}
