//! `Pacer` for Python.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use crate::dispatch::pacer::{self, Pacer, Pacing};
use crate::dispatch::recovery::Recovery;

/// The rate of one lane: when the next call may start, slower after throttles. Thread-safe.
///
/// `rate` is the calls per second, and the ceiling of the recovery; None for no limit until the first
/// throttle. `clock` gives seconds, monotonic. `recovery` is "cubic" or "linear". Calls worth `burst_s`
/// seconds of rate may start at once. For `hold_off_s` seconds after a decrease, a single throttle does not
/// lead to the next. `floor` is the lowest rate after throttles.
#[pyclass(name = "Pacer", module = "layercheck._core", frozen)]
pub(super) struct PyPacer {
    pub(super) pacer: Arc<Pacer>,
    /// Called without the pacer's lock.
    clock: Py<PyAny>,
}

#[pymethods]
impl PyPacer {
    /// Calls that may start at once unless told otherwise, as seconds of rate.
    #[classattr]
    const BURST_S: f64 = pacer::BURST_S;
    /// The lowest rate after throttles unless told otherwise, calls per second.
    #[classattr]
    const FLOOR: f64 = pacer::FLOOR;

    #[new]
    #[pyo3(signature = (
        rate,
        *,
        clock = None,
        recovery = "cubic",
        burst_s = None,
        hold_off_s = None,
        floor = None,
    ))]
    fn new(
        py: Python<'_>,
        rate: Option<f64>,
        clock: Option<Py<PyAny>>,
        recovery: &str,
        burst_s: Option<f64>,
        hold_off_s: Option<f64>,
        floor: Option<f64>,
    ) -> PyResult<Self> {
        let recovery = named(py, recovery)?;
        let clock =
            clock.map_or_else(|| Ok(py.import("time")?.getattr("monotonic")?.unbind()), PyResult::Ok)?;
        let pacing = Pacing {
            recovery,
            burst_s: burst_s.unwrap_or(pacer::BURST_S),
            hold_off_s: hold_off_s.unwrap_or(pacer::HOLD_OFF_S),
            floor: floor.unwrap_or(pacer::FLOOR),
        };
        Ok(Self { pacer: Arc::new(Pacer::new(rate, pacing)), clock })
    }

    /// The present rate in calls per second; None while there is no limit.
    #[getter]
    fn rate(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.pacer.rate(self.now(py)?))
    }

    /// The rate at which the recovery ends; None for no limit.
    #[getter]
    fn ceiling(&self) -> Option<f64> {
        self.pacer.ceiling()
    }

    #[setter]
    fn set_ceiling(&self, rate: Option<f64>) {
        self.pacer.set_ceiling(rate);
    }

    /// Whether the rate was still coming back after a throttle when it was last asked for.
    #[getter]
    fn is_adapted(&self) -> bool {
        self.pacer.is_adapted()
    }

    /// Book one call: 0.0 if it may start now, else seconds to wait, with nothing booked. `caller` tells the
    /// users of the lane apart.
    #[pyo3(signature = (caller = 0))]
    fn reserve(&self, py: Python<'_>, caller: u64) -> PyResult<f64> {
        Ok(self.pacer.reserve(self.now(py)?, caller))
    }

    /// Note that the service did not throttle a call which started then, by the pacer's clock.
    fn answered(&self, started_at: f64) {
        self.pacer.answered(started_at);
    }

    /// Slow down because the service throttled a call which started then, unless the call is older than the
    /// last decrease.
    fn throttled(&self, py: Python<'_>, started_at: f64) -> PyResult<()> {
        self.pacer.throttled(self.now(py)?, started_at);
        Ok(())
    }

    /// Shows the collector the clock, which may lead back here.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)
    }
}

impl PyPacer {
    fn now(&self, py: Python<'_>) -> PyResult<f64> {
        self.clock.call0(py)?.extract(py)
    }
}

fn named(py: Python<'_>, name: &str) -> PyResult<Recovery> {
    Recovery::named(name).ok_or_else(|| {
        let name = PyString::new(py, name);
        let names = Recovery::ALL.map(|each| format!("\"{}\"", each.name())).join(", ");
        PyValueError::new_err(format!("recovery is {name:?}; expected one of {names}"))
    })
}
