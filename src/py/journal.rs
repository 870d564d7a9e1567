//! A plan in parts, for a journal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::plan::PyPlan;
use crate::journal::CorruptRecord;
use crate::journal::plan_parts::{Parts, Rebuild};
use crate::plan::Plan;

/// An iterator over a plan's parts: `bytes`, each made with the interpreter lock released.
#[pyclass(name = "PlanParts", module = "layercheck._core", frozen)]
pub(super) struct PyPlanParts {
    plan: Arc<Plan>,
    parts: Mutex<Parts>,
}

#[pymethods]
impl PyPlanParts {
    #[new]
    fn new(plan: &Bound<'_, PyPlan>) -> Self {
        Self { plan: Arc::clone(&plan.get().plan), parts: Mutex::default() }
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let part = py.detach(|| locked(&self.parts).next(&self.plan));
        part.map(|part| PyBytes::new(py, &part))
    }
}

/// Makes a plan again of its parts.
#[pyclass(name = "PlanReader", module = "layercheck._core", frozen)]
pub(super) struct PyPlanReader {
    rebuild: Mutex<Rebuild>,
}

#[pymethods]
impl PyPlanReader {
    #[new]
    fn new() -> Self {
        Self { rebuild: Mutex::default() }
    }

    /// Takes the next part; `ValueError` if it is not that, or damaged.
    fn take(&self, py: Python<'_>, part: &[u8]) -> PyResult<()> {
        py.detach(|| locked(&self.rebuild).take(part)).map_err(corrupt)
    }

    /// The plan; `ValueError` if a part is missing. The reader is empty again then.
    fn finish(&self) -> PyResult<PyPlan> {
        let rebuild = std::mem::take(&mut *locked(&self.rebuild));
        rebuild.finish().map(PyPlan::new).map_err(corrupt)
    }
}

fn corrupt(error: CorruptRecord) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A panic in between leaves a part half taken; the next one does not fit then, and that is said.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
