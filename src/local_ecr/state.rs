//! What the server thread and its owner share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::call_log::CallLog;
use super::counters::Counters;
use super::faults::Fault;
use super::faults::access_keys::AccessKeys;
use super::faults::throttle::{ThrottleForm, TokenBucket};
use super::random::Random;
use super::service::Service;
use super::service::request::{Request, ServiceError};
use super::service::store::Store;

/// The options that do not change after the start.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account_id: String,
    pub(crate) registry_alias: Option<String>,
    pub(crate) region_name: Option<String>,
    pub(crate) seed: u64,
    pub(crate) absent_as_failure: bool,
}

impl Settings {
    /// Returns the id of the registry in the request, which must be this server's.
    pub(crate) fn registry_id<'a>(
        &'a self,
        service: Service,
        request: &Request<'_>,
    ) -> Result<&'a str, ServiceError> {
        let Some(asked) = request.registry_id.as_ref().map(|id| &*id.0) else {
            return Ok(&self.account_id);
        };
        let known = match service {
            Service::Private => asked == self.account_id,
            Service::Public => asked == self.account_id || self.registry_alias.as_deref() == Some(asked),
        };
        if known {
            return Ok(&self.account_id);
        }
        // Only the model of ECR Public has an error for unknown registries.
        Err(match service {
            Service::Private => ServiceError::new(
                "RepositoryNotFoundException",
                format!(
                    "The repository with name '{}' does not exist in the registry with id '{asked}'",
                    request.repository_name()
                ),
            ),
            Service::Public => ServiceError::new(
                "RegistryNotFoundException",
                format!("The registry with id '{asked}' does not exist"),
            ),
        })
    }
}

/// What calls change, and what the owner may change while the server runs.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) faults: Arc<[Fault]>,
    pub(crate) latency: Latency,
    pub(crate) bucket: Option<TokenBucket>,
    pub(crate) throttle_form: ThrottleForm,
    pub(crate) access_keys: AccessKeys,
    pub(crate) counters: Counters,
    pub(crate) log: CallLog,
    /// Calls since the start. Not one of the counters, because a reset must not restart the fault script.
    pub(crate) calls: u64,
    pub(crate) in_flight: u64,
}

/// What the server thread and its owner share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) started: Instant,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, state: State, started: Instant) -> Self {
        Self { settings, started, state: Mutex::new(state) }
    }

    /// Locks the state. The lock is rarely contended, because one thread serves all calls.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // If a thread panics with the lock held, a count may be off by one and the endpoint goes on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiting time: a fixed part and a uniformly random part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) ms: f64,
    pub(crate) jitter_ms: f64,
}

impl Latency {
    pub(crate) fn draw(self, random: &mut Random) -> Duration {
        let ms = self.ms + self.jitter_ms * random.fraction();
        // Both were checked when they were set, so the fallback of zero is not reached.
        Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
    }
}
