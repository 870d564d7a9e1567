//! The server: one thread, one listening socket, and the methods of its owner.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::call_log::{CallLog, CallRecord};
use super::counters::Counters;
use super::error::Error;
use super::faults::Fault;
use super::faults::access_keys::AccessKeys;
use super::faults::throttle::{OperationThrottle, Throttle};
use super::http::connection;
use super::http::tls::Tls;
use super::options::{Options, check_latency, check_options};
use super::service::Service;
use super::service::key::Key;
use super::service::operation::{Operation, PerOperation};
use super::service::registry::Registry;
use super::service::store::{Availability, Holding, Rule, Store};
use super::state::{Latency, Settings, Shared, State};

/// A running endpoint; closing or dropping this value ends it.
#[derive(Debug)]
pub struct LocalEcr {
    pub(super) shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: Option<String>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    process: u32,
}

impl LocalEcr {
    /// Starts a server on 127.0.0.1. It accepts connections on return.
    ///
    /// # Errors
    /// If an option or a fault is not valid, or the port is taken.
    pub fn start(options: Options) -> Result<Self, Error> {
        check_options(&options)?;
        let tls = options.tls.map(Tls::new).transpose()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(Error::Listen)?;
        listener.set_nonblocking(true).map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        let now = Instant::now();
        let settings = Settings {
            account_id: options.account_id,
            registry_alias: options.registry_alias,
            region_name: options.region_name,
            seed: options.seed,
            absent_as_failure: options.absent_as_failure,
            endpoint_url: endpoint_url(tls.is_some(), address),
        };
        let mut throttles = PerOperation::<OperationThrottle>::default();
        throttles.all_mut().for_each(|it| *it = OperationThrottle::new(options.throttle.as_ref(), now));
        let default_arn = || format!("arn:aws:sts::{}:assumed-role/local-ecr/session", settings.account_id);
        let state = State {
            store: Store::default(),
            faults: options.faults.into(),
            latency: Latency { ms: options.latency_ms, jitter_ms: options.jitter_ms },
            registry: Registry::new(options.caller_arn.unwrap_or_else(default_arn)),
            throttles,
            access_keys: AccessKeys::default(),
            counters: Counters::default(),
            log: CallLog::new(options.log_calls),
            calls: 0,
            operation_calls: PerOperation::default(),
            deletions: Vec::new(),
            in_flight: 0,
        };
        let shared = Arc::new(Shared::new(settings, state, now));
        let (stop, stopped) = oneshot::channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Listen)?;
        let serving = Arc::clone(&shared);
        let (acceptor, ca_pem) = tls.map(|tls| (tls.acceptor, tls.ca_pem)).unzip();
        let thread = std::thread::Builder::new()
            .name("local-ecr".into())
            // When the runtime ends, it ends its tasks and closes their connections.
            .spawn(move || runtime.block_on(accept(listener, acceptor, serving, stopped)))
            .map_err(Error::Listen)?;
        Ok(Self {
            shared,
            address,
            ca_pem,
            running: Mutex::new(Some(Running { stop, thread, process: std::process::id() })),
        })
    }

    /// Ends the server and every connection. A second call does nothing.
    pub fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            // If the thread has ended already, nothing is left to stop.
            let _ = running.stop.send(());
            // After a fork the thread exists only in the parent, so a child does not wait for it.
            if running.process == std::process::id() {
                let _ = running.thread.join();
            }
        }
    }

    /// Whether the server was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The address of the listening socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for `endpoint_url`.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        endpoint_url(self.ca_pem.is_some(), self.address)
    }

    /// The certificate, in PEM, by which clients trust a server with TLS; `None` without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Adds digests to a repository, which is created if it does not exist. A digest that is added again
    /// replaces its earlier entry.
    ///
    /// # Errors
    /// If the name is not valid in either service.
    pub fn put(
        &self,
        repository: &str,
        holdings: impl IntoIterator<Item = (Key, Holding)>,
    ) -> Result<(), Error> {
        check_name(repository)?;
        // Collected first, so that the lock is not held while the iterator runs.
        let holdings: Vec<_> = holdings.into_iter().collect();
        self.shared.state().store.put(repository, holdings);
        Ok(())
    }

    /// Sets or removes the rule of a repository, which is created if it does not exist.
    ///
    /// # Errors
    /// If the name is not valid in either service, or the fraction is not 0 to 1.
    pub fn set_rule(&self, repository: &str, rule: Option<Rule>) -> Result<(), Error> {
        check_name(repository)?;
        if let Some(Rule::Fraction { fraction, .. }) = rule
            && !(0.0..=1.0).contains(&fraction)
        {
            return Err(Error::invalid(format!("fraction must be 0 to 1, not {fraction}")));
        }
        self.shared.state().store.set_rule(repository, rule);
        Ok(())
    }

    /// Removes digests that were added; returns how many there were. A rule may still hold them.
    #[must_use]
    pub fn remove(&self, repository: &str, keys: &[Key]) -> usize {
        self.shared.state().store.remove(repository, keys)
    }

    /// Deletes a repository; returns whether it existed.
    #[must_use]
    pub fn delete(&self, repository: &str) -> bool {
        self.shared.state().store.delete(repository)
    }

    /// Names of all repositories, sorted.
    #[must_use]
    pub fn repositories(&self) -> Vec<String> {
        self.shared.state().store.names()
    }

    /// The number of digests added to a repository; `None` if the repository does not exist.
    #[must_use]
    pub fn len(&self, repository: &str) -> Option<usize> {
        Some(self.shared.state().store.get(repository)?.len())
    }

    /// The availability of digests without faults, in the words of private ECR; `None` if the repository
    /// does not exist.
    #[must_use]
    pub fn availability(&self, repository: &str, keys: &[Key]) -> Option<Vec<Availability>> {
        let state = self.shared.state();
        let repository = state.store.get(repository)?;
        let truth = |key| repository.find(key).map_or(Availability::Unavailable, |found| found.availability);
        Some(keys.iter().map(truth).collect())
    }

    /// Replaces the faults, from the next call on.
    ///
    /// # Errors
    /// If a fault is not valid.
    pub fn set_faults(&self, faults: Vec<Fault>) -> Result<(), Error> {
        faults.iter().try_for_each(Fault::check)?;
        self.shared.state().faults = faults.into();
        Ok(())
    }

    /// Replaces the latency before each answer.
    ///
    /// # Errors
    /// If it is negative, not a number, or above an hour.
    pub fn set_latency(&self, ms: f64, jitter_ms: f64) -> Result<(), Error> {
        check_latency(ms, jitter_ms)?;
        self.shared.state().latency = Latency { ms, jitter_ms };
        Ok(())
    }

    /// Replaces the rate limit of operations by a full bucket for each; `None` removes it. No operations are all.
    ///
    /// # Errors
    /// If the rate, the burst or the status is not valid.
    pub fn set_throttle(&self, throttle: Option<&Throttle>, operations: &[Operation]) -> Result<(), Error> {
        throttle.map_or(Ok(()), Throttle::check)?;
        let operations = if operations.is_empty() { Operation::ALL } else { operations };
        let mut state = self.shared.state();
        for &operation in operations {
            *state.throttles.of_mut(operation) = OperationThrottle::new(throttle, Instant::now());
        }
        Ok(())
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.state().counters.clone()
    }

    /// Calls that the server is answering now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.shared.state().in_flight
    }

    /// The logged calls, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.state().log.records()
    }

    /// Sets counters to zero and empties the log. Call numbers continue.
    pub fn reset(&self) {
        let mut state = self.shared.state();
        state.counters = Counters::default();
        state.counters.max_in_flight = state.in_flight;
        state.log.clear();
    }
}

impl Drop for LocalEcr {
    fn drop(&mut self) {
        self.close();
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let accepted: io::Result<_> = tokio::select! {
            // Also if the sender was dropped, because then nothing else can stop this loop.
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                shared.state().counters.connections += 1;
                tokio::spawn(connection::serve(stream, tls.clone(), Arc::clone(&shared)));
            }
            // For instance out of file descriptors: wait until connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn endpoint_url(has_tls: bool, address: SocketAddr) -> String {
    let scheme = if has_tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

pub(super) fn check_name(repository: &str) -> Result<(), Error> {
    // Every name that is valid in ECR Public is valid in private ECR.
    match Service::Private.repository_name_fault(repository) {
        Some(fault) => Err(Error::Invalid(format!("repository {repository:?}: {fault}"))),
        None => Ok(()),
    }
}
