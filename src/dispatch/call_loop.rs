//! Fresh calls of one run, which threads make one after the other without a scheduler.
//!
//! A scheduler lends a range of digests. A thread that makes a call has a *seat*. When the answer is good,
//! the thread counts it and takes the next batch of the range, and so on. Whatever else happens, it stops and
//! tells: the call of its seat is then one like any other, and the scheduler decides about it.
//!
//! The scheduler looks into the loop at any time: it drains the answers that were counted, it sees which call
//! each seat is at, it gives a call up, and it takes the range back, which ends the loop.
//!
//! Where a rate spaces the calls, a thread waits here for its next one, but not for long. Of those that wait,
//! one keeps the time. The others wait until it has started its call.

use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::budget::Start;
use crate::memory::{self, OutOfMemory};

/// How long a thread waits for its next call, seconds. A thread that waits stands in the way of whoever stops
/// the run, so this is a part of the tenth of a second that is promised for Ctrl-C.
const PATIENCE_S: f64 = 0.05;
/// Shortest sleep of the thread that keeps the time, seconds. It lets more than one call start at a time
/// where calls are closer together, and is at most a sixth of the burst, so that none is lost.
const TICK_S: f64 = 0.002;

/// A place in the loop, for one thread. A number is never given twice.
pub type Seat = u64;

/// A call with its good answer. Times are seconds on the clock of the loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The digests.
    pub call: Range<usize>,
    /// When it started.
    pub started_at: f64,
    /// When its answer was merged.
    pub answered_at: f64,
}

/// The call that a seat is at.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    /// The digests.
    pub call: Range<usize>,
    /// When it started, seconds on the clock of the loop.
    pub started_at: f64,
    /// Whether it has no counted answer yet.
    pub open: bool,
}

/// The calls of one run. Thread-safe; no lock is held while a call is made.
#[derive(Debug)]
pub struct CallLoop {
    batch_size: usize,
    began: Instant,
    began_s: f64,
    state: Mutex<State>,
    /// Wakes a thread that waits, so that it keeps the time; or all, because the range was taken back.
    turn: Condvar,
}

#[derive(Debug)]
struct State {
    /// What was lent and not taken yet.
    lent: Range<usize>,
    /// Calls that were taken since the last look.
    taken: usize,
    /// The answers since the last look. Never longer than its first capacity.
    answered: Vec<Answered>,
    most: usize,
    seats: Vec<Option<(Seat, Current)>>,
    last_seat: Seat,
    /// Threads that wait for their next call.
    waiting: usize,
    /// One of them sleeps until that call may start.
    keeps_time: bool,
    /// One of them was woken to keep the time. Threads that come later wait, so that each gets its turn.
    handed_over: bool,
}

impl CallLoop {
    /// Makes a loop for this many threads, whose clock shows `now` at the instant `at`. A thread stops when
    /// `most` answers wait for a look.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        batch_size: usize,
        threads: usize,
        most: usize,
        (at, now): (Instant, f64),
    ) -> Result<Self, OutOfMemory> {
        let mut seats = memory::with_room(threads)?;
        seats.resize(threads, None);
        // Room for the answers of all threads beyond `most`, because each may have one under way.
        let answered = memory::with_room(most + threads)?;
        let state = Mutex::new(State {
            lent: 0..0,
            taken: 0,
            answered,
            most,
            seats,
            last_seat: 0,
            waiting: 0,
            keeps_time: false,
            handed_over: false,
        });
        Ok(Self { batch_size, began: at, began_s: now, state, turn: Condvar::new() })
    }

    /// Returns the time on the clock of the loop.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.began_s + self.began.elapsed().as_secs_f64()
    }

    /// Makes the call of a seat, and then one call of the range after the other, as `start` says and as long
    /// as `ask` returns nothing. `ask` makes a call and merges its answer; it returns whatever is not a good
    /// answer. Returns what the last `ask` returned; None if the call of the seat was counted or given up.
    /// `start` is called with the lock held.
    ///
    /// # Errors
    /// Those of `ask`. The seat is still at the call then.
    pub fn follow<T, E>(
        &self,
        seat: Seat,
        start: impl Fn(f64) -> Start,
        mut ask: impl FnMut(Range<usize>) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        while let Some(current) = self.current(seat).filter(|current| current.open) {
            if let Some(unusual) = ask(current.call)? {
                return Ok(Some(unusual));
            }
            if !(self.count(seat) && self.next(seat, &start)) {
                break;
            }
        }
        Ok(None)
    }

    /// Lends a range of digests. What was lent before must have been taken or taken back.
    pub fn lend(&self, range: Range<usize>) {
        let mut state = self.lock();
        state.lent = range;
        // The thread that was woken to keep the time came back when the last range ended.
        state.handed_over = false;
    }

    /// Takes back what is left of the range. Threads stop when they have the answer they wait for.
    pub fn take_back(&self) -> Range<usize> {
        let mut state = self.lock();
        let left = state.lent.clone();
        state.lent.start = left.end;
        self.turn.notify_all();
        left
    }

    /// Takes one call back; None if nothing is left of the range.
    pub fn take_one(&self) -> Option<Range<usize>> {
        self.lock().take(self.batch_size)
    }

    /// Returns the number of digests that are left of the range.
    #[must_use]
    pub fn left(&self) -> usize {
        self.lock().lent.len()
    }

    /// Returns the number of threads that wait for their next call.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Gives a seat to a thread that makes this call; None if there is no free seat.
    pub fn sit(&self, call: Range<usize>, started_at: f64) -> Option<Seat> {
        let mut state = self.lock();
        let seat = state.last_seat + 1;
        let free = state.seats.iter_mut().find(|seat| seat.is_none())?;
        *free = Some((seat, Current { call, started_at, open: true }));
        state.last_seat = seat;
        Some(seat)
    }

    /// Returns what a seat is at; None if it was left.
    #[must_use]
    pub fn current(&self, seat: Seat) -> Option<Current> {
        self.lock().at(seat).map(|current| current.clone())
    }

    /// Returns what each seat is at, of those whose call has no counted answer yet.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn seats(&self) -> Result<Vec<(Seat, Current)>, OutOfMemory> {
        let state = self.lock();
        let mut open = memory::with_room(state.seats.len())?;
        open.extend(state.seats.iter().flatten().filter(|(_, current)| current.open).cloned());
        Ok(open)
    }

    /// Ends a seat; returns what it was at. A thread that makes a call there stops after it, and its answer
    /// is not counted. A thread that waits there stops at once.
    pub fn leave(&self, seat: Seat) -> Option<Current> {
        let mut state = self.lock();
        let left = state.seats.iter_mut().find(|each| matches!(each, Some((taken, _)) if *taken == seat))?;
        self.turn.notify_all();
        left.take().map(|(_, current)| current)
    }

    /// Does the same if the seat is still at the call that begins with digest `start`; returns whether it
    /// was.
    pub fn give_up(&self, seat: Seat, start: usize) -> bool {
        let mut state = self.lock();
        let at = |each: &Option<(Seat, Current)>| matches!(each, Some((taken, current)) if *taken == seat && current.open && current.call.start == start);
        match state.seats.iter_mut().find(|each| at(each)) {
            Some(found) => found.take().is_some(),
            None => false,
        }
    }

    /// Copies the answers since the last look behind `into`, in the order in which they came, as far as that has
    /// room. Returns the number of calls that were taken since.
    pub fn answers(&self, into: &mut Vec<Answered>) -> usize {
        let state = self.lock();
        let room = into.capacity() - into.len();
        into.extend(state.answered.iter().take(room).cloned());
        state.taken
    }

    /// Ends a look: forgets so many answers and so many calls that were taken.
    pub fn forget(&self, answers: usize, taken: usize) {
        let mut state = self.lock();
        state.answered.drain(..answers);
        state.taken -= taken;
    }

    /// Counts the answer to the call of a seat; returns whether the thread may take another call.
    fn count(&self, seat: Seat) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let Some(current) = state.at(seat) else { return false };
        current.open = false;
        let answered =
            Answered { call: current.call.clone(), started_at: current.started_at, answered_at: now };
        state.answered.push(answered);
        state.answered.len() < state.most && !state.lent.is_empty()
    }

    /// Takes the next call of the range when it may start; returns false if nothing is left, if the seat was
    /// left, or if the call may not start soon.
    fn next(&self, seat: Seat, start: &impl Fn(f64) -> Start) -> bool {
        let until = self.now() + PATIENCE_S;
        let mut waited = false;
        let mut state = self.lock();
        let taken = loop {
            if state.lent.is_empty() || state.at(seat).is_none() {
                break false;
            }
            let now = self.now();
            if state.keeps_time || (state.handed_over && !waited) {
                if now >= until {
                    break false;
                }
                waited = true;
                state = self.wait(state, until - now);
                continue;
            }
            state.handed_over = false;
            match start(now) {
                Start::Now => break state.begin(seat, self.batch_size, now),
                Start::In(wait_s) if now + wait_s < until => {
                    state.keeps_time = true;
                    state = self.wait(state, wait_s.max(TICK_S));
                    state.keeps_time = false;
                }
                Start::In(_) | Start::Never => break false,
            }
        };
        if state.lent.is_empty() {
            self.turn.notify_all();
        } else if !state.keeps_time {
            state.handed_over = state.waiting > 0;
            self.turn.notify_one();
        }
        taken
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, wait_s: f64) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let waited = self.turn.wait_timeout(state, Duration::from_secs_f64(wait_s));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed: nothing within can panic between two changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(&mut self, seat: Seat) -> Option<&mut Current> {
        self.seats.iter_mut().flatten().find(|(taken, _)| *taken == seat).map(|(_, current)| current)
    }

    /// Lets a seat begin the next call of the range; returns whether there is one.
    fn begin(&mut self, seat: Seat, batch_size: usize, now: f64) -> bool {
        let Some(call) = self.take(batch_size) else { return false };
        self.taken += 1;
        let Some(current) = self.at(seat) else { return false };
        *current = Current { call, started_at: now, open: true };
        true
    }

    fn take(&mut self, batch_size: usize) -> Option<Range<usize>> {
        if self.lent.is_empty() {
            return None;
        }
        let start = self.lent.start;
        self.lent.start = self.lent.end.min(start + batch_size);
        Some(start..self.lent.start)
    }
}
