//! The operation `BatchCheckLayerAvailability`: writes digests as the body of a request, and reads the body
//! of an answer as entries.

pub mod answer;
pub mod entry;
pub mod request;

/// Most digests in one call: botocore shape `BatchedOperationLayerDigestList` of both services,
/// compared with the installed model in `tests/python/test_service_model.py`.
pub const MAX_BATCH: usize = 100;
