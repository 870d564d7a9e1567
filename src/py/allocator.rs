//! The system's allocator, with a reserve for small allocations.
//!
//! What grows with the input is reserved by [`crate::memory`], where a refusal is an error. But a message, a
//! request or an entry of a list is not, and Rust ends the process if the system refuses it: with all answers
//! of a run. So a small allocation that the system refuses comes from a reserve. Soon a column or Python
//! itself is refused memory too, and the run ends with `MemoryError` and its report. Seen by `make exhaustion`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the reserve. The system provides no page of it before its first use.
const RESERVE: usize = 8 << 20;

/// Largest allocation from the reserve, in bytes.
const SMALL: usize = 512 << 10;

/// Largest alignment of the reserve.
const ALIGN: usize = 4096;

#[global_allocator]
static ALLOCATOR: WithReserve =
    WithReserve { locked: AtomicBool::new(false), state: UnsafeCell::new(State { used: 0, live: 0 }) };

static mut MEMORY: Memory = Memory([0; RESERVE]);

#[repr(align(4096))]
struct Memory(#[expect(dead_code, reason = "it is used by its address")] [u8; RESERVE]);

struct WithReserve {
    locked: AtomicBool,
    state: UnsafeCell<State>,
}

struct State {
    /// Bytes handed out from the start of the reserve.
    used: usize,
    /// Allocations that are in use. Without any, the reserve starts again.
    live: usize,
}

// SAFETY: `state` is only used with `locked` set.
unsafe impl Sync for WithReserve {}

impl WithReserve {
    fn with_state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        while self.locked.swap(true, Ordering::Acquire) {
            hint::spin_loop();
        }
        // SAFETY: the flag lets one thread at a time in, and `act` does not allocate.
        let done = act(unsafe { &mut *self.state.get() });
        self.locked.store(false, Ordering::Release);
        done
    }

    #[cold]
    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.size() > SMALL || layout.align() > ALIGN {
            return std::ptr::null_mut();
        }
        self.with_state(|state| {
            let start = state.used.next_multiple_of(layout.align());
            if start + layout.size() > RESERVE {
                return std::ptr::null_mut();
            }
            state.used = start + layout.size();
            state.live += 1;
            // The offset is within the reserve.
            (&raw mut MEMORY).cast::<u8>().wrapping_add(start)
        })
    }

    #[cold]
    fn give_back(&self) {
        self.with_state(|state| {
            state.live -= 1;
            if state.live == 0 {
                state.used = 0;
            }
        });
    }
}

#[inline]
fn is_in_reserve(pointer: *mut u8) -> bool {
    pointer.addr().wrapping_sub((&raw const MEMORY).addr()) < RESERVE
}

// SAFETY: the reserve hands out parts that do not overlap, as large and aligned as asked, and each until it is
// given back. Everything else is the system's allocator.
unsafe impl GlobalAlloc for WithReserve {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of this method.
        let pointer = unsafe { System.alloc(layout) };
        if pointer.is_null() { self.take(layout) } else { pointer }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if !pointer.is_null() {
            return pointer;
        }
        let pointer = self.take(layout);
        if !pointer.is_null() {
            // SAFETY: `take` returned so many bytes; an earlier owner may have written to them.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if is_in_reserve(pointer) {
            return self.give_back();
        }
        // SAFETY: the pointer came from the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_in_reserve(pointer) {
            // SAFETY: as above.
            let moved = unsafe { System.realloc(pointer, layout, size) };
            if !moved.is_null() || size > SMALL {
                return moved;
            }
        }
        // SAFETY: the caller gives a size that is valid with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
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
