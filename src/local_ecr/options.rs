//! How a server is started, and what of that makes sense.

use super::error::Error;
use super::faults::throttle::Throttle;
use super::faults::{Fault, check_wait};
use super::http::tls::Certificate;
use super::service::Service;

/// How to start a server. The default is well-behaved, on a free port.
#[derive(Clone, Debug)]
pub struct Options {
    /// 12 digits: the account of private repositories.
    pub account_id: String,
    /// Another name of the public registry.
    pub registry_alias: Option<String>,
    /// Credentials must be scoped to it; `None` for any.
    pub region_name: Option<String>,
    /// On 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// Serve HTTPS, with this certificate of a private authority; `None` for HTTP.
    pub tls: Option<Certificate>,
    /// Of all chance.
    pub seed: u64,
    /// Milliseconds before each answer.
    pub latency_ms: f64,
    /// Up to so many more.
    pub jitter_ms: f64,
    /// No limit if `None`.
    pub throttle: Option<Throttle>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Answer absent digests as moto does, with a failure `MissingLayerDigest`, and not as the service.
    pub absent_as_failure: bool,
    /// How many of the last calls the log keeps.
    pub log_calls: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            account_id: "123456789012".into(),
            registry_alias: None,
            region_name: Some("us-east-1".into()),
            port: 0,
            tls: None,
            seed: 0,
            latency_ms: 0.0,
            jitter_ms: 0.0,
            throttle: None,
            faults: Vec::new(),
            absent_as_failure: false,
            log_calls: 0,
        }
    }
}

/// Says what is wrong with the options.
pub(crate) fn check_options(options: &Options) -> Result<(), Error> {
    if let Some(fault) = Service::Private.registry_id_fault(&options.account_id) {
        let text = format!("account_id {:?}: {fault}", options.account_id);
        return Err(Error::Invalid(text));
    }
    if let Some(alias) = &options.registry_alias
        && let Some(fault) = Service::Public.registry_id_fault(alias)
    {
        return Err(Error::Invalid(format!("registry_alias {alias:?}: {fault}")));
    }
    check_latency(options.latency_ms, options.jitter_ms)?;
    options.throttle.as_ref().map_or(Ok(()), Throttle::check)?;
    options.faults.iter().try_for_each(Fault::check)
}

/// Says what is wrong with a waiting time.
pub(crate) fn check_latency(ms: f64, jitter_ms: f64) -> Result<(), Error> {
    check_wait(ms).and(check_wait(jitter_ms)).map_err(|text| Error::Invalid(format!("latency: {text}")))
}
