//! `Packer` for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::plan::PyPlan;
use super::plan::range;
use crate::protocol::request::Packer;

/// Writes the bodies of requests for one repository. Everything but the digests is made once.
#[pyclass(name = "Packer", module = "layercheck._core", frozen)]
pub(super) struct PyPacker {
    pub(super) packer: Packer,
}

#[pymethods]
impl PyPacker {
    #[new]
    #[pyo3(signature = (repository_name, registry_id = None))]
    fn new(repository_name: &str, registry_id: Option<&str>) -> Self {
        Self { packer: Packer::new(repository_name, registry_id) }
    }

    /// Return the body that asks for the digests `start..stop` of `plan`: compact JSON, as `bytes`.
    fn pack<'py>(
        &self,
        plan: &Bound<'py, PyPlan>,
        start: usize,
        stop: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let plan_of = &plan.get().plan;
        let digests = &plan_of.digests()[range(plan_of, start, stop)?];
        // Less than a microsecond for a hundred digests, so releasing the interpreter lock would not pay.
        PyBytes::new_with(plan.py(), self.packer.len(digests.len()), |body| {
            self.packer.pack_into(digests, body);
            Ok(())
        })
    }
}
