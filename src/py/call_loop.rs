//! `CallLoop` for Python.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::budget::PyBudget;
use super::ledger::PyLedger;
use crate::dispatch::{Answered, Budget, CallLoop, Seat, Start};
use crate::memory;

/// How precisely the clock of Python is read, if the system lets it.
const PRECISE: Duration = Duration::from_micros(50);

/// Fresh calls of one run, which threads make one after the other in the core. Thread-safe.
///
/// `PreparedCalls.follow` makes the calls. All times are those of `clock`.
#[pyclass(name = "CallLoop", module = "layercheck._core", frozen)]
pub(super) struct PyCallLoop {
    pub(super) ledger: Py<PyLedger>,
    pub(super) calls: CallLoop,
    budget: Arc<Budget>,
    own_rate: Option<f64>,
    caller: u64,
    unique: usize,
    /// The memory for a look.
    seen: Mutex<Vec<Answered>>,
}

impl PyCallLoop {
    /// When a call may start, by the rate.
    pub(super) fn start(&self, now: f64) -> Start {
        self.budget.start(now, self.own_rate, self.caller)
    }

    fn call(&self, start: usize, stop: usize) -> PyResult<std::ops::Range<usize>> {
        if start <= stop && stop <= self.unique {
            return Ok(start..stop);
        }
        let message = format!("digests {start}..{stop} are not within the plan's {}", self.unique);
        Err(PyIndexError::new_err(message))
    }
}

#[pymethods]
impl PyCallLoop {
    /// Calls start as `budget` allows `caller` at `own_rate`. `threads` is the number of seats. A thread comes back
    /// when `most` answers wait to be drained.
    #[new]
    #[pyo3(signature = (ledger, budget, *, own_rate, caller, threads, most, clock))]
    fn new(
        ledger: &Bound<'_, PyLedger>,
        budget: &Bound<'_, PyBudget>,
        own_rate: Option<f64>,
        caller: u64,
        threads: usize,
        most: usize,
        clock: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let plan = ledger.get().plan();
        let calls = CallLoop::new(plan.batch_size(), threads, most, read(clock)?)?;
        Ok(Self {
            unique: plan.unique(),
            calls,
            budget: Arc::clone(&budget.get().budget),
            own_rate,
            caller,
            ledger: ledger.clone().unbind(),
            seen: Mutex::new(memory::with_room(most + threads)?),
        })
    }

    /// Lend a range of digests, from which threads take their next calls.
    fn lend(&self, start: usize, stop: usize) -> PyResult<()> {
        self.calls.lend(self.call(start, stop)?);
        Ok(())
    }

    /// Take back what is left of the range, as start and stop. Threads come back after the call they make.
    fn take_back(&self) -> (usize, usize) {
        let left = self.calls.take_back();
        (left.start, left.end)
    }

    /// Take one call out of the range, as start and stop; None if nothing is left.
    fn take_one(&self) -> Option<(usize, usize)> {
        self.calls.take_one().map(|call| (call.start, call.end))
    }

    /// The number of digests that are left of the range.
    #[getter]
    fn left(&self) -> usize {
        self.calls.left()
    }

    /// The number of threads that wait in the core until the rate lets their next call start.
    #[getter]
    fn waiting(&self) -> usize {
        self.calls.waiting()
    }

    /// Give a seat to a thread that makes this call; None if all are taken.
    fn sit(&self, start: usize, stop: usize, started_at: f64) -> PyResult<Option<Seat>> {
        Ok(self.calls.sit(self.call(start, stop)?, started_at))
    }

    /// Return the call of a seat: start, stop, when it started, and whether it has no counted answer yet.
    /// None if the seat was left.
    fn current(&self, seat: Seat) -> Option<(usize, usize, f64, bool)> {
        self.calls.current(seat).map(|at| (at.call.start, at.call.end, at.started_at, at.open))
    }

    /// Return the calls without a counted answer: seat, start, stop and when it started.
    fn seats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let seats = self.calls.seats()?;
        PyList::new(py, seats.iter().map(|(seat, at)| (*seat, at.call.start, at.call.end, at.started_at)))
    }

    /// End a seat, and return its call like `current`. An answer to it is not counted any more.
    fn leave(&self, seat: Seat) -> Option<(usize, usize, f64, bool)> {
        self.calls.leave(seat).map(|at| (at.call.start, at.call.end, at.started_at, at.open))
    }

    /// End a seat if it is still at the call that begins with digest `start`; return whether it was.
    fn give_up(&self, seat: Seat, start: usize) -> bool {
        self.calls.give_up(seat, start)
    }

    /// Return the answers that were counted since the last time (first digest, one past the last, when the call
    /// started and when it was answered), and how many calls were taken. One thread at a time. If there is no
    /// memory for that, the next time returns them.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, usize)> {
        // No thread waits for this lock, because one at a time drains.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clear();
        let taken = self.calls.answers(&mut seen);
        let answer = |each: &Answered| (each.call.start, each.call.end, each.started_at, each.answered_at);
        let answers = PyList::new(py, seen.iter().map(answer))?;
        self.calls.forget(seen.len(), taken);
        Ok((answers, taken))
    }
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
