//! Memory for small allocations that the system refuses.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the reserve. The system provides no page of it before its first use.
const RESERVE: usize = 8 << 20;

/// Largest allocation from the reserve, in bytes.
pub(super) const SMALL: usize = 512 << 10;

/// Largest alignment of the reserve.
const ALIGN: usize = 4096;

static mut MEMORY: Memory = Memory([0; RESERVE]);

#[repr(align(4096))]
struct Memory(#[expect(dead_code, reason = "it is used by its address")] [u8; RESERVE]);

/// Hands out parts of [`MEMORY`].
pub(super) struct Reserve {
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
unsafe impl Sync for Reserve {}

impl Reserve {
    pub(super) const fn new() -> Self {
        Self { locked: AtomicBool::new(false), state: UnsafeCell::new(State { used: 0, live: 0 }) }
    }

    fn with_state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        while self.locked.swap(true, Ordering::Acquire) {
            hint::spin_loop();
        }
        // SAFETY: the flag lets one thread at a time in, and `act` does not allocate.
        let done = act(unsafe { &mut *self.state.get() });
        self.locked.store(false, Ordering::Release);
        done
    }

    /// Returns memory that no other allocation has; null if the layout is too large or the reserve is used up.
    #[cold]
    pub(super) fn take(&self, layout: Layout) -> *mut u8 {
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

    /// Takes back one allocation.
    #[cold]
    pub(super) fn give_back(&self) {
        self.with_state(|state| {
            state.live -= 1;
            if state.live == 0 {
                state.used = 0;
            }
        });
    }
}

/// Returns true for memory of the reserve.
#[inline]
pub(super) fn holds(pointer: *mut u8) -> bool {
    pointer.addr().wrapping_sub((&raw const MEMORY).addr()) < RESERVE
}
