//! Decides whether large memory gets huge pages, by the time that the system takes to provide one.
//!
//! A machine with memory of its own provides a huge page in some tenths of a millisecond, and work in huge
//! pages is faster. But a virtual machine may have given its unused memory back to its host, one huge page after
//! the other. Then the host has to find memory for each huge page again, which takes milliseconds. The unused
//! small pages have kept their memory, because they are too small to be given back: a plan of 5 million rows
//! of a file took 590 to 650 ms in huge pages, and 250 to 360 ms with this choice.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The longest time for a huge page of memory that the machine has.
const LONGEST: Duration = Duration::from_millis(1);

/// The shortest time for a huge page that was not there before; less is the time for what is there already.
const SHORTEST: Duration = Duration::from_micros(30);

/// How long large memory gets small pages after a huge page took long, in milliseconds. Each that takes long again
/// doubles that, up to the most: trying one costs some milliseconds, and other programs free memory all the time.
const SMALL_FOR_MS: u64 = 32;
const SMALL_FOR_MOST_MS: u64 = 1_024;

/// Bytes from which memory gets huge pages in any case: the unused small pages are not enough for that.
const ALWAYS: usize = 512 << 20;

static CHOICE: Choice = Choice::new();

/// Asks for huge or for small pages, for the part of a mapping that was not used yet.
pub(super) fn advise(start: *mut u8, length: usize) {
    let advice = if CHOICE.is_huge(length, now_ms()) { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: the advice is a hint about how to back pages that were not used yet. It changes no byte, whatever
    // the address is, and has no effect where it is unknown.
    unsafe { libc::madvise(start.cast(), length, advice) };
}

/// Calls `touch`, which uses a huge page of a mapping, perhaps for the first time, and learns from its time.
pub(super) fn learn(start: *mut u8, length: usize, touch: impl FnOnce()) {
    // The choice may have changed since the mapping was asked about.
    if CHOICE.has_changed() {
        advise(start, length);
    }
    let began = Instant::now();
    touch();
    if CHOICE.took(began.elapsed(), now_ms()) {
        advise(start, length);
    }
}

/// Milliseconds since the first call.
fn now_ms() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_millis() as u64
}

struct Choice {
    /// When large memory gets huge pages again; 0 if no huge page took long yet.
    small_until_ms: AtomicU64,
    /// For how long it got small pages the last time; 0 if a huge page was there in time since.
    small_for_ms: AtomicU64,
}

impl Choice {
    const fn new() -> Self {
        Self { small_until_ms: AtomicU64::new(0), small_for_ms: AtomicU64::new(0) }
    }

    fn has_changed(&self) -> bool {
        self.small_until_ms.load(Relaxed) > 0
    }

    fn is_huge(&self, length: usize, now_ms: u64) -> bool {
        length >= ALWAYS || now_ms >= self.small_until_ms.load(Relaxed)
    }

    /// Takes note of the time for a page; returns whether it was too long.
    fn took(&self, time: Duration, now_ms: u64) -> bool {
        if time > LONGEST {
            let doubled = self.small_for_ms.load(Relaxed) * 2;
            let small_for = doubled.clamp(SMALL_FOR_MS, SMALL_FOR_MOST_MS);
            self.small_for_ms.store(small_for, Relaxed);
            self.small_until_ms.store(now_ms + small_for, Relaxed);
            return true;
        }
        // Small pages say nothing about huge ones.
        if time > SHORTEST && now_ms >= self.small_until_ms.load(Relaxed) {
            self.small_for_ms.store(0, Relaxed);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_gets_small_pages_for_longer_each_time_that_a_huge_page_takes_long() {
        let choice = Choice::new();
        assert!(!choice.took(LONGEST, 10));
        assert!(choice.is_huge(1, 10));
        let mut now = 10;
        for small_for in [32, 64, 128, 256, 512, 1_024, 1_024] {
            assert!(choice.took(LONGEST * 2, now));
            now += small_for;
            assert!(!choice.is_huge(ALWAYS - 1, now - 1));
            assert!(choice.is_huge(ALWAYS, now - 1));
            assert!(choice.is_huge(1, now));
        }
    }

    #[test]
    fn a_huge_page_that_is_there_in_time_ends_that() {
        let choice = Choice::new();
        choice.took(LONGEST * 2, 0);
        choice.took(LONGEST, 31); // a small page
        choice.took(SHORTEST, 32); // the page was there before
        choice.took(LONGEST * 2, 32);
        assert!(!choice.is_huge(1, 32 + 63));
        choice.took(SHORTEST * 2, 96);
        choice.took(LONGEST * 2, 96);
        assert!(choice.is_huge(1, 96 + 32));
    }
}
