//! `PlanParts` and `PlanReader` for Python: a plan in the parts that a journal keeps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::memory;
use super::plan::PyPlan;
use crate::journal::CorruptRecord;
use crate::journal::plan_parts::{Parts, Rebuild, RebuildError};
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

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let part = py.detach(|| locked(&self.parts).next(&self.plan))?;
        part.map(|part| memory::bytes(py, &part)).transpose()
    }
}

/// Rebuilds a plan from its parts.
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

    /// Take the next part; raises `ValueError` if it is corrupt or not the next part.
    fn take(&self, py: Python<'_>, part: &[u8]) -> PyResult<()> {
        py.detach(|| locked(&self.rebuild).take(part)).map_err(|error| match error {
            RebuildError::Corrupt(error) => corrupt(error),
            RebuildError::Memory(refused) => refused.into(),
        })
    }

    /// Return the plan, and leave the reader empty; raises `ValueError` if a part is missing.
    fn finish(&self) -> PyResult<PyPlan> {
        let rebuild = std::mem::take(&mut *locked(&self.rebuild));
        rebuild.finish().map(PyPlan::new).map_err(corrupt)
    }
}

fn corrupt(error: CorruptRecord) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Locks a mutex, also after a panic: a part that was half taken makes the next part an error.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
