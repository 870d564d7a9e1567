//! `Budget` for Python.

use pyo3::prelude::*;

use crate::dispatch::Budget;

/// When the next call may start at a given rate, by the generic cell rate algorithm. Thread-safe. Times are
/// seconds on one clock; calls worth `burst_s` seconds of rate may start at once.
#[pyclass(name = "Budget", module = "layercheck._core", frozen)]
pub(super) struct PyBudget {
    budget: Budget,
}

#[pymethods]
impl PyBudget {
    #[new]
    fn new(burst_s: f64) -> Self {
        Self { budget: Budget::new(burst_s) }
    }

    /// Return the seconds until the next call may start at this rate; 0.0 for now.
    fn delay_until_allowed(&self, now: f64, rate: f64) -> f64 {
        self.budget.delay_until_allowed(now, rate)
    }

    /// Count a call that starts now.
    fn consume(&self, now: f64, rate: f64) {
        self.budget.consume(now, rate);
    }
}
