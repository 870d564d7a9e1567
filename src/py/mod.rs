//! The binding `layercheck._core`: only the list of exports.

mod array;
mod budget;
mod build_info;
mod call;
mod call_loop;
mod comparison;
mod compression;
#[cfg(feature = "wire")]
mod http;
mod images;
mod input;
mod journal;
mod known_secrets;
mod layout;
mod layout_graph;
mod ledger;
#[cfg(feature = "local-ecr")]
mod local_ecr;
mod memory;
mod pacer;
mod pickling;
mod plan;
mod planner;
#[cfg(feature = "wire")]
mod prepared_calls;
mod python_file;
mod record_table;
mod rejects;
mod request;
mod scheduler;
mod table;

/// Native half of layercheck. Private: import from `layercheck` instead.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    /// Most digests in one call.
    #[pymodule_export]
    const MAX_BATCH: usize = crate::protocol::MAX_BATCH;

    /// Version of the encoding in a journal.
    #[pymodule_export]
    const JOURNAL_VERSION: u8 = crate::journal::VERSION;

    /// Version of the rules that turn rows into digests.
    #[pymodule_export]
    const RULES_VERSION: u32 = crate::journal::RULES;

    #[pymodule_export]
    use super::build_info::build_info;
    /// Suffixes that names of compressed files have, lower case.
    #[pymodule_export]
    const COMPRESSED_SUFFIXES: (&str, &str) = super::compression::SUFFIXES;
    #[pymodule_export]
    const HEAD_BYTES: usize = super::compression::HEAD_BYTES;

    #[pymodule_export]
    use super::budget::PyBudget;
    #[pymodule_export]
    use super::call::PyCall;
    #[pymodule_export]
    use super::call_loop::PyCallLoop;
    #[pymodule_export]
    use super::comparison::PyComparison;
    #[pymodule_export]
    use super::compression::{compressed, container, is_compressed};
    #[cfg(feature = "wire")]
    #[pymodule_export]
    use super::http::{PyWire, WireError, signature_headers};
    #[pymodule_export]
    use super::images::PyImageGraph;
    #[pymodule_export]
    use super::journal::{PyPlanParts, PyPlanReader};
    #[pymodule_export]
    use super::known_secrets::PyKnownSecrets;
    #[pymodule_export]
    use super::layout::{
        PyLayout, image_source, layout_of_bytes, may_be_manifest, read_layout, verify_manifests,
    };
    #[pymodule_export]
    use super::layout_graph::layout_graph;
    #[pymodule_export]
    use super::ledger::{PyColumns, PyLedger};
    #[cfg(feature = "local-ecr")]
    #[pymodule_export]
    use super::local_ecr::{PyLocalEcrImages, PyLocalEcrServer};
    #[pymodule_export]
    use super::memory::provide_thread_data;
    #[pymodule_export]
    use super::pacer::PyPacer;
    #[pymodule_export]
    use super::pickling::{columns_of_parts, plan_of_parts, reject_of_parts};
    #[pymodule_export]
    use super::plan::PyPlan;
    #[pymodule_export]
    use super::planner::PyPlanner;
    #[cfg(feature = "wire")]
    #[pymodule_export]
    use super::prepared_calls::PyPreparedCalls;
    #[pymodule_export]
    use super::record_table::PyRecordTable;
    #[pymodule_export]
    use super::rejects::{PyReject, PyRejects};
    #[pymodule_export]
    use super::request::PyPacker;
    #[pymodule_export]
    use super::scheduler::{PyRetryDecision, PyScheduler, longest_delay_s};
    #[pymodule_export]
    use super::table::{PyPlanTable, PyTable};
}
