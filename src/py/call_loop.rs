//! `CallLoop` for Python.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::call::PyCall;
use super::ledger::PyLedger;
use super::pacer::PyPacer;
use super::scheduler::PyScheduler;
use crate::dispatch::{Answered, Call, CallLoop, Current, Pacer, Seat, Start};
use crate::memory;

/// How precisely the clock of Python is read, if the system lets it.
const PRECISE: Duration = Duration::from_micros(50);

/// Calls of one run, which threads make one after the other in the core. Thread-safe.
///
/// `PreparedCalls.follow` makes the calls. All times are those of `clock`.
#[pyclass(name = "CallLoop", module = "layercheck._core", frozen)]
pub(super) struct PyCallLoop {
    pub(super) ledger: Py<PyLedger>,
    pub(super) calls: CallLoop,
    pacer: Arc<Pacer>,
    own_rate: Option<f64>,
    caller: u64,
    /// The memory for a look.
    seen: Mutex<Vec<Answered>>,
}

impl PyCallLoop {
    /// When a call may start, by the rate.
    pub(super) fn start(&self, now: f64) -> Start {
        self.pacer.start(now, self.own_rate, self.caller)
    }

    /// Tells the lane that the service did not throttle a call. At once, because answers that are told after
    /// a throttle do not count.
    pub(super) fn answered(&self, call: &Call) {
        self.pacer.answered(call.started_at);
    }
}

#[pymethods]
impl PyCallLoop {
    /// Threads take the calls of `scheduler`, whose answers go into `ledger`. Calls start as `pacer` allows
    /// `caller`, whose own rate is `own_rate`. `threads` is the number of seats. A thread comes back when
    /// `most` answers wait to be drained.
    #[new]
    #[pyo3(signature = (scheduler, ledger, pacer, *, own_rate, caller, threads, most, clock))]
    #[allow(clippy::too_many_arguments)] // keywords in Python
    fn new(
        scheduler: &Bound<'_, PyScheduler>,
        ledger: &Bound<'_, PyLedger>,
        pacer: &Bound<'_, PyPacer>,
        own_rate: Option<f64>,
        caller: u64,
        threads: usize,
        most: usize,
        clock: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let scheduler = Arc::clone(&scheduler.get().scheduler);
        Ok(Self {
            calls: CallLoop::new(scheduler, threads, most, read(clock)?)?,
            pacer: Arc::clone(&pacer.get().pacer),
            own_rate,
            caller,
            ledger: ledger.clone().unbind(),
            seen: Mutex::new(memory::with_room(most + threads)?),
        })
    }

    /// Let threads take their next calls in the core.
    fn open(&self) {
        self.calls.open();
    }

    /// Let threads come back after the call they make.
    fn close(&self) {
        self.calls.close();
    }

    /// Say whether other runs wait for the same threads, which then do not stay for long.
    fn share(&self, is_shared: bool) {
        self.calls.share(is_shared);
    }

    /// The number of threads that wait in the core until the rate lets their next call start.
    #[getter]
    fn waiting(&self) -> usize {
        self.calls.waiting()
    }

    /// Give a seat to the thread that makes this call; None if all are taken.
    fn sit(&self, call: &Bound<'_, PyCall>) -> Option<Seat> {
        self.calls.sit(&call.get().call)
    }

    /// Return the call of a seat; None if it is settled, or the seat was left.
    fn current(&self, seat: Seat) -> Option<PyCall> {
        open(self.calls.current(seat))
    }

    /// End a seat, and return its call like `current`. An answer to it is not settled any more.
    fn leave(&self, seat: Seat) -> Option<PyCall> {
        open(self.calls.leave(seat))
    }

    /// End the seat that is at this call, unless the call is settled; return the seat.
    fn give_up(&self, call: &Bound<'_, PyCall>) -> Option<Seat> {
        self.calls.give_up(call.get().call.number)
    }

    /// Return the answers that were settled since the last time (first digest, one past the last, when the
    /// call started and when it was answered), and how many requests began since, and how many of these asked
    /// again. One thread at a time. If there is no memory for that, the next time returns them.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, usize, usize)> {
        // No thread waits for this lock, because one at a time drains.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clear();
        let begun = self.calls.answers(&mut seen);
        let answer = |each: &Answered| (each.call.start, each.call.end, each.started_at, each.answered_at);
        let answers = PyList::new(py, seen.iter().map(answer))?;
        self.calls.forget(seen.len(), begun);
        Ok((answers, begun.requests, begun.retries))
    }
}

fn open(current: Option<Current>) -> Option<PyCall> {
    current.filter(|current| current.open).map(|current| PyCall { call: current.call })
}

/// Reads a clock of Python and the same instant here.
fn read(clock: &Bound<'_, PyAny>) -> PyResult<(Instant, f64)> {
    let mut best: Option<(Duration, Instant, f64)> = None;
    // Another thread may run between the two.
    for _ in 0..5 {
        let at = Instant::now();
        let now = clock.call0()?.extract()?;
        let took = at.elapsed();
        if best.as_ref().is_none_or(|(least, ..)| took < *least) {
            best = Some((took, at, now));
        }
        if took < PRECISE {
            break;
        }
    }
    let (_, at, now) = best.expect("the clock was read");
    Ok((at, now))
}
