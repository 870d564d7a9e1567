//! `Call` for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::dispatch::Call;

/// Digests that are asked together, with what was counted while they were asked. Immutable: a request that is
/// made again is another `Call`.
#[pyclass(name = "Call", module = "layercheck._core", frozen)]
pub(super) struct PyCall {
    pub(super) call: Call,
}

#[pymethods]
impl PyCall {
    /// The call of the digests numbered `start..stop`; the scheduler of a run makes all others.
    #[new]
    #[pyo3(signature = (start, stop, *, requests = 0, started_at = 0.0))]
    fn new(start: usize, stop: usize, requests: u32, started_at: f64) -> PyResult<Self> {
        if start > stop {
            return Err(PyValueError::new_err(format!("digests {start}..{stop} end before they begin")));
        }
        Ok(Self { call: Call { requests, started_at, ..Call::new(start..stop) } })
    }

    /// Tells the requests of a run apart.
    #[getter]
    const fn number(&self) -> u64 {
        self.call.number
    }

    /// First digest: an index into `plan.digests`. Numbers from `plan.unique` on are digests that a journal
    /// left open; the ledger packs these together.
    #[getter]
    const fn start(&self) -> usize {
        self.call.digests.start
    }

    /// One past the last digest.
    #[getter]
    const fn stop(&self) -> usize {
        self.call.digests.end
    }

    /// Number of digests.
    #[getter]
    fn size(&self) -> usize {
        self.call.size()
    }

    /// Requests before this one that ended in a transient error.
    #[getter]
    const fn tries(&self) -> u32 {
        self.call.tries
    }

    /// Requests before this one that the service refused because the credentials had just expired.
    #[getter]
    const fn renewals(&self) -> u32 {
        self.call.renewals
    }

    /// A request was refused for the time of its signature, and the digests were asked again.
    #[getter]
    const fn signed_again(&self) -> bool {
        self.call.signed_again
    }

    /// Answers before this request that lacked digests of the call or contradicted themselves.
    #[getter]
    const fn incomplete(&self) -> u32 {
        self.call.incomplete
    }

    /// Requests sent, this one included.
    #[getter]
    const fn requests(&self) -> u32 {
        self.call.requests
    }

    /// The call is part of a batch that was split.
    #[getter]
    const fn half(&self) -> bool {
        self.call.half
    }

    /// The call is asked in the last round, after everything else was settled.
    #[getter]
    const fn last(&self) -> bool {
        self.call.last
    }

    /// When these digests were first asked, seconds on the run's clock; infinite before.
    #[getter]
    const fn first_at(&self) -> f64 {
        self.call.first_at
    }

    /// When the request got its slot, seconds on the run's clock.
    #[getter]
    const fn started_at(&self) -> f64 {
        self.call.started_at
    }

    fn __repr__(&self) -> String {
        format!("<Call of {}..{}, request {}>", self.start(), self.stop(), self.call.requests)
    }
}
