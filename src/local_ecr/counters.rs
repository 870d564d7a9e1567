//! What happened, in numbers.

use super::faults::kind::FaultKind;
use super::service::answer::Tally;

/// Counts since the start, or since they were last set to zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// HTTP requests read to the end, whatever they asked for.
    pub requests: u64,
    /// Requests that were a readable call of the operation; these have call numbers.
    pub calls: u64,
    /// Digests in those calls, repeats included.
    pub digests: u64,
    /// Calls that reached the repository and were answered (perhaps with mischief).
    pub answered: u64,
    /// Digests truly available in answered calls, before any mischief; likewise the next three.
    pub available: u64,
    /// Digests truly unavailable.
    pub unavailable: u64,
    /// Digests truly archived.
    pub archived: u64,
    /// Digests answered with a failure.
    pub failed: u64,
    /// Calls throttled, by the token bucket or by a fault.
    pub throttled: u64,
    /// Requests refused with another error than throttling, deserved or by a fault.
    pub refused: u64,
    /// Most calls in flight at once, from the request read to the answer sent.
    pub max_in_flight: u64,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies handed to connections.
    pub response_bytes: u64,
    /// Faults that took effect, in the order of `FaultKind::ALL`.
    faults: PerKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PerKind([u64; FaultKind::ALL.len()]);

impl Default for PerKind {
    fn default() -> Self {
        Self([0; FaultKind::ALL.len()])
    }
}

impl Counters {
    /// How often this kind of fault took effect.
    #[must_use]
    pub fn faults(&self, kind: FaultKind) -> u64 {
        self.faults.0[kind as usize]
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
