//! `PreparedCalls` for Python: calls made like one that boto3 made.

use std::time::{Duration, Instant, SystemTime};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use rustls::crypto::{SecureRandom, ring};

use super::http::{Answer, PyWire, Word, answer, seconds, sent, shifted};
use super::known_secrets::PyKnownSecrets;
use super::memory;
use super::plan::{PyPlan, range};
use super::request::PyPacker;
use crate::http::Prepared;

/// An object, the name of its attribute, and the value that the attribute had.
type Watched = (Py<PyAny>, Py<PyString>, Py<PyAny>);

/// Makes calls like one that botocore made and signed. Thread-safe; a call blocks the calling thread.
#[pyclass(name = "PreparedCalls", module = "layercheck._core", frozen)]
pub(super) struct PyPreparedCalls {
    wire: Py<PyWire>,
    packer: Py<PyPacker>,
    known: Py<PyKnownSecrets>,
    url: String,
    prepared: Prepared,
    random: &'static dyn SecureRandom,
    watched: Vec<Watched>,
    until: Instant,
    renewal: Option<SystemTime>,
}

#[derive(IntoPyObject)]
enum Told<'py> {
    Body(Bound<'py, PyBytes>),
    Other((Answer<'py>, f64)),
}

#[pymethods]
impl PyPreparedCalls {
    /// Takes the request apart that botocore signed with `secret_key`.
    ///
    /// Calls are made like it as long as each attribute in `watched` (an object, a name, a value) holds the
    /// same object, for `valid_s` seconds, and until `renewal_at` (seconds since 1970), when the credentials
    /// are to be renewed. Raises `ValueError` if no call can be made like it; the message says why.
    #[new]
    #[pyo3(signature = (wire, packer, known, *, url, target, host, headers, body, secret_key, watched, valid_s, renewal_at))]
    #[allow(clippy::too_many_arguments)] // keywords, each a part of a request
    fn new(
        wire: Py<PyWire>,
        packer: Py<PyPacker>,
        known: Py<PyKnownSecrets>,
        url: String,
        target: &str,
        host: &str,
        headers: Vec<(Word, Word)>,
        body: &[u8],
        secret_key: &str,
        watched: Vec<Watched>,
        valid_s: f64,
        renewal_at: Option<f64>,
    ) -> PyResult<Self> {
        let prepared = Prepared::of(target, host, &sent(headers)?, body, secret_key);
        let prepared = prepared.map_err(PyValueError::new_err)?;
        let renewal = renewal_at.map(|at| shifted(SystemTime::UNIX_EPOCH, at)).transpose()?;
        let until = Instant::now() + seconds(valid_s)?;
        let random = ring::default_provider().secure_random;
        Ok(Self { wire, packer, known, url, prepared, random, watched, until, renewal })
    }

    /// Ask for the digests `start..stop` of `plan`, with the interpreter lock released once.
    ///
    /// Returns the body of a good answer; or, for any other answer, status, headers and body, and when the
    /// request was made (seconds since 1970). Returns None, and asks nothing, if boto3 has to say again how
    /// a call is made. The request is signed for the time of this machine plus `clock_offset_s` seconds.
    /// Raises `WireError`.
    fn ask<'py>(
        &self,
        plan: &Bound<'py, PyPlan>,
        start: usize,
        stop: usize,
        clock_offset_s: f64,
    ) -> PyResult<Option<Told<'py>>> {
        let py = plan.py();
        let now = SystemTime::now();
        if !self.holds(py, now) {
            return Ok(None);
        }
        let time = shifted(now, clock_offset_s)?;
        let plan = &plan.get().plan;
        let digests = &plan.digests()[range(plan, start, stop)?];
        let (packer, known, wire) =
            (&self.packer.get().packer, &self.known.get().known, &self.wire.get().wire);
        let response = py.detach(|| {
            let mut body = Vec::new();
            packer.pack(digests, &mut body);
            let mut random = [0; 16];
            let filled = self.random.fill(&mut random);
            filled.map_err(|_| PyOSError::new_err("the system gives no random bytes"))?;
            let (request, authorization) = self.prepared.request(&body, time, random)?;
            known.learn_authorization(&authorization);
            Ok::<_, PyErr>(wire.exchange(&request)?)
        })?;
        let encoded = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        if response.status < 300 && !encoded {
            return Ok(Some(Told::Body(memory::bytes(py, &response.body)?)));
        }
        let sent_at = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
        Ok(Some(Told::Other((answer(py, response)?, sent_at))))
    }

    /// Whether calls may still be made like it.
    #[getter]
    fn valid(&self, py: Python<'_>) -> bool {
        self.holds(py, SystemTime::now())
    }

    /// The URL of the calls.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Shows the collector what is watched: the client among it, whose handlers lead back here.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.wire)?;
        visit.call(&self.packer)?;
        visit.call(&self.known)?;
        self.watched.iter().try_for_each(|(object, name, value)| {
            visit.call(object)?;
            visit.call(name)?;
            visit.call(value)
        })
    }

    #[allow(clippy::unused_self)] // a method in Python
    fn __repr__(&self) -> &'static str {
        "PreparedCalls(***)"
    }
}

impl PyPreparedCalls {
    fn holds(&self, py: Python<'_>, now: SystemTime) -> bool {
        Instant::now() < self.until
            && self.renewal.is_none_or(|renewal| now < renewal)
            && self.watched.iter().all(|(object, name, value)| {
                object.bind(py).getattr(name.bind(py)).is_ok_and(|current| current.is(value))
            })
    }
}
