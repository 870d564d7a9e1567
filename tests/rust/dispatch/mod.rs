//! What is asked next, the calls that threads make one after the other, and the budget that they draw on.

mod budget;
#[allow(clippy::single_range_in_vec_init)] // the digests of calls, of which there may be one
mod call_loop;
mod call_loop_waits;
mod fresh;
mod pacer;
mod scheduler;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use layercheck::dispatch::{
    Answered, Begun, Call, CallLoop, Failure, FailureKind, Limits, RetryPolicy, Scheduler, Seat, Start,
};

/// A caller of a budget.
const CORE: u64 = 1;

const SLOTS: usize = 8;
const BATCH: usize = 100;
/// What the clock of a loop shows at first.
const BEGIN: f64 = 1_000.0;

const TRANSIENT: Failure = failure(FailureKind::Transient);
const THROTTLED: Failure = failure(FailureKind::Throttled);
const BAD: Failure = failure(FailureKind::Batch);

const fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        connected: true,
        hung_up: false,
        renews: false,
        resigns: false,
        names_target: false,
        names_digest: false,
    }
}

/// The defaults.
fn limits() -> Limits {
    let retry = RetryPolicy {
        attempts: 7,
        half_attempts: 3,
        incomplete_attempts: 2,
        first_contact_attempts: 4,
        throttle_attempts: 20,
        renewal_attempts: 8,
        asking_s: 300.0,
        back_off_base_s: 0.1,
        back_off_cap_s: 20.0,
    };
    Limits { retry, outage_failures: 20, outage_s: 10.0, backlog_per_slot: 4 }
}

/// Limits with which a failed call is due again at once.
fn no_delays() -> Limits {
    let retry = RetryPolicy { back_off_base_s: 0.0, ..limits().retry };
    Limits { retry, ..limits() }
}

/// Digests that are asked by the threads of one loop.
struct Run {
    scheduler: Arc<Mutex<Scheduler>>,
    calls: CallLoop,
}

impl Run {
    /// Makes an open loop.
    fn new(digests: usize, threads: usize, most: usize) -> Self {
        Self::at(Instant::now(), digests, threads, most)
    }

    /// The same whose clock stands still, so that a thread never waits for too long.
    fn timeless(digests: usize, threads: usize, most: usize) -> Self {
        Self::at(Instant::now() + Duration::from_hours(1_000), digests, threads, most)
    }

    fn at(began: Instant, digests: usize, threads: usize, most: usize) -> Self {
        let scheduler = Scheduler::of_all(digests, BATCH, SLOTS, no_delays(), 7);
        let scheduler = Arc::new(Mutex::new(scheduler));
        let calls = CallLoop::new(Arc::clone(&scheduler), threads, most, (began, BEGIN)).unwrap();
        calls.open();
        Self { scheduler, calls }
    }

    fn take(&self) -> Option<Call> {
        self.scheduler.lock().unwrap().take(self.calls.now()).unwrap()
    }

    /// Takes the next call, and a seat for it.
    fn sit(&self) -> Seat {
        self.calls.sit(&self.take().unwrap()).unwrap()
    }

    /// Decides about a call that failed.
    fn fail(&self, call: &Call, failure: Failure) {
        self.scheduler.lock().unwrap().fail(call, failure, self.calls.now());
    }

    /// The first digest that was never asked.
    fn cursor(&self) -> usize {
        self.scheduler.lock().unwrap().cursor()
    }

    fn answers(&self) -> (Vec<Answered>, Begun) {
        let mut seen = Vec::with_capacity(10_000);
        let begun = self.calls.answers(&mut seen);
        self.calls.forget(seen.len(), begun);
        (seen, begun)
    }

    /// Makes calls at once, all of which are answered, and returns their digests.
    fn follow(&self, seat: Seat) -> Vec<std::ops::Range<usize>> {
        let mut asked = Vec::new();
        let note = |call: &Call| {
            asked.push(call.digests.clone());
            good(call)
        };
        assert_eq!(self.calls.follow(seat, at_once, note), Ok(None));
        asked
    }
}

fn at_once(_: f64) -> Start {
    Start::Now
}

#[allow(clippy::unnecessary_wraps)] // the form of an `ask`
fn good(_: &Call) -> Result<Option<()>, std::convert::Infallible> {
    Ok(None)
}
