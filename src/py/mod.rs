//! The binding: `layercheck._core`. The list of exports, nothing else.

mod column;
mod files;
mod info;
mod input;
mod ledger;
#[cfg(feature = "local-ecr")]
mod local_ecr;
mod packer;
mod plan;
mod planner;
mod rejects;
mod table;
#[cfg(feature = "wire")]
mod wire;

/// Native half of layercheck. Private: import from `layercheck` instead.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    /// Most digests in one call.
    #[pymodule_export]
    const MAX_BATCH: usize = crate::batch::MAX_BATCH;

    #[pymodule_export]
    use super::info::build_info;
    #[pymodule_export]
    use super::ledger::{PyColumns, PyLedger};
    #[cfg(feature = "local-ecr")]
    #[pymodule_export]
    use super::local_ecr::PyLocalEcrServer;
    #[pymodule_export]
    use super::packer::PyPacker;
    #[pymodule_export]
    use super::plan::PyPlan;
    #[pymodule_export]
    use super::planner::PyPlanner;
    #[pymodule_export]
    use super::rejects::{PyReject, PyRejects};
    #[pymodule_export]
    use super::table::{PyPlanTable, PyTable};
    #[cfg(feature = "wire")]
    #[pymodule_export]
    use super::wire::{PyWire, WireError};
}
