//! The one operation that layercheck calls, `BatchCheckLayerAvailability`: digests become the body of a
//! request, and the body of an answer becomes entries.

pub mod answer;
pub mod entry;
pub mod request;

/// Most digests in one call: botocore shape `BatchedOperationLayerDigestList` of both services,
/// compared with the installed model in `tests/python/test_service_model.py`.
pub const MAX_BATCH: usize = 100;
