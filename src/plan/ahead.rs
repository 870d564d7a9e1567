//! Lets a thread that would wait provide the memory of another thread's column before the owner uses it.
//!
//! In a new large column, every page that is used for the first time costs as much as the work that is done in
//! it. The thread that looks digests up has two such columns. When it is the slower thread, the other one asks the
//! system for the next pages of these, in place of waiting. No item of the column is read or written.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::memory::{self, OutOfMemory};

/// Bytes that are provided at once.
const PIECE: usize = memory::HUGE_PAGE;

/// The side of the thread whose column it is.
#[derive(Debug, Default)]
pub struct Ahead {
    shared: Arc<Shared>,
    /// The address of the memory that is offered; 0 while none is.
    offered: usize,
}

/// The side of the thread that would wait.
#[derive(Debug)]
pub struct Helper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Locked while it changes and while a piece is provided. It is empty while the memory may move.
    place: Mutex<Place>,
    /// Bytes of the column that are in use.
    used: AtomicUsize,
    /// Bytes that will be in use soon, those in use included.
    wanted: AtomicUsize,
}

#[derive(Debug, Default)]
struct Place {
    /// The addresses of the column's memory; an empty range while none is offered.
    memory: Range<usize>,
    /// Bytes at its start that need no more help.
    done: usize,
}

impl Ahead {
    /// Makes the side of the thread that would wait.
    #[must_use]
    pub fn helper(&self) -> Helper {
        Helper(Arc::clone(&self.shared))
    }

    /// Makes room in the column, for which it may move.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the column is unchanged then.
    #[inline]
    pub fn reserve<T>(&mut self, column: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
        if column.capacity() - column.len() < more {
            self.withdraw();
        }
        memory::reserve(column, more)
    }

    /// Offers the memory for the next `more` items of a large column to the helper. The caller calls
    /// [`Self::withdraw`] before the column moves or is freed.
    #[inline]
    pub fn offer<T>(&mut self, column: &Vec<T>, more: usize) {
        let size = column.capacity() * size_of::<T>();
        if !memory::is_mapped(size) {
            return;
        }
        let used = column.len() * size_of::<T>();
        let more = more.saturating_mul(size_of::<T>()).min(size - used);
        self.shared.used.store(used, Relaxed);
        self.shared.wanted.store(used + more, Relaxed);
        let start = column.as_ptr().addr();
        if self.offered != start {
            self.offered = start;
            *self.shared.place() = Place { memory: start..start + size, done: 0 };
        }
    }

    /// Offers nothing any more: before the memory moves or is freed.
    pub fn withdraw(&mut self) {
        if self.offered != 0 {
            self.offered = 0;
            *self.shared.place() = Place::default();
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Helper {
    /// Provides a piece of the memory that is offered; returns false if there is none to provide.
    #[must_use]
    pub fn provide(&self) -> bool {
        let mut place = self.0.place();
        let Range { start, end } = place.memory;
        // The owner is about to use the next piece itself. Pieces start where huge pages start.
        let next = (start + self.0.used.load(Relaxed) + PIECE).next_multiple_of(PIECE) - start;
        let from = place.done.max(next);
        let to = from + PIECE;
        if to > self.0.wanted.load(Relaxed).min(end - start) {
            return false;
        }
        place.done = to;
        memory::provide(&place.memory, from..to)
    }
}

impl Shared {
    fn place(&self) -> MutexGuard<'_, Place> {
        // A thread that panics leaves a valid place.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
