//! The rate of one lane, which all its threads and Checkers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::budget::{Budget, Start};
use super::recovery::{DECREASE, DEEPEST, OUTGROWN, Recovery};

/// So many throttles count at once, without waiting for the hold-off.
pub const CERTAIN: u32 = 4;

/// Calls that may start at once, as seconds of rate: a fifth of the tenth of a second that is promised.
pub const BURST_S: f64 = 0.02;

/// The lowest rate after throttles, calls per second: half a percent of the default quota, which is enough to
/// notice soon that the service has recovered.
pub const FLOOR: f64 = 5.0;

/// Seconds after a decrease before a single throttle leads to the next.
pub const HOLD_OFF_S: f64 = 0.1;

/// Says when the next call may start, and slows down when the service throttles. Any number of threads may
/// use it. Times are seconds on one clock.
///
/// The [`Budget`] spaces the calls. The [`Recovery`] says how far the rate falls and how it comes back.
///
/// Calls that were in flight when the rate fell say nothing about the new rate. So only throttles of calls
/// that started after the last decrease count, and within the hold-off only several of them.
///
/// It never sleeps: it returns how long to wait, and the caller waits where it holds no call slot.
///
/// ```
/// use layercheck::dispatch::{Pacer, Pacing};
///
/// let pacer = Pacer::new(Some(10.0), Pacing::default());
/// assert_eq!(pacer.reserve(0.0, 1), 0.0);
/// assert_eq!(pacer.reserve(0.0, 1), 0.1);
/// ```
#[derive(Debug)]
pub struct Pacer {
    pacing: Pacing,
    /// Asked with the lock held, so that no call starts at the rate from before a throttle.
    budget: Budget,
    state: Mutex<State>,
    /// Whether the state has a peak, so that most answers need no lock.
    is_adapted: AtomicBool,
}

/// How a pacer spaces calls, and how it adapts the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pacing {
    /// By which curve the rate comes back.
    pub recovery: Recovery,
    /// Calls that may start at once, as seconds of rate; always at least one call.
    pub burst_s: f64,
    /// Seconds after a decrease before a single throttle leads to the next.
    pub hold_off_s: f64,
    /// The lowest rate, calls per second.
    pub floor: f64,
}

#[derive(Debug)]
struct State {
    ceiling: Option<f64>,
    rate: Option<f64>,
    /// The rate that was too much; none while nothing is adapted.
    peak: Option<f64>,
    decreased_at: f64,
    /// Calls that started since, and were throttled.
    throttled: u32,
    /// Calls that started since, and were not throttled, as far as the rate was adapted.
    answered: u32,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { recovery: Recovery::default(), burst_s: BURST_S, hold_off_s: HOLD_OFF_S, floor: FLOOR }
    }
}

impl Pacer {
    /// Makes a pacer of this many calls per second, which is also the ceiling of the recovery.
    ///
    /// None is no limit until the first throttle. From then on it is the rate at which calls were really
    /// sent, until the recovery has outgrown that rate several times.
    #[must_use]
    pub fn new(rate: Option<f64>, pacing: Pacing) -> Self {
        let state = State {
            ceiling: rate,
            rate,
            peak: None,
            decreased_at: f64::NEG_INFINITY,
            throttled: 0,
            answered: 0,
        };
        let (state, is_adapted) = (Mutex::new(state), AtomicBool::new(false));
        Self { pacing, budget: Budget::new(pacing.burst_s), state, is_adapted }
    }

    /// Returns the present rate in calls per second; none while there is no limit.
    pub fn rate(&self, now: f64) -> Option<f64> {
        self.recovered(&mut self.lock(), now)
    }

    /// Returns the rate at which the recovery ends; none for no limit.
    pub fn ceiling(&self) -> Option<f64> {
        self.lock().ceiling
    }

    /// Changes the rate at which the recovery ends.
    pub fn set_ceiling(&self, rate: Option<f64>) {
        let mut state = self.lock();
        state.ceiling = rate;
        if state.peak.is_none() {
            state.rate = rate;
        }
    }

    /// Whether the rate was still coming back after a throttle when it was last asked for.
    pub fn is_adapted(&self) -> bool {
        self.lock().peak.is_some()
    }

    /// Books one call: zero if it may start now, else the seconds to wait, with nothing booked.
    ///
    /// `caller` is as for [`Budget::reserve`].
    pub fn reserve(&self, now: f64, caller: u64) -> f64 {
        let mut state = self.lock();
        let rate = self.recovered(&mut state, now);
        self.budget.reserve(now, rate, caller)
    }

    /// Books one call that starts in the core, if it may start now.
    ///
    /// `own_rate` is that of the caller. If it is not the ceiling, no call may start here: the caller also
    /// keeps to a budget of its own, which `LaneHandle` has. `caller` is as for [`Budget::reserve`].
    pub fn start(&self, now: f64, own_rate: Option<f64>, caller: u64) -> Start {
        let mut state = self.lock();
        if state.ceiling != own_rate {
            return Start::Never;
        }
        let rate = self.recovered(&mut state, now);
        self.budget.start(now, rate, caller)
    }

    /// Notes that the service did not throttle a call which started at that time.
    pub fn answered(&self, started_at: f64) {
        if !self.is_adapted.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.lock();
        if state.peak.is_some() && started_at > state.decreased_at {
            state.answered = state.answered.saturating_add(1);
        }
    }

    /// Slows down because the service throttled a call which started at that time, unless the call is older
    /// than the last decrease.
    pub fn throttled(&self, now: f64, started_at: f64) {
        let mut state = self.lock();
        if started_at <= state.decreased_at {
            return;
        }
        state.throttled = state.throttled.saturating_add(1);
        if state.throttled < CERTAIN && now - state.decreased_at < self.pacing.hold_off_s {
            return;
        }
        self.decrease(&mut state, now);
    }

    fn decrease(&self, state: &mut State, now: f64) {
        let rate = self.recovered(state, now).unwrap_or_else(|| self.budget.flow(now));
        let accepted = if state.peak.is_some() { state.accepted() } else { 1.0 };
        let floor = state.ceiling.map_or(self.pacing.floor, |ceiling| self.pacing.floor.min(ceiling));
        let lower = (rate * accepted.clamp(DEEPEST, DECREASE)).max(floor);
        state.rate = Some(lower);
        // After a deep decrease the aim is not the old rate but a little above the new one.
        state.peak = Some(lower / DECREASE);
        self.is_adapted.store(true, Ordering::Relaxed);
        state.decreased_at = now;
        (state.throttled, state.answered) = (0, 0);
        self.budget.empty(now, lower);
    }

    /// Returns the rate that the lane has come back to by now.
    fn recovered(&self, state: &mut State, now: f64) -> Option<f64> {
        let rate = state.recovered(now, self.pacing.recovery);
        if state.peak.is_none() {
            self.is_adapted.store(false, Ordering::Relaxed);
        }
        rate
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed, because only numbers are set.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the rate that it has come back to by now.
    fn recovered(&mut self, now: f64, recovery: Recovery) -> Option<f64> {
        let Some(peak) = self.peak else { return self.rate };
        // A thread may come with a time of before the decrease.
        let since_s = (now - self.decreased_at).max(0.0);
        let growth = recovery.growth(since_s);
        let ends = match self.ceiling {
            None => growth >= OUTGROWN,
            Some(ceiling) => growth * peak >= ceiling && since_s > 0.0,
        };
        if ends {
            self.peak = None;
            self.rate = self.ceiling;
        } else {
            self.rate = Some(growth * peak);
        }
        self.rate
    }

    /// The share of the calls since the decrease that was not throttled.
    fn accepted(&self) -> f64 {
        // A few throttles prove little, so that some answers are taken as given.
        let answered = f64::from(self.answered) + f64::from(CERTAIN);
        answered / (answered + f64::from(self.throttled))
    }
}
