//! `PreparedCalls` for Python: calls made like one that boto3 made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use rustls::crypto::{SecureRandom, ring};

use super::call_loop::PyCallLoop;
use super::http::{Answer, PyWire, Word, answer, seconds, sent, shifted};
use super::known_secrets::PyKnownSecrets;
use super::memory;
use super::plan::{PyPlan, range};
use super::request::PyPacker;
use crate::dispatch::Start;
use crate::http::{Prepared, Response};

/// How long calls are made one after the other before the watched attributes must be looked at again. So long
/// at most, a handler that is registered, or keys that are exchanged, may go unnoticed.
const LOOK: Duration = Duration::from_millis(100);

/// An object, the name of its attribute, and the value that the attribute had.
type Watched = (Py<PyAny>, Py<PyString>, Py<PyAny>);

/// Makes calls like one that botocore made and signed. Thread-safe; a call blocks the calling thread.
#[pyclass(name = "PreparedCalls", module = "layercheck._core", frozen)]
pub(super) struct PyPreparedCalls {
    wire: Py<PyWire>,
    known: Py<PyKnownSecrets>,
    url: String,
    prepared: Prepared,
    random: &'static dyn SecureRandom,
    watched: Vec<Watched>,
    made: Instant,
    /// When the watched attributes were last seen to be unchanged, microseconds since `made`.
    seen: AtomicU64,
    until: Instant,
    renewal: Option<SystemTime>,
}

#[derive(IntoPyObject)]
enum Told<'py> {
    Body(Bound<'py, PyBytes>),
    Other((Answer<'py>, f64)),
}

/// An answer that the loop does not merge, and when its request was made.
enum Unusual {
    Response(Response, SystemTime),
    /// The call was given up meanwhile.
    GivenUp,
}

#[pymethods]
impl PyPreparedCalls {
    /// Takes the request apart that botocore signed with `secret_key`.
    ///
    /// Calls are made like it as long as each attribute in `watched` (an object, a name, a value) holds the
    /// same object, for `valid_s` seconds, and until `renewal_at` (seconds since 1970), when the credentials
    /// are to be renewed. Raises `ValueError` if no call can be made like it; the message says why.
    #[new]
    #[pyo3(signature = (wire, known, *, url, target, host, headers, body, secret_key, watched, valid_s, renewal_at))]
    #[allow(clippy::too_many_arguments)] // keywords, each a part of a request
    fn new(
        wire: Py<PyWire>,
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
        let made = Instant::now();
        let until = made + seconds(valid_s)?;
        let random = ring::default_provider().secure_random;
        let seen = AtomicU64::new(0);
        Ok(Self { wire, known, url, prepared, random, watched, made, seen, until, renewal })
    }

    /// Ask for the digests `start..stop` of `plan` in the repository of `packer`, with the interpreter lock
    /// released once.
    ///
    /// Returns the body of a good answer; or, for any other answer, status, headers and body, and when the
    /// request was made (seconds since 1970). Returns None, and asks nothing, if boto3 has to say again how
    /// a call is made. The request is signed for the time of this machine plus `clock_offset_s` seconds.
    /// Raises `WireError`.
    fn ask<'py>(
        &self,
        packer: &Bound<'py, PyPacker>,
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
        let plan = &plan.get().plan;
        let digests = &plan.digests()[range(plan, start, stop)?];
        let time = shifted(now, clock_offset_s)?;
        let packer = &packer.get().packer;
        let response = py.detach(|| {
            let mut body = Vec::new();
            packer.pack(digests, &mut body);
            self.exchange(&body, time)
        })?;
        told(py, response, now).map(Some)
    }

    /// Make the call of a seat of `calls`, and then one call after the other, as long as the answers are good
    /// and calls may be made like it. The interpreter lock is released once.
    ///
    /// Returns what `ask` returns for the call that the seat is at now: the body if the answer is not
    /// complete, or any other answer. Returns None if that call was settled or given up; if it was not, boto3
    /// has to make it. Raises `WireError` likewise.
    fn follow<'py>(
        &self,
        py: Python<'py>,
        calls: &Bound<'py, PyCallLoop>,
        seat: u64,
        packer: &Bound<'py, PyPacker>,
        clock_offset_s: f64,
    ) -> PyResult<Option<Told<'py>>> {
        if !self.holds(py, SystemTime::now()) {
            return Ok(None);
        }
        shifted(SystemTime::now(), clock_offset_s)?;
        let (calls, known) = (calls.get(), &self.known.get().known);
        let (ledger, packer) = (calls.ledger.get(), &packer.get().packer);
        let unusual: PyResult<Option<Unusual>> = py.detach(|| {
            let mut body = Vec::new();
            calls.calls.follow(
                seat,
                |now| if self.lasts() { calls.start(now) } else { Start::Never },
                |call| {
                    let now = SystemTime::now();
                    body.clear();
                    ledger.pack(call.digests.clone(), packer, &mut body);
                    let response = self.exchange(&body, shifted(now, clock_offset_s)?)?;
                    if !is_plain(&response) {
                        return Ok(Some(Unusual::Response(response, now)));
                    }
                    if !calls.calls.is_taken(seat) {
                        return Ok(Some(Unusual::GivenUp));
                    }
                    // What is not complete is merged once more, by the caller.
                    let merged =
                        ledger.merge_answer(call.digests.clone(), &response.body, Some(known), false);
                    let complete =
                        merged.is_ok_and(|merged| merged.answered == call.size() && merged.foreign == 0);
                    if !complete {
                        return Ok(Some(Unusual::Response(response, now)));
                    }
                    calls.answered(call);
                    Ok(None)
                },
            )
        });
        match unusual? {
            Some(Unusual::Response(response, sent_at)) => told(py, response, sent_at).map(Some),
            Some(Unusual::GivenUp) | None => Ok(None),
        }
    }

    /// Look whether calls may still be made like it, and return that. `follow` ends without a look in 0.1 s.
    fn look(&self, py: Python<'_>) -> bool {
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
    /// Makes one call for this time. With the interpreter lock released.
    fn exchange(&self, body: &[u8], time: SystemTime) -> PyResult<Response> {
        let (known, wire) = (&self.known.get().known, &self.wire.get().wire);
        let mut random = [0; 16];
        let filled = self.random.fill(&mut random);
        filled.map_err(|_| PyOSError::new_err("the system gives no random bytes"))?;
        let (request, authorization) = self.prepared.request(body, time, random)?;
        known.learn_authorization(&authorization);
        Ok(wire.exchange(&request)?)
    }

    /// Looks whether calls may be made like it.
    fn holds(&self, py: Python<'_>, now: SystemTime) -> bool {
        let at = self.made.elapsed();
        let holds = self.is_new(now)
            && self.watched.iter().all(|(object, name, value)| {
                object.bind(py).getattr(name.bind(py)).is_ok_and(|current| current.is(value))
            });
        if holds {
            self.seen.fetch_max(u64::try_from(at.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        holds
    }

    /// Whether calls may still be made like it since the last look. Needs no interpreter lock.
    fn lasts(&self) -> bool {
        let seen = Duration::from_micros(self.seen.load(Ordering::Relaxed));
        self.made.elapsed().saturating_sub(seen) < LOOK && self.is_new(SystemTime::now())
    }

    fn is_new(&self, now: SystemTime) -> bool {
        Instant::now() < self.until && self.renewal.is_none_or(|renewal| now < renewal)
    }
}

/// Whether the body of a response can be read as it is.
fn is_plain(response: &Response) -> bool {
    let encoded = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    response.status < 300 && !encoded
}

fn told(py: Python<'_>, response: Response, sent_at: SystemTime) -> PyResult<Told<'_>> {
    if is_plain(&response) {
        return Ok(Told::Body(memory::bytes(py, &response.body)?));
    }
    let sent_at = sent_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
    Ok(Told::Other((answer(py, response)?, sent_at)))
}
