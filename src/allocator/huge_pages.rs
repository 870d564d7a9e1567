//! Decides whether large memory gets huge pages, by the time that the system takes to provide one.
//!
//! A machine with memory of its own provides a huge page in some tenths of a millisecond, and work in huge
//! pages is faster. But a virtual machine may have given its unused memory back to its host, one huge page after
//! the other. Then the host has to find memory for each huge page again, which takes milliseconds. The unused
//! small pages have kept their memory, because they are too small to be given back: a plan of 5 million rows
//! of a file took 570 to 790 ms in huge pages and 240 to 260 ms in small ones.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The longest time for a huge page of memory that the machine has.
const LONGEST: Duration = Duration::from_millis(1);

/// How long large memory gets small pages after a huge page took longer, in milliseconds. By then, other
/// programs may have given memory back to this machine.
const SMALL_FOR_MS: u64 = 1_000;

/// Bytes from which memory gets huge pages in any case: the unused small pages are not enough for that.
const ALWAYS: usize = 512 << 20;

static CHOICE: Choice = Choice { small_until_ms: AtomicU64::new(0) };

/// Asks for huge or for small pages, for the part of a mapping that was not used yet.
pub(super) fn advise(start: *mut u8, length: usize) {
    let advice = if CHOICE.is_huge(length, now_ms()) { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: the advice is a hint about how to back pages that were not used yet. It changes no byte, whatever
    // the address is, and has no effect where it is unknown.
    unsafe { libc::madvise(start.cast(), length, advice) };
}

/// Takes note of how long it took to use a huge page of a mapping, perhaps for the first time.
pub(super) fn took(start: *mut u8, length: usize, time: Duration) {
    if CHOICE.took(time, now_ms()) {
        advise(start, length);
    }
}

/// Milliseconds since the first call.
fn now_ms() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_millis() as u64
}

struct Choice {
    /// When large memory gets huge pages again.
    small_until_ms: AtomicU64,
}

impl Choice {
    fn is_huge(&self, length: usize, now_ms: u64) -> bool {
        length >= ALWAYS || now_ms >= self.small_until_ms.load(Relaxed)
    }

    /// Takes note of the time for a huge page; returns whether it was too long.
    fn took(&self, time: Duration, now_ms: u64) -> bool {
        let too_long = time > LONGEST;
        if too_long {
            self.small_until_ms.store(now_ms + SMALL_FOR_MS, Relaxed);
        }
        too_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_gets_small_pages_for_a_second_after_a_huge_page_took_long() {
        let choice = Choice { small_until_ms: AtomicU64::new(0) };
        assert!(choice.is_huge(ALWAYS - 1, 0));
        assert!(!choice.took(LONGEST, 10));
        assert!(choice.is_huge(ALWAYS - 1, 10));
        assert!(choice.took(LONGEST * 2, 10));
        assert!(!choice.is_huge(ALWAYS - 1, 1_009));
        assert!(choice.is_huge(ALWAYS, 1_009));
        assert!(choice.is_huge(ALWAYS - 1, 1_010));
    }
}
