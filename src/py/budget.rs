//! `Budget` for Python.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::dispatch::Budget;

/// When the next call may start at a given rate, by the generic cell rate algorithm. Thread-safe. Times are
/// seconds on one clock; calls worth `burst_s` seconds of rate may start at once.
#[pyclass(name = "Budget", module = "layercheck._core", frozen)]
pub(super) struct PyBudget {
    pub(super) budget: Arc<Budget>,
}

#[pymethods]
impl PyBudget {
    #[new]
    fn new(burst_s: f64) -> Self {
        Self { budget: Arc::new(Budget::new(burst_s)) }
    }

    /// Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked. Without a rate,
    /// count the call. `caller` tells the users of the budget apart.
    #[pyo3(signature = (now, rate, caller = 0))]
    fn reserve(&self, now: f64, rate: Option<f64>, caller: u64) -> f64 {
        self.budget.reserve(now, rate, caller)
    }

    /// Let calls that start in the core use this rate; None for without a limit.
    #[pyo3(signature = (rate))]
    fn allow(&self, rate: Option<f64>) {
        self.budget.allow(rate);
    }

    /// Let no call start in the core any more.
    fn hold(&self) {
        self.budget.hold();
    }

    /// Return the seconds until the next call may start at this rate; 0.0 for now.
    fn delay_until_allowed(&self, now: f64, rate: f64) -> f64 {
        self.budget.delay_until_allowed(now, rate)
    }

    /// Count a call that starts now.
    fn consume(&self, now: f64, rate: f64) {
        self.budget.consume(now, rate);
    }

    /// Drop what was saved up: the next call may start one interval from now.
    fn empty(&self, now: f64, rate: f64) {
        self.budget.empty(now, rate);
    }

    /// Return the calls per second that were reserved without a rate of late; 0.0 before the first.
    fn flow(&self, now: f64) -> f64 {
        self.budget.flow(now)
    }
}
