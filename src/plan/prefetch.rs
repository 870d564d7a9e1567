//! Asks the processor to load memory before it is needed.

/// Starts to load the lines of the cache that hold `items[at]`, and does not wait. Without such an item, or on
/// a processor for which this is not written, it does nothing of use and no harm.
#[inline]
pub(super) fn prefetch<T>(items: &[T], at: usize) {
    let first = items.as_ptr().wrapping_add(at).cast::<u8>();
    line(first);
    // An item that lies across two lines needs both. The compiler leaves this out for items of one line.
    if !size_of::<T>().is_power_of_two() || align_of::<T>() < size_of::<T>() {
        line(first.wrapping_add(size_of::<T>() - 1));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch is a hint. It reads nothing, and an address without memory has no effect.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn line(address: *const u8) {
    // SAFETY: a prefetch is a hint. It reads nothing, and an address without memory has no effect.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
fn line(_: *const u8) {}
