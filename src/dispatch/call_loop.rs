//! Calls of one run, which threads make one after the other without the interpreter.
//!
//! A thread that makes a call has a *seat*. When the answer is good, the thread settles it and takes the next
//! call from the scheduler, and so on. Whatever else happens, it stops and returns what it got: the caller
//! decides the outcome. The other threads go on meanwhile, and whichever is free makes the calls that are
//! asked again.
//!
//! The caller may look into the loop at any time: it drains the answers that were settled, sees which call
//! each seat is at, gives a call up, and closes the loop.
//!
//! Where a rate spaces the calls, a thread waits here for its next one, but not for long. Of those that wait,
//! one keeps the time. The others wait until it has started its call.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::budget::Start;
use super::schedule::{Call, Scheduler};
use super::seats::{Current, Seat, Seats};
use crate::memory::{self, OutOfMemory};

/// How long a thread waits for its next call, seconds. A thread that waits stands in the way of whoever stops
/// the run, so this is a part of the tenth of a second that is promised for Ctrl-C.
const PATIENCE_S: f64 = 0.05;
/// Shortest sleep of the thread that keeps the time, seconds. It lets more than one call start at a time
/// where calls are closer together, and is at most a sixth of the burst, so that none is lost.
const TICK_S: f64 = 0.002;
/// How long a thread stays that other runs wait for too, seconds. So runs get their calls in turn.
const STAY_S: f64 = 0.02;

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

/// Requests that began in the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// All of them.
    pub requests: usize,
    /// Those beyond the first of each call. A half of a batch is a call of its own.
    pub retries: usize,
}

/// The calls of one run. Thread-safe; no lock is held while a call is made.
#[derive(Debug)]
pub struct CallLoop {
    scheduler: Arc<Mutex<Scheduler>>,
    began: Instant,
    began_s: f64,
    state: Mutex<State>,
    /// Wakes a thread that waits, so that it keeps the time; or all, because there is nothing to wait for.
    turn: Condvar,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each says something else of the loop
struct State {
    is_open: bool,
    /// Other runs wait for the same threads.
    is_shared: bool,
    /// Calls that were taken since the last look.
    begun: Begun,
    /// The answers since the last look. Never longer than its first capacity.
    answered: Vec<Answered>,
    most: usize,
    seats: Seats,
    /// Threads that wait for their next call.
    waiting: usize,
    /// One of them sleeps until that call may start.
    keeps_time: bool,
    /// One of them was woken to keep the time. Threads that come later wait, so that each gets its turn.
    handed_over: bool,
}

/// What a thread does next.
enum Next {
    Taken(Call),
    /// No call is due, so that none of the threads that wait needs to.
    NothingDue,
    Elsewhere,
}

impl CallLoop {
    /// Makes a loop of the calls of a scheduler for this many threads, whose clock shows `now` at the instant
    /// `at`. A thread stops when `most` answers wait for a look.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        scheduler: Arc<Mutex<Scheduler>>,
        threads: usize,
        most: usize,
        (at, now): (Instant, f64),
    ) -> Result<Self, OutOfMemory> {
        // Room for the answers of all threads beyond `most`, because each may have one under way.
        let answered = memory::with_room(most + threads)?;
        let state = Mutex::new(State {
            is_open: false,
            is_shared: false,
            begun: Begun::default(),
            answered,
            most,
            seats: Seats::new(threads)?,
            waiting: 0,
            keeps_time: false,
            handed_over: false,
        });
        Ok(Self { scheduler, began: at, began_s: now, state, turn: Condvar::new() })
    }

    /// Returns the time on the clock of the loop.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.began_s + self.began.elapsed().as_secs_f64()
    }

    /// Makes the call of a seat, and then one call of the scheduler after the other, as `start` says and as
    /// long as `ask` returns nothing. `ask` makes a call and merges its answer; it returns whatever is not a
    /// good answer. Returns what the last `ask` returned; none if the call of the seat was settled or given
    /// up. `start` is called with the lock held.
    ///
    /// # Errors
    /// Those of `ask`. The seat is still at the call then.
    pub fn follow<T, E>(
        &self,
        seat: Seat,
        start: impl Fn(f64) -> Start,
        mut ask: impl FnMut(&Call) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut next = self.current(seat).filter(|current| current.open).map(|current| current.call);
        while let Some(call) = next {
            if let Some(unusual) = ask(&call)? {
                return Ok(Some(unusual));
            }
            next = self.settle_and_take(seat, &start);
        }
        Ok(None)
    }

    /// Lets threads take their next calls here.
    pub fn open(&self) {
        let mut state = self.lock();
        if !state.is_open {
            state.is_open = true;
            // The thread that was woken to keep the time came back when the loop was closed.
            state.handed_over = false;
        }
    }

    /// Lets threads come back when they have the answer they wait for.
    pub fn close(&self) {
        self.lock().is_open = false;
        self.turn.notify_all();
    }

    /// Says whether other runs wait for the same threads, which then do not stay for long.
    pub fn share(&self, is_shared: bool) {
        self.lock().is_shared = is_shared;
    }

    /// Returns the number of threads that wait for their next call.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Gives a seat to the thread that makes this call, which was just taken; none if there is no free seat.
    pub fn sit(&self, call: &Call) -> Option<Seat> {
        self.lock().seats.sit(call)
    }

    /// Returns what a seat is at; none if it was left.
    #[must_use]
    pub fn current(&self, seat: Seat) -> Option<Current> {
        self.lock().seats.at(seat).map(|seated| seated.current.clone())
    }

    /// Whether a seat was not left yet.
    #[must_use]
    pub fn is_taken(&self, seat: Seat) -> bool {
        self.lock().seats.at(seat).is_some()
    }

    /// Ends a seat; returns what it was at. A thread that makes a call there stops after it, and its answer
    /// is not settled. A thread that waits there stops at once.
    pub fn leave(&self, seat: Seat) -> Option<Current> {
        let mut state = self.lock();
        self.turn.notify_all();
        state.seats.leave(seat)
    }

    /// Ends the seat that is at the call with this number, if it is not settled; returns which seat that was.
    pub fn give_up(&self, call: u64) -> Option<Seat> {
        self.lock().seats.give_up(call)
    }

    /// Copies the answers since the last look behind `into`, in the order in which they came, as far as that
    /// has room. Returns how many calls began since.
    pub fn answers(&self, into: &mut Vec<Answered>) -> Begun {
        let state = self.lock();
        let room = into.capacity() - into.len();
        into.extend(state.answered.iter().take(room).cloned());
        state.begun
    }

    /// Ends a look: forgets so many answers and calls that began.
    pub fn forget(&self, answers: usize, begun: Begun) {
        let mut state = self.lock();
        state.answered.drain(..answers);
        state.begun.requests -= begun.requests;
        state.begun.retries -= begun.retries;
    }

    /// Settles the call of a seat, and takes the next when it may start; returns none if no call is due, if
    /// the seat was left, or if the call may not start soon.
    fn settle_and_take(&self, seat: Seat, start: &impl Fn(f64) -> Start) -> Option<Call> {
        let mut state = self.lock();
        // One hold of both locks is enough where no rate spaces the calls.
        let mut scheduler = lock(&self.scheduler);
        // Read with the locks held, so that the answers are in the order of their times, and no call starts
        // early.
        let mut now = self.now();
        let until = now + PATIENCE_S;
        let mut waited = false;
        if !state.settle(seat, &mut scheduler, now) {
            return None;
        }
        let next = loop {
            if !state.may_stay(seat, now) {
                break Next::Elsewhere;
            }
            if !scheduler.due(now).is_some_and(|due| due <= now) {
                break Next::NothingDue;
            }
            if scheduler.next_signs_again(now) {
                // A thread learns the service's time when it enters.
                break Next::Elsewhere;
            }
            if state.keeps_time || (state.handed_over && !waited) {
                if now >= until {
                    break Next::Elsewhere;
                }
                waited = true;
                drop(scheduler);
                state = self.wait(state, until - now);
            } else {
                state.handed_over = false;
                match start(now) {
                    Start::Now => break state.begin(seat, &mut scheduler, now),
                    Start::In(wait_s) if now + wait_s < until => {
                        drop(scheduler);
                        state.keeps_time = true;
                        state = self.wait(state, wait_s.max(TICK_S));
                        state.keeps_time = false;
                    }
                    Start::In(_) | Start::Never => break Next::Elsewhere,
                }
            }
            scheduler = lock(&self.scheduler);
            now = self.now();
        };
        drop(scheduler);
        let others_wait = state.waiting > 0;
        if matches!(next, Next::NothingDue) {
            // The thread that was woken to keep the time may be this one.
            state.handed_over = false;
            self.turn.notify_all();
        } else if !state.keeps_time {
            state.handed_over = others_wait;
            self.turn.notify_one();
        }
        match next {
            Next::Taken(call) => Some(call),
            Next::NothingDue | Next::Elsewhere => None,
        }
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, wait_s: f64) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let waited = self.turn.wait_timeout(state, Duration::from_secs_f64(wait_s));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Settles the call of a seat; returns whether the thread may take another.
    fn settle(&mut self, seat: Seat, scheduler: &mut Scheduler, now: f64) -> bool {
        let Some(seated) = self.seats.at(seat) else { return false };
        seated.current.open = false;
        let call = &seated.current.call;
        let answered = Answered { call: call.digests.clone(), started_at: call.started_at, answered_at: now };
        // The caller refuses the suspects, if there are any.
        scheduler.settle(call, now);
        self.answered.push(answered);
        self.answered.len() < self.most
    }

    /// Lets a seat begin the next call of the scheduler.
    fn begin(&mut self, seat: Seat, scheduler: &mut Scheduler, now: f64) -> Next {
        // Without memory, the thread meets the same error where it can tell it.
        let Ok(Some(call)) = scheduler.take(now) else { return Next::NothingDue };
        self.begun.requests += 1;
        self.begun.retries += usize::from(call.requests > 1);
        if let Some(seated) = self.seats.at(seat) {
            seated.current = Current { call: call.clone(), open: true };
        }
        Next::Taken(call)
    }

    /// Whether the thread of a seat may take its next call here.
    fn may_stay(&mut self, seat: Seat, now: f64) -> bool {
        let (is_open, is_shared) = (self.is_open, self.is_shared);
        self.seats.at(seat).is_some_and(|seated| is_open && !(is_shared && now - seated.since >= STAY_S))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave it half changed: nothing within can panic between two changes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
