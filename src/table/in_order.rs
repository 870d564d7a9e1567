//! Makes the pieces of something on several threads, and takes them in order.
//!
//! The threads start and end within the call. The calling thread takes the pieces, and makes some itself
//! while the next one in order is not there. Threads that the system refuses are done without.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, available_parallelism};

/// Most threads that make pieces. With more, the thread that takes them is the slowest.
const MOST_THREADS: usize = 16;

/// Pieces for each thread that are made ahead of the one that is taken next.
const AHEAD: usize = 2;

/// Returns the number of threads to use: one for each core that this process may use, but not many.
#[must_use]
pub fn threads() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get).min(MOST_THREADS)
}

/// Makes a piece of each of `parts` on at most `threads` threads, and passes the pieces to `take` in the order
/// of their parts. `maker` makes the function by which one thread makes its pieces.
///
/// # Errors
/// The first error of `make` in the order of the parts, or of `take`; the other threads stop then.
pub fn make_in_order<Part, Piece, Make>(
    threads: usize,
    parts: impl Iterator<Item = Part> + Send,
    maker: impl Fn() -> Make + Sync,
    mut take: impl FnMut(Piece) -> io::Result<()>,
) -> io::Result<()>
where
    Piece: Send,
    Make: FnMut(Part) -> io::Result<Piece>,
{
    if threads <= 1 {
        let mut make = maker();
        return parts.map(&mut make).try_for_each(|piece| take(piece?));
    }
    let line = Line {
        state: Mutex::new(State { parts, begun: 0, taken: 0, made: BTreeMap::new(), ended: false }),
        changed: Condvar::new(),
        ahead: AHEAD * threads,
    };
    std::thread::scope(|scope| {
        let run = || {
            let mut make = maker();
            while let Some((number, part)) = line.next_or_wait() {
                line.put(number, catch_unwind(AssertUnwindSafe(|| make(part))));
            }
        };
        for _ in 1..threads {
            if Builder::new().name("layercheck-table".into()).spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        // Whatever ends the taking, the threads must end too.
        let taken = catch_unwind(AssertUnwindSafe(|| line.take_all(&mut maker(), &mut take)));
        line.end();
        taken.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

type Made<Piece> = std::thread::Result<io::Result<Piece>>;

struct Line<Parts, Piece> {
    state: Mutex<State<Parts, Piece>>,
    /// A piece was made or taken, or the end has come.
    changed: Condvar,
    ahead: usize,
}

struct State<Parts, Piece> {
    parts: Parts,
    /// Parts that a thread has begun.
    begun: usize,
    /// Pieces that were taken.
    taken: usize,
    /// Pieces that were made and not taken yet, by number.
    made: BTreeMap<usize, Made<Piece>>,
    /// No more parts are begun.
    ended: bool,
}

impl<Parts: Iterator, Piece> State<Parts, Piece> {
    fn begin(&mut self, ahead: usize) -> Option<(usize, Parts::Item)> {
        if self.ended || self.begun >= self.taken + ahead {
            return None;
        }
        let Some(part) = self.parts.next() else {
            self.ended = true;
            return None;
        };
        self.begun += 1;
        Some((self.begun - 1, part))
    }
}

impl<Parts: Iterator, Piece> Line<Parts, Piece> {
    fn lock(&self) -> MutexGuard<'_, State<Parts, Piece>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next part to make, or None at the end. Waits while enough pieces are made ahead.
    fn next_or_wait(&self) -> Option<(usize, Parts::Item)> {
        let mut state = self.lock();
        loop {
            if let Some(part) = state.begin(self.ahead) {
                return Some(part);
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, number: usize, piece: Made<Piece>) {
        self.lock().made.insert(number, piece);
        self.changed.notify_all();
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn take_all(
        &self,
        make: &mut impl FnMut(Parts::Item) -> io::Result<Piece>,
        take: &mut impl FnMut(Piece) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        loop {
            let next = state.taken;
            if let Some(piece) = state.made.remove(&next) {
                state.taken += 1;
                drop(state);
                self.changed.notify_all();
                take(piece.unwrap_or_else(|panic| resume_unwind(panic))?)?;
                state = self.lock();
            } else if let Some((number, part)) = state.begin(self.ahead) {
                drop(state);
                let piece = make(part);
                state = self.lock();
                state.made.insert(number, Ok(piece));
            } else if state.begun == next && state.ended {
                return Ok(());
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
