//! The local ECR endpoint for Python. `layercheck.testing` is its friendly face.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::local_ecr::{
    Availability, Certificate, Error, Fault, FaultKind, FaultSpec, Holding, LocalEcr, Options, Rule,
    Throttle, ThrottleForm,
    key::{self, Key},
    read_oci_layout,
};

/// A running endpoint. Every method may be called from any thread, while calls come in.
#[pyclass(frozen, name = "LocalEcrServer", module = "layercheck._core")]
pub(super) struct PyLocalEcrServer(LocalEcr);

/// Rate, burst, error code, HTTP status.
type ThrottleArgs = (f64, f64, Option<String>, u16);
/// Digest, size, media type, availability.
type LayerArgs = (String, Option<u64>, Option<String>, String);
/// Number, nanoseconds, service, repository, registry, digests, outcome, faults, user agent.
type CallFields =
    (u64, u64, &'static str, String, Option<String>, Vec<String>, String, Vec<&'static str>, Option<String>);

/// `layercheck.testing.Fault`, attribute by attribute.
#[derive(FromPyObject)]
struct FaultArgs {
    kind: String,
    probability: f64,
    first_call: u64,
    last_call: Option<u64>,
    share: f64,
    ms: f64,
    jitter_ms: f64,
    code: Option<String>,
    status: Option<u16>,
    message: String,
    word: String,
    digests: Vec<String>,
    bytes: u64,
    bytes_per_ms: u32,
    uses: u64,
}

#[pymethods]
impl PyLocalEcrServer {
    #[new]
    #[pyo3(signature = (*, account_id, registry_alias, region_name, port, tls, seed, latency_ms, jitter_ms,
                        throttle, faults, absent_as_failure, log_calls))]
    #[allow(clippy::too_many_arguments, reason = "keywords, from one caller")]
    fn new(
        py: Python<'_>,
        account_id: String,
        registry_alias: Option<String>,
        region_name: Option<String>,
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
        py.detach(|| LocalEcr::start(options)).map(Self).map_err(raised)
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

    /// Adds digests that are all alike; how many were given.
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

    /// Adds digests with size, media type and availability; how many were given.
    fn put_layers(&self, py: Python<'_>, repository: &str, layers: Vec<LayerArgs>) -> PyResult<usize> {
        let count = layers.len();
        let holdings = layers
            .into_iter()
            .map(|(digest, size, media_type, availability)| {
                let availability = availability_of(&availability)?;
                let media_type = media_type.map(Arc::from);
                Ok((key_of(&digest)?, Holding { availability, size, media_type }))
            })
            .collect::<PyResult<Vec<_>>>()?;
        py.detach(|| self.0.put(repository, holdings)).map_err(raised)?;
        Ok(count)
    }

    /// Adds configs and layers of an OCI image layout; how many there were.
    #[allow(clippy::needless_pass_by_value, reason = "what pyo3 extracts is owned")]
    fn put_oci_layout(
        &self,
        py: Python<'_>,
        repository: &str,
        folder: PathBuf,
        existing_only: bool,
    ) -> PyResult<usize> {
        py.detach(|| {
            let blobs = read_oci_layout(&folder, existing_only)?;
            let count = blobs.len();
            let holdings = blobs.into_iter().map(|blob| {
                let media_type = (!blob.media_type.is_empty()).then(|| blob.media_type.into());
                let holding = Holding { size: Some(blob.size), media_type, ..Holding::default() };
                (blob.key, holding)
            });
            self.0.put(repository, holdings).map(|()| count)
        })
        .map_err(raised)
    }

    /// Sets the rule of a repository: `None` for none.
    #[pyo3(signature = (repository, kind, fraction=0.5, seed=0))]
    fn set_rule(&self, repository: &str, kind: Option<&str>, fraction: f64, seed: u64) -> PyResult<()> {
        let rule = match kind {
            None => None,
            Some("even") => Some(Rule::Even),
            Some("fraction") => Some(Rule::Fraction { fraction, seed }),
            Some(other) => {
                let text = format!("rule must be \"even\" or \"fraction\", not {other:?}");
                return Err(PyValueError::new_err(text));
            }
        };
        self.0.set_rule(repository, rule).map_err(raised)
    }

    /// Removes digests; how many were there one by one.
    fn remove(&self, repository: &str, digests: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(self.0.remove(repository, &keys(digests)?))
    }

    /// Deletes a repository; whether there was one.
    fn delete(&self, repository: &str) -> bool {
        self.0.delete(repository)
    }

    #[getter]
    fn repositories(&self) -> Vec<String> {
        self.0.repositories()
    }

    /// The truth about digests, in order; `None` if there is no such repository.
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

    fn set_throttle(&self, throttle: Option<ThrottleArgs>) -> PyResult<()> {
        self.0.set_throttle(throttle.map(throttle_of)).map_err(raised)
    }

    /// Counts by name; `faults` is a dict of its own.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.0.counters();
        let dict = PyDict::new(py);
        for (name, count) in [
            ("connections", counters.connections),
            ("requests", counters.requests),
            ("calls", counters.calls),
            ("digests", counters.digests),
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
                )
            })
            .collect()
    }

    /// Sets counters to zero and empties the log.
    fn reset(&self) {
        self.0.reset();
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
        Error::Layout(..) => PyValueError::new_err(error.to_string()),
        Error::Closed | Error::Tls(_) => PyRuntimeError::new_err(error.to_string()),
        Error::Listen(ref cause) | Error::Read(_, ref cause) => match cause.raw_os_error() {
            // With errno OSError becomes the fitting subclass, FileNotFoundError say.
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

fn availability_of(word: &str) -> PyResult<Availability> {
    Availability::of_word(word).ok_or_else(|| {
        PyValueError::new_err(format!(
            "availability must be AVAILABLE, UNAVAILABLE or ARCHIVED, not {word:?}"
        ))
    })
}

/// Digests as text in the canonical spelling, or as 32 raw bytes.
fn keys(digests: &Bound<'_, PyAny>) -> PyResult<Vec<Key>> {
    if digests.is_instance_of::<PyString>() || digests.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("digests must be an iterable of digests, not one digest"));
    }
    digests
        .try_iter()?
        .map(|item| {
            let item = item?;
            if let Ok(text) = item.cast::<PyString>() {
                return key_of(text.to_str()?);
            }
            if let Ok(bytes) = item.cast::<PyBytes>() {
                return Key::try_from(bytes.as_bytes())
                    .map_err(|_| PyValueError::new_err("a digest given as bytes must be 32 bytes"));
            }
            Err(PyTypeError::new_err(format!(
                "a digest must be str or bytes, not {}",
                item.get_type().name()?
            )))
        })
        .collect()
}

fn key_of(text: &str) -> PyResult<Key> {
    key::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        PyValueError::new_err(format!(
            "a repository holds digests of the form sha256: and 64 lower-case hexadecimal digits, not {shown:?}"
        ))
    })
}

fn throttle_of((rate, burst, code, status): ThrottleArgs) -> Throttle {
    Throttle { rate, burst, form: ThrottleForm { code, status } }
}

/// The form of a throttling fault: `None` for the server's own.
fn form_of(code: Option<String>, status: Option<u16>) -> Option<ThrottleForm> {
    if code.is_none() && status.is_none() {
        return None;
    }
    let own = ThrottleForm::default();
    let code = code.map_or(own.code, |code| (!code.is_empty()).then_some(code));
    Some(ThrottleForm { code, status: status.unwrap_or(own.status) })
}

fn faults_of(faults: Vec<FaultArgs>) -> PyResult<Vec<Fault>> {
    faults.into_iter().map(fault_of).collect()
}

fn fault_of(args: FaultArgs) -> PyResult<Fault> {
    let kind = FaultKind::ALL.iter().find(|kind| kind.name() == args.kind).ok_or_else(|| {
        let known: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        let text = format!("no kind of fault {:?}; there are {}", args.kind, known.join(", "));
        PyValueError::new_err(text)
    })?;
    let FaultArgs { share, word, .. } = args;
    // Words no service model has.
    let word_or = |default: &str| if word.is_empty() { default.to_owned() } else { word.clone() };
    let spec = match kind {
        FaultKind::Latency => FaultSpec::Latency { ms: args.ms, jitter_ms: args.jitter_ms },
        FaultKind::Throttle => FaultSpec::Throttle { form: form_of(args.code, args.status) },
        FaultKind::ServerError => FaultSpec::ServerError,
        FaultKind::ServiceUnavailable => FaultSpec::ServiceUnavailable,
        FaultKind::ErrorPage => FaultSpec::ErrorPage { status: args.status.unwrap_or(502) },
        FaultKind::AccessDenied => FaultSpec::AccessDenied,
        FaultKind::ExpiredToken => FaultSpec::ExpiredToken,
        FaultKind::ExpiredKey => FaultSpec::ExpiredKey { uses: args.uses, ms: args.ms },
        FaultKind::RepositoryDeleted => FaultSpec::RepositoryDeleted,
        FaultKind::Error => FaultSpec::Error {
            code: args.code.unwrap_or_else(|| "InternalFailure".into()),
            status: args.status.unwrap_or(400),
            message: args.message,
        },
        FaultKind::Disconnect => FaultSpec::Disconnect,
        FaultKind::Reset => FaultSpec::Reset,
        FaultKind::Garbage => FaultSpec::Garbage,
        FaultKind::Empty => FaultSpec::Empty,
        FaultKind::Html => FaultSpec::Html,
        FaultKind::WrongTypes => FaultSpec::WrongTypes,
        FaultKind::Poison => FaultSpec::Poison { digests: args.digests.into_iter().collect() },
        FaultKind::Shuffle => FaultSpec::Shuffle,
        FaultKind::Omit => FaultSpec::Omit { share },
        FaultKind::Repeat => FaultSpec::Repeat { share },
        FaultKind::Contradict => FaultSpec::Contradict { share },
        FaultKind::Foreign => FaultSpec::Foreign { share },
        FaultKind::UpperCase => FaultSpec::UpperCase { share },
        FaultKind::UnknownAvailability => {
            FaultSpec::UnknownAvailability { share, word: word_or("QUARANTINED") }
        }
        FaultKind::UnknownFailure => FaultSpec::UnknownFailure { share, word: word_or("LayerQuarantined") },
        FaultKind::Truncate => FaultSpec::Truncate,
        FaultKind::Cut => FaultSpec::Cut,
        FaultKind::CutHead => FaultSpec::CutHead,
        FaultKind::ResetHead => FaultSpec::ResetHead,
        FaultKind::ResetBody => FaultSpec::ResetBody,
        FaultKind::Unfinished => FaultSpec::Unfinished,
        FaultKind::SlowHead => FaultSpec::SlowHead { bytes_per_ms: args.bytes_per_ms },
        FaultKind::Slow => FaultSpec::Slow { bytes_per_ms: args.bytes_per_ms },
        FaultKind::Padding => FaultSpec::Padding { bytes: args.bytes },
        FaultKind::Endless => FaultSpec::Endless,
        FaultKind::Twice => FaultSpec::Twice,
        FaultKind::Informational => FaultSpec::Informational { status: args.status.unwrap_or(103) },
        FaultKind::Chunked => FaultSpec::Chunked,
        FaultKind::Http10 => FaultSpec::Http10,
        FaultKind::Close => FaultSpec::Close,
        FaultKind::IdleClose => FaultSpec::IdleClose { ms: args.ms },
    };
    Ok(Fault { spec, probability: args.probability, first: args.first_call, last: args.last_call })
}
