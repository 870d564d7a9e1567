//! The local ECR endpoint for Python, behind `layercheck.testing`.

mod contents;
mod faults;
mod images;

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::local_ecr::{Availability, Certificate, Error, FaultKind, Holding, LocalEcr, Operation, Options};
use contents::{LayerArgs, availability_of, holdings_of, keys, rule_of};
use faults::{FaultArgs, ThrottleArgs, faults_of, throttle_of};
pub(super) use images::PyLocalEcrImages;
use images::operation_of;

/// A running endpoint. Every method may be called from any thread at any time.
#[pyclass(frozen, name = "LocalEcrServer", module = "layercheck._core")]
pub(super) struct PyLocalEcrServer(Arc<LocalEcr>);

/// Number, nanoseconds, service, repository, registry, digests, outcome, faults, user agent, operation.
type CallFields = (
    u64,
    u64,
    &'static str,
    String,
    Option<String>,
    Vec<String>,
    String,
    Vec<&'static str>,
    Option<String>,
    &'static str,
);

#[pymethods]
impl PyLocalEcrServer {
    #[new]
    #[pyo3(signature = (*, account_id, registry_alias, region_name, caller_arn, port, tls, seed, latency_ms, jitter_ms,
                        throttle, faults, absent_as_failure, log_calls))]
    #[allow(clippy::too_many_arguments, reason = "keywords, from one caller")]
    fn new(
        py: Python<'_>,
        account_id: String,
        registry_alias: Option<String>,
        region_name: Option<String>,
        caller_arn: Option<String>,
        port: u16,
        tls: Option<&str>,
        seed: u64,
        latency_ms: f64,
        jitter_ms: f64,
        throttle: Option<ThrottleArgs>,
        faults: Vec<FaultArgs>,
        absent_as_failure: bool,
        log_calls: usize,
    ) -> PyResult<Self> {
        let options = Options {
            account_id,
            registry_alias,
            region_name,
            caller_arn,
            port,
            tls: tls.map(certificate_of).transpose()?,
            seed,
            latency_ms,
            jitter_ms,
            throttle: throttle.map(throttle_of),
            faults: faults_of(faults)?,
            absent_as_failure,
            log_calls,
        };
        py.detach(|| LocalEcr::start(options)).map(|server| Self(Arc::new(server))).map_err(raised)
    }

    /// The images of the same server.
    #[getter]
    fn images(&self) -> PyLocalEcrImages {
        PyLocalEcrImages(Arc::clone(&self.0))
    }

    #[getter]
    fn endpoint_url(&self) -> String {
        self.0.endpoint_url()
    }

    #[getter]
    fn port(&self) -> u16 {
        self.0.address().port()
    }

    /// The certificate clients trust, in PEM; `None` without TLS.
    #[getter]
    fn ca_pem(&self) -> Option<&str> {
        self.0.ca_pem()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Ends the server and every connection.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// Adds digests that share availability, size and media type; returns how many were given.
    #[pyo3(signature = (repository, digests, availability="AVAILABLE", size=None, media_type=None))]
    fn put(
        &self,
        py: Python<'_>,
        repository: &str,
        digests: &Bound<'_, PyAny>,
        availability: &str,
        size: Option<u64>,
        media_type: Option<&str>,
    ) -> PyResult<usize> {
        let availability = availability_of(availability)?;
        let holding = Holding { availability, size, media_type: media_type.map(Arc::from) };
        let keys = keys(digests)?;
        let count = keys.len();
        let holdings = keys.into_iter().map(|key| (key, holding.clone()));
        py.detach(|| self.0.put(repository, holdings)).map_err(raised)?;
        Ok(count)
    }

    /// Adds digests with size, media type and availability; returns how many were given.
    fn put_layers(&self, py: Python<'_>, repository: &str, layers: Vec<LayerArgs>) -> PyResult<usize> {
        let holdings = holdings_of(layers)?;
        let count = holdings.len();
        py.detach(|| self.0.put(repository, holdings)).map_err(raised)?;
        Ok(count)
    }

    /// Adds the configs and layers of an image layout or an archive; returns how many there were.
    #[allow(clippy::needless_pass_by_value, reason = "what pyo3 extracts is owned")]
    fn put_oci_layout(
        &self,
        py: Python<'_>,
        repository: &str,
        folder: PathBuf,
        existing_only: bool,
    ) -> PyResult<usize> {
        py.detach(|| self.0.put_oci_layout(repository, &folder, existing_only)).map_err(raised)
    }

    /// Sets the rule of a repository; `None` removes it.
    #[pyo3(signature = (repository, kind, fraction=0.5, seed=0))]
    fn set_rule(&self, repository: &str, kind: Option<&str>, fraction: f64, seed: u64) -> PyResult<()> {
        let rule = rule_of(kind, fraction, seed)?;
        self.0.set_rule(repository, rule).map_err(raised)
    }

    /// Removes digests that were added; returns how many there were.
    fn remove(&self, repository: &str, digests: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.0.remove(repository, &keys(digests)?))
    }

    /// Deletes a repository; returns whether it existed.
    fn delete(&self, repository: &str) -> bool {
        self.0.delete(repository)
    }

    #[getter]
    fn repositories(&self) -> Vec<String> {
        self.0.repositories()
    }

    /// The availability of digests without faults, in order; `None` if the repository does not exist.
    fn availability(
        &self,
        repository: &str,
        digests: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Vec<&'static str>>> {
        let truth = self.0.availability(repository, &keys(digests)?);
        Ok(truth.map(|words| words.into_iter().map(Availability::word).collect()))
    }

    fn set_faults(&self, faults: Vec<FaultArgs>) -> PyResult<()> {
        self.0.set_faults(faults_of(faults)?).map_err(raised)
    }

    fn set_latency(&self, ms: f64, jitter_ms: f64) -> PyResult<()> {
        self.0.set_latency(ms, jitter_ms).map_err(raised)
    }

    #[allow(clippy::needless_pass_by_value, reason = "what pyo3 extracts is owned")]
    fn set_throttle(&self, throttle: Option<ThrottleArgs>, operations: Vec<String>) -> PyResult<()> {
        let operations: Vec<Operation> =
            operations.iter().map(|name| operation_of(name)).collect::<PyResult<_>>()?;
        self.0.set_throttle(throttle.map(throttle_of).as_ref(), &operations).map_err(raised)
    }

    /// Counts by name; `faults` is a dict of counts by kind, and `operations` one of calls by operation.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.0.counters();
        let dict = PyDict::new(py);
        for (name, count) in [
            ("connections", counters.connections),
            ("requests", counters.requests),
            ("calls", counters.calls),
            ("digests", counters.digests),
            ("manifests", counters.manifests),
            ("imports", self.0.imports()),
            ("answered", counters.answered),
            ("available", counters.available),
            ("unavailable", counters.unavailable),
            ("archived", counters.archived),
            ("failed", counters.failed),
            ("throttled", counters.throttled),
            ("refused", counters.refused),
            ("in_flight", self.0.in_flight()),
            ("max_in_flight", counters.max_in_flight),
            ("request_bytes", counters.request_bytes),
            ("response_bytes", counters.response_bytes),
        ] {
            dict.set_item(name, count)?;
        }
        let faults = PyDict::new(py);
        for &kind in FaultKind::ALL {
            faults.set_item(kind.name(), counters.faults(kind))?;
        }
        dict.set_item("faults", faults)?;
        let operations = PyDict::new(py);
        for &operation in Operation::ALL {
            operations.set_item(operation.name(), counters.calls_of(operation))?;
        }
        dict.set_item("operations", operations)?;
        Ok(dict)
    }

    /// The last calls, oldest first.
    fn calls(&self, py: Python<'_>) -> Vec<CallFields> {
        let records = py.detach(|| self.0.calls());
        records
            .into_iter()
            .map(|call| {
                (
                    call.number,
                    call.at.as_nanos() as u64,
                    call.service.name(),
                    call.repository_name,
                    call.registry_id,
                    call.digests,
                    call.outcome,
                    call.faults,
                    call.user_agent,
                    call.operation.name(),
                )
            })
            .collect()
    }

    /// Sets counters to zero and empties the log.
    fn reset(&self) {
        self.0.reset();
    }

    /// Names of all operations.
    #[staticmethod]
    fn operations() -> Vec<&'static str> {
        Operation::ALL.iter().map(|operation| operation.name()).collect()
    }

    /// Names of all kinds of fault.
    #[staticmethod]
    fn fault_kinds() -> Vec<&'static str> {
        FaultKind::ALL.iter().map(|kind| kind.name()).collect()
    }
}

fn raised(error: Error) -> PyErr {
    match error {
        Error::Invalid(text) => PyValueError::new_err(text),
        Error::Layout(..) | Error::Refused(..) => PyValueError::new_err(error.to_string()),
        Error::Closed | Error::Tls(_) => PyRuntimeError::new_err(error.to_string()),
        Error::Listen(ref cause) | Error::Read(_, ref cause) => match cause.raw_os_error() {
            // With errno, OSError becomes the matching subclass, for instance FileNotFoundError.
            Some(errno) => PyOSError::new_err((errno, error.to_string())),
            None => PyOSError::new_err(error.to_string()),
        },
    }
}

fn certificate_of(word: &str) -> PyResult<Certificate> {
    match word {
        "valid" => Ok(Certificate::Valid),
        "wrong_host" => Ok(Certificate::WrongHost),
        "expired" => Ok(Certificate::Expired),
        _ => {
            let text = format!("tls must be True, False, \"wrong_host\" or \"expired\", not {word:?}");
            Err(PyValueError::new_err(text))
        }
    }
}
