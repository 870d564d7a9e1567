//! When the next call may start at a given rate.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tolerance for rounding, seconds, so that waiting exactly as told is enough.
const ROUNDING_S: f64 = 1e-9;
/// Length of the span in which calls are counted, seconds.
const WINDOW_S: f64 = 0.25;
/// How long calls that start in the core leave one call to who was told to wait, beyond the time told,
/// seconds. A thread of Python that wakes up may wait so long for the interpreter.
const GRACE_S: f64 = 0.02;
/// Shortest time that a flow is taken from, seconds.
const LEAST_S: f64 = 0.05;

/// The generic cell rate algorithm (GCRA), for any number of threads. Times are seconds on one clock.
///
/// It keeps one number: the time at which the budget is used up. Each call moves that time forward by
/// `1 / rate`. The time may run ahead of the clock by a small burst, at least one call. A pause saves up no
/// more than that burst.
///
/// Without a rate, it counts the calls instead, because a later throttle sets the rate at which calls were
/// really sent.
#[derive(Debug)]
pub struct Budget {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    burst_s: f64,
    paid_until: f64,
    /// The latest time that a caller gave. A thread may come with an earlier one.
    latest: f64,
    /// Who was told to wait of late, and until when calls of others that start in the core leave one call to
    /// it.
    left: [(u64, f64); 2],
    /// Whether another caller took the call that was left to it, since a call last started in the core.
    was_taken: bool,
    flow: Flow,
}

/// What a call that would start in the core is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// It may start, and is booked.
    Now,
    /// It may start in so many seconds, if no other call takes its place. Nothing is booked.
    In(f64),
    /// It may not, because something is to be decided elsewhere. Nothing is booked.
    Never,
}

impl Budget {
    /// Makes a budget of which calls worth `burst_s` seconds of rate may start at once.
    #[must_use]
    pub fn new(burst_s: f64) -> Self {
        let state = State {
            burst_s,
            paid_until: f64::NEG_INFINITY,
            latest: f64::NEG_INFINITY,
            left: [(0, f64::NEG_INFINITY); 2],
            was_taken: false,
            flow: Flow::default(),
        };
        Self { state: Mutex::new(state) }
    }

    /// Books one call: zero if it may start now, else the seconds to wait, with nothing booked.
    ///
    /// Calls that start in the core leave the next one to a caller that was told to wait, because they are
    /// always there first. They leave one and take one, so that callers who want all of the rate get half of
    /// it.
    ///
    /// `caller` tells the users of the budget apart. Calls of the same caller leave each other nothing: what
    /// one leaves, the other need not take.
    pub fn reserve(&self, now: f64, rate: Option<f64>, caller: u64) -> f64 {
        let mut state = self.lock();
        let wait_s = state.reserve(now, rate);
        let until = if wait_s > 0.0 { now + wait_s + GRACE_S } else { f64::NEG_INFINITY };
        let before = state.leave_to(caller, until);
        state.was_taken |= wait_s <= 0.0 && now < before;
        wait_s
    }

    /// Books one call that starts in the core, if it may start now. `caller` is as for [`Self::reserve`].
    pub fn start(&self, now: f64, rate: Option<f64>, caller: u64) -> Start {
        let mut state = self.lock();
        let left_s = state.left_to_others(caller) - now;
        if let Some(rate) = rate
            && left_s > 0.0
            && !state.was_taken
        {
            state.limit(now, rate);
            let wait_s = state.delay(state.paid_until + 1.0 / rate, now, rate).min(left_s);
            if wait_s > 0.0 {
                return Start::In(wait_s);
            }
        }
        match state.reserve(now, rate) {
            0.0 => {
                state.was_taken = false;
                Start::Now
            }
            wait_s => Start::In(wait_s),
        }
    }

    /// Returns the seconds until the next call may start at this rate; zero for now.
    pub fn delay_until_allowed(&self, now: f64, rate: f64) -> f64 {
        self.lock().delay_until_allowed(now, rate)
    }

    /// Counts a call that starts now.
    pub fn consume(&self, now: f64, rate: f64) {
        self.lock().consume(now, rate);
    }

    /// Drops what was saved up: the next call may start one interval from now.
    pub fn empty(&self, now: f64, rate: f64) {
        let mut state = self.lock();
        let wait = 1.0 / rate + state.tolerance(rate);
        state.paid_until = state.paid_until.max(now + wait);
    }

    /// Returns the calls per second without a rate: over the last quarter to half of a second. Zero before
    /// the first call.
    pub fn flow(&self, now: f64) -> f64 {
        self.lock().flow.per_second(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed, because only numbers are set.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Leaves a call to this caller until then, and returns until when one was left to it before.
    fn leave_to(&mut self, caller: u64, until: f64) -> f64 {
        if self.left[0].0 != caller {
            self.left.swap(0, 1);
        }
        let before = if self.left[0].0 == caller { self.left[0].1 } else { f64::NEG_INFINITY };
        self.left[0] = (caller, until);
        before
    }

    /// Until when a call is left to another caller.
    fn left_to_others(&self, caller: u64) -> f64 {
        let others = self.left.iter().filter(|(other, _)| *other != caller);
        others.map(|(_, until)| *until).fold(f64::NEG_INFINITY, f64::max)
    }

    fn reserve(&mut self, now: f64, rate: Option<f64>) -> f64 {
        let Some(rate) = rate else {
            self.flow.count(now);
            return 0.0;
        };
        self.limit(now, rate);
        let delay = self.delay_until_allowed(now, rate);
        if delay == 0.0 {
            self.consume(now, rate);
        }
        delay
    }

    /// Makes no call at this rate wait for longer than an interval of it. A call at a lower rate may have
    /// paid for longer: at 0.01 calls per second for 100 seconds.
    fn limit(&mut self, now: f64, rate: f64) {
        self.latest = self.latest.max(now);
        self.paid_until = self.paid_until.min(self.latest + self.tolerance(rate) + 1.0 / rate);
    }

    fn delay_until_allowed(&self, now: f64, rate: f64) -> f64 {
        self.delay(self.paid_until, now, rate)
    }

    /// Returns the seconds until a call may start if the budget is used up until then.
    fn delay(&self, paid_until: f64, now: f64, rate: f64) -> f64 {
        let delay = paid_until - now - self.tolerance(rate);
        if delay > ROUNDING_S { delay } else { 0.0 }
    }

    fn consume(&mut self, now: f64, rate: f64) {
        self.paid_until = now.max(self.paid_until) + 1.0 / rate;
    }

    /// How far the budget may be overdrawn, in seconds: all but the first call of a burst.
    fn tolerance(&self, rate: f64) -> f64 {
        (self.burst_s - 1.0 / rate).max(0.0)
    }
}

/// Calls per second really sent of late.
#[derive(Debug, Default)]
struct Flow {
    /// When the present span began and the calls in it; none before the first call.
    span: Option<(f64, f64)>,
    /// The same of the span before.
    before: (f64, f64),
}

impl Flow {
    fn count(&mut self, now: f64) {
        let (since, calls) = match self.span {
            None => {
                self.before = (now, 0.0);
                (now, 0.0)
            }
            Some((since, calls)) if now - since >= WINDOW_S => {
                self.before = if now - since < 2.0 * WINDOW_S { (since, calls) } else { (now, 0.0) };
                (now, 0.0)
            }
            Some(span) => span,
        };
        self.span = Some((since, calls + 1.0));
    }

    fn per_second(&self, now: f64) -> f64 {
        let (at, before) = self.before;
        self.span.map_or(0.0, |(_, calls)| (before + calls) / (now - at).max(LEAST_S))
    }
}
