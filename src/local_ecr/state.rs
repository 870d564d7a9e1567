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

/// What stays as it was at the start.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account_id: String,
    pub(crate) registry_alias: Option<String>,
    pub(crate) region_name: Option<String>,
    pub(crate) seed: u64,
    pub(crate) absent_as_failure: bool,
}

impl Settings {
    /// The registry a call means, which must be ours.
    pub(crate) fn registry_id<'a>(
        &'a self,
        service: Service,
        request: &Request<'_>,
    ) -> Result<&'a str, ServiceError> {
        let Some(asked) = request.registry_id.as_ref().map(|id| &*id.0) else {
            return Ok(&self.account_id);
        };
        let ours = match service {
            Service::Private => asked == self.account_id,
            Service::Public => asked == self.account_id || self.registry_alias.as_deref() == Some(asked),
        };
        if ours {
            return Ok(&self.account_id);
        }
        // Only the public model has an error of its own for registries.
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

/// What calls change and owners may change while the server runs.
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
    /// Calls since the start. Not a counter: resetting those must not rewind the script.
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

    /// Locks the state. One thread serves, so only an owner ever has to be waited for.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Should a holder panic, counts may be off by one; the endpoint goes on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waiting time: a fixed part and an evenly drawn one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) ms: f64,
    pub(crate) jitter_ms: f64,
}

impl Latency {
    pub(crate) fn draw(self, random: &mut Random) -> Duration {
        let ms = self.ms + self.jitter_ms * random.fraction();
        // Both were checked when they were set; zero is the answer to what cannot be.
        Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
    }
}
