//! The options of a server, and their checks.

use super::error::Error;
use super::faults::throttle::Throttle;
use super::faults::{Fault, check_wait};
use super::http::tls::Certificate;
use super::service::Service;

/// Options of a server. The default is a server without faults, on a free port.
#[derive(Clone, Debug)]
pub struct Options {
    /// 12 digits: the account of private repositories.
    pub account_id: String,
    /// Another name of the public registry.
    pub registry_alias: Option<String>,
    /// The region in the scope of credentials; `None` accepts every region.
    pub region_name: Option<String>,
    /// The port on 127.0.0.1; 0 chooses a free port.
    pub port: u16,
    /// Who makes every call, as `GetCallerIdentity` answers; `None` is a role of the account.
    pub caller_arn: Option<String>,
    /// Serve HTTPS, with this certificate of a private authority; `None` for HTTP.
    pub tls: Option<Certificate>,
    /// Seed of all random choices.
    pub seed: u64,
    /// Milliseconds before each answer.
    pub latency_ms: f64,
    /// The largest random addition to `latency_ms`.
    pub jitter_ms: f64,
    /// The rate limit; `None` for no limit.
    pub throttle: Option<Throttle>,
    /// The faults.
    pub faults: Vec<Fault>,
    /// Answer absent digests as moto does, with a failure `MissingLayerDigest`, instead of as the service does.
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
            caller_arn: None,
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

/// Returns what is wrong with the options.
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

/// Returns what is wrong with a latency.
pub(crate) fn check_latency(ms: f64, jitter_ms: f64) -> Result<(), Error> {
    check_wait(ms).and(check_wait(jitter_ms)).map_err(|text| Error::Invalid(format!("latency: {text}")))
}
