//! What the server thread and its owner share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::call_log::CallLog;
use super::counters::Counters;
use super::faults::Fault;
use super::faults::access_keys::AccessKeys;
use super::faults::throttle::OperationThrottle;
use super::operations::no_repository;
use super::random::Random;
use super::service::Service;
use super::service::key::Key;
use super::service::operation::{Operation, PerOperation};
use super::service::registry::Registry;
use super::service::request::ServiceError;
use super::service::store::Store;

/// The options that do not change after the start.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account_id: String,
    pub(crate) registry_alias: Option<String>,
    pub(crate) region_name: Option<String>,
    pub(crate) seed: u64,
    pub(crate) absent_as_failure: bool,
    pub(crate) endpoint_url: String,
}

impl Settings {
    /// Returns the id of the registry in the request, which must be this server's.
    pub(crate) fn registry_id<'a>(
        &'a self,
        service: Service,
        asked: Option<&str>,
        repository_name: &str,
    ) -> Result<&'a str, ServiceError> {
        let Some(asked) = asked else {
            return Ok(&self.account_id);
        };
        let known = match service {
            Service::Private | Service::Sts => asked == self.account_id,
            Service::Public => asked == self.account_id || self.registry_alias.as_deref() == Some(asked),
        };
        if known {
            return Ok(&self.account_id);
        }
        if repository_name.is_empty() {
            // A repository policy cannot allow an operation on a whole registry.
            let text = "User is not authorized to perform this operation on the registry of another account";
            return Err(ServiceError::new("AccessDeniedException", text));
        }
        // Only the model of ECR Public has an error for unknown registries.
        Err(match service {
            Service::Private | Service::Sts => no_repository(repository_name, asked),
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
    pub(crate) registry: Registry,
    pub(crate) throttles: PerOperation<OperationThrottle>,
    pub(crate) access_keys: AccessKeys,
    pub(crate) counters: Counters,
    pub(crate) log: CallLog,
    /// Calls since the start. Not one of the counters, because a reset must not restart the fault script.
    pub(crate) calls: u64,
    pub(crate) operation_calls: PerOperation<u64>,
    pub(crate) deletions: Vec<Deletion>,
    pub(crate) in_flight: u64,
}

/// An image that is deleted just before a call is answered.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    pub(crate) repository: String,
    pub(crate) key: Key,
    pub(crate) operation: Operation,
    /// The number of the call among the calls of the operation since the start.
    pub(crate) call: u64,
}

impl State {
    /// Deletes the images whose call of this operation has come.
    pub(crate) fn delete_due_images(&mut self, operation: Operation) {
        let calls = *self.operation_calls.of(operation);
        let Self { store, deletions, .. } = self;
        deletions.retain(|deletion| {
            let due = deletion.operation == operation && deletion.call <= calls;
            if due && let Some(repository) = store.get_mut(&deletion.repository) {
                let images = &mut repository.images;
                images.find(&deletion.key).into_iter().for_each(|place| images.remove(place));
            }
            !due
        });
    }
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
