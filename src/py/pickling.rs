//! Makes plans, rejected rows and verdict columns again from what `pickle` stored of them.
//!
//! The parts are checked, so that bytes of another version give an error and never a wrong report.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyBytesMethods, PyTuple};

use super::ledger::PyColumns;
use super::plan::PyPlan;
use super::rejects::PyReject;
use crate::digest::parse::RejectKind;
use crate::journal::plan_parts::{Parts as PlanParts, Rebuild};
use crate::ledger::columns::Columns;
use crate::ledger::parts::Parts;
use crate::plan::Plan;

/// Return the plan whose parts these are. Raises `ValueError` if they are not the parts of a plan.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "the list comes out of a Python object by value")]
pub(super) fn plan_of_parts(py: Python<'_>, parts: Vec<Bound<'_, PyBytes>>) -> PyResult<PyPlan> {
    let parts: Vec<&[u8]> = parts.iter().map(PyBytesMethods::as_bytes).collect();
    let plan = py.detach(|| {
        let mut rebuild = Rebuild::default();
        parts.into_iter().try_for_each(|part| rebuild.take(part))?;
        rebuild.finish()
    });
    plan.map(PyPlan::new).map_err(|corrupt| broken("Plan", &corrupt.to_string()))
}

/// The function that makes a plan again, and its arguments.
pub(super) fn reduce_plan<'py>(py: Python<'py>, plan: &Plan) -> PyResult<Bound<'py, PyTuple>> {
    let mut parts = PlanParts::default();
    let mut stored = Vec::new();
    while let Some(part) = py.detach(|| parts.next(plan)) {
        stored.push(PyBytes::new(py, &part));
    }
    reduced(py, "plan_of_parts", (stored,))
}

/// Return the columns of a plan whose parts these are. Raises `ValueError` if they do not fit the plan.
#[pyfunction]
pub(super) fn columns_of_parts(
    plan: &Bound<'_, PyPlan>,
    verdicts: &[u8],
    sizes: &[u8],
    media_types: &[u8],
    details: &[u8],
    media_type_names: Vec<String>,
    detail_texts: Vec<(String, String)>,
) -> PyResult<PyColumns> {
    let plan = Arc::clone(&plan.get().plan);
    let parts = Parts {
        verdicts: verdicts.to_vec(),
        sizes: sizes.to_vec(),
        media_types: media_types.to_vec(),
        details: details.to_vec(),
        media_type_names,
        detail_texts,
    };
    let columns = Columns::of_parts(plan.unique(), parts).map_err(|problem| broken("Columns", problem))?;
    Ok(PyColumns::new(plan, Arc::new(columns)))
}

/// The function that makes columns again, and its arguments.
pub(super) fn reduce_columns<'py>(
    py: Python<'py>,
    plan: PyPlan,
    columns: &Columns,
) -> PyResult<Bound<'py, PyTuple>> {
    let parts = py.detach(|| columns.parts());
    let bytes = |part: Vec<u8>| PyBytes::new(py, &part);
    let arguments = (
        plan,
        bytes(parts.verdicts),
        bytes(parts.sizes),
        bytes(parts.media_types),
        bytes(parts.details),
        parts.media_type_names,
        parts.detail_texts,
    );
    reduced(py, "columns_of_parts", arguments)
}

/// Return the rejected row whose attributes these are. Raises `ValueError` for an unknown kind.
#[pyfunction]
pub(super) fn reject_of_parts(
    row: usize,
    line: Option<u32>,
    file: Option<String>,
    kind: &str,
    offset: usize,
    text: Option<String>,
    message: String,
) -> PyResult<PyReject> {
    let known = RejectKind::ALL.iter().map(|each| each.name()).find(|name| *name == kind);
    let kind = known.ok_or_else(|| broken("Reject", "its kind is unknown"))?;
    Ok(PyReject { row, line, file, kind, offset, text, message })
}

/// The function that makes a rejected row again, and its arguments.
pub(super) fn reduce_reject<'py>(py: Python<'py>, reject: &PyReject) -> PyResult<Bound<'py, PyTuple>> {
    let PyReject { row, line, file, kind, offset, text, message } = reject;
    reduced(py, "reject_of_parts", (row, line, file, kind, offset, text, message))
}

fn reduced<'py, A: IntoPyObject<'py>>(
    py: Python<'py>,
    name: &str,
    arguments: A,
) -> PyResult<Bound<'py, PyTuple>>
where
    PyErr: From<A::Error>,
{
    let make = py.import("layercheck._core")?.getattr(name)?;
    (make, arguments).into_pyobject(py)
}

fn broken(what: &str, problem: &str) -> PyErr {
    PyValueError::new_err(format!(
        "these bytes are not a pickled {what}: {problem}; were they written by another version of layercheck?"
    ))
}
