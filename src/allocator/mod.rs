//! The system's allocator, with mappings for large allocations and a reserve for small ones.
//!
//! What grows with the input is reserved by [`crate::memory`], where a refusal is an error. But a message, a
//! request or an entry of a list is not, and Rust ends the process if the system refuses it: with all answers
//! of a run. So a small allocation that the system refuses comes from a [`reserve`]. Soon a column or Python
//! itself is refused memory too, and the run ends with `MemoryError` and its report. Seen by `make exhaustion`.
//!
//! Large columns are [mappings](mapping) of their own, on Linux.

#[cfg(target_os = "linux")]
mod huge_pages;
#[cfg(target_os = "linux")]
mod mapping;
#[cfg(not(target_os = "linux"))]
#[path = "no_mapping.rs"]
mod mapping;
mod reserve;

use std::alloc::{GlobalAlloc, Layout, System};

pub(crate) use mapping::{HUGE_PAGE, LARGE, can_map, learn, provide};
use reserve::{Reserve, SMALL};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator { reserve: Reserve::new() };

struct Allocator {
    reserve: Reserve,
}

// SAFETY: the reserve and the mappings hand out parts that do not overlap, as large and aligned as asked, and
// each until it is given back. The address tells what is in the reserve, and the layout what is a mapping.
// Everything else is the system's allocator.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if mapping::holds(layout) {
            return mapping::map(layout.size());
        }
        // SAFETY: the caller keeps the contract of this method.
        let pointer = unsafe { System.alloc(layout) };
        if pointer.is_null() { self.reserve.take(layout) } else { pointer }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if mapping::holds(layout) {
            return mapping::map(layout.size());
        }
        // SAFETY: as above.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if !pointer.is_null() {
            return pointer;
        }
        let pointer = self.reserve.take(layout);
        if !pointer.is_null() {
            // SAFETY: `take` returned so many bytes; an earlier owner may have written to them.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if mapping::holds(layout) {
            // SAFETY: the pointer came from `map` or `remap`, with this size.
            return unsafe { mapping::unmap(pointer, layout.size()) };
        }
        if reserve::holds(pointer) {
            return self.reserve.give_back();
        }
        // SAFETY: the pointer came from the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller gives a size that is valid with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (mapping::holds(layout), mapping::holds(wanted)) {
            // SAFETY: the pointer came from `map` or `remap`, with this size.
            (true, true) => return unsafe { mapping::remap(pointer, layout.size(), size) },
            (false, false) if !reserve::holds(pointer) => {
                // SAFETY: as above.
                let moved = unsafe { System.realloc(pointer, layout, size) };
                if !moved.is_null() || size > SMALL {
                    return moved;
                }
            }
            _ => {}
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both have so many bytes, and the new one does not overlap the old one, which is given
            // back here and not used any more.
            unsafe {
                pointer.copy_to_nonoverlapping(moved, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
        }
        moved
    }
}
