//! Where the system is not Linux: the system's allocator has the large allocations too.

use std::alloc::Layout;
use std::ops::Range;
use std::ptr::null_mut;

/// No allocation is so large.
pub(crate) const LARGE: usize = usize::MAX / 2 + 1;

pub(crate) const HUGE_PAGE: usize = 2 << 20;

pub(super) const fn holds(_: Layout) -> bool {
    false
}

pub(super) fn map(_: usize) -> *mut u8 {
    null_mut()
}

pub(crate) const fn can_map(_: usize) -> bool {
    true
}

pub(crate) fn learn(_: *mut u8, _: usize, touch: impl FnOnce()) {
    touch();
}

pub(crate) fn provide(_: &Range<usize>, _: Range<usize>) -> bool {
    false
}

pub(super) unsafe fn remap(_: *mut u8, _: usize, _: usize) -> *mut u8 {
    null_mut()
}

pub(super) unsafe fn unmap(_: *mut u8, _: usize) {}
