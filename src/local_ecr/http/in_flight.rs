//! Calls in flight: their number, and the bytes sent for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::local_ecr::state::Shared;

/// Counts a call as in flight, and the bytes sent for it, until this value is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    shared: Arc<Shared>,
    sent: AtomicU64,
}

impl InFlight {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        let mut state = shared.state();
        state.in_flight += 1;
        state.counters.max_in_flight = state.counters.max_in_flight.max(state.in_flight);
        Arc::new(Self { shared: Arc::clone(shared), sent: AtomicU64::new(0) })
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.counters.response_bytes += self.sent.load(Relaxed);
    }
}
