//! Counts of connections, calls, digests and faults.

use super::faults::kind::FaultKind;
use super::service::answer::Tally;
use super::service::operation::{Operation, PerOperation};

/// Counts since the start, or since the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// HTTP requests read completely, of any kind.
    pub requests: u64,
    /// Requests that could be read as a call of an operation. Each has a call number.
    pub calls: u64,
    /// Layer digests in those calls, with repeats.
    pub digests: u64,
    /// Manifests in answers of `BatchGetImage`, counted before faults of content.
    pub manifests: u64,
    /// Calls that reached the repository and were answered, with or without a fault of content.
    pub answered: u64,
    /// Digests available in answered calls. This and the next three are counted before faults of content.
    pub available: u64,
    /// Digests unavailable.
    pub unavailable: u64,
    /// Digests archived.
    pub archived: u64,
    /// Digests answered with a failure.
    pub failed: u64,
    /// Calls throttled, by the token bucket or by a fault.
    pub throttled: u64,
    /// Requests refused for another reason, by the rules of the service or by a fault.
    pub refused: u64,
    /// Most calls in flight at once. A call is in flight from its head to the end of its answer.
    pub max_in_flight: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies handed to connections.
    pub response_bytes: u64,
    /// Faults that took effect, in the order of `FaultKind::ALL`.
    faults: PerKind,
    operations: PerOperation<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PerKind([u64; FaultKind::ALL.len()]);

impl Default for PerKind {
    fn default() -> Self {
        Self([0; FaultKind::ALL.len()])
    }
}

impl Counters {
    /// Returns how often this kind of fault took effect.
    #[must_use]
    pub fn faults(&self, kind: FaultKind) -> u64 {
        self.faults.0[kind as usize]
    }

    /// Returns how many of the calls were of this operation.
    #[must_use]
    pub fn calls_of(&self, operation: Operation) -> u64 {
        *self.operations.of(operation)
    }

    pub(crate) fn count_call(&mut self, operation: Operation) {
        self.calls += 1;
        *self.operations.of_mut(operation) += 1;
    }

    pub(crate) fn count_fault(&mut self, kind: FaultKind) {
        self.faults.0[kind as usize] += 1;
    }

    pub(crate) fn count_answer(&mut self, tally: Tally) {
        self.answered += 1;
        self.available += tally.available;
        self.unavailable += tally.unavailable;
        self.archived += tally.archived;
        self.failed += tally.failed;
    }
}
