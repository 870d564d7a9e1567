//! `Wire` for Python: exchanges with the interpreter lock released.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::memory;
use crate::http::sigv4::Signer;
use crate::http::tls::Tls;
use crate::http::{Limits, Request, Response, Wire, WireError as ExchangeError};

pyo3::create_exception!(
    layercheck._core,
    WireError,
    PyException,
    "A failed exchange; `args` are the kind and the reason."
);

impl From<ExchangeError> for PyErr {
    fn from(error: ExchangeError) -> Self {
        WireError::new_err((error.kind.name(), error.reason))
    }
}

/// A header's name or value, which botocore may give as text or encoded.
#[derive(FromPyObject)]
pub(super) enum Word {
    Text(String),
    Bytes(Vec<u8>),
}

impl Word {
    pub(super) fn text(self) -> PyResult<String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bytes(bytes) => {
                String::from_utf8(bytes).map_err(|_| PyValueError::new_err("a header is not UTF-8"))
            }
        }
    }
}

pub(super) type Answer<'py> = (u16, Vec<(String, String)>, Bound<'py, PyBytes>);

/// Connections to one host. Thread-safe; an exchange blocks the calling thread.
#[pyclass(name = "Wire", module = "layercheck._core", frozen)]
pub(super) struct PyWire {
    pub(super) wire: Wire,
}

#[pymethods]
impl PyWire {
    /// Makes a pool, which connects on the first exchange. Without `ca_bundle`, a PEM file, it does not use
    /// TLS.
    ///
    /// Raises `WireError` of the kind `tls` if the bundle cannot be used.
    #[new]
    #[pyo3(signature = (host, port, *, ca_bundle, connect_timeout_s, read_timeout_s, body_deadline_s, deadline_s, body_limit_bytes, keep, keepalive))]
    #[allow(clippy::too_many_arguments)] // keywords, one for each bound
    fn new(
        py: Python<'_>,
        host: &str,
        port: u16,
        ca_bundle: Option<PathBuf>,
        connect_timeout_s: f64,
        read_timeout_s: f64,
        body_deadline_s: f64,
        deadline_s: f64,
        body_limit_bytes: usize,
        keep: usize,
        keepalive: bool,
    ) -> PyResult<Self> {
        let limits = Limits {
            connect_timeout: seconds(connect_timeout_s)?,
            read_timeout: seconds(read_timeout_s)?,
            body_deadline: seconds(body_deadline_s)?,
            deadline: seconds(deadline_s)?,
            body_limit: body_limit_bytes,
            keepalive,
        };
        let tls = ca_bundle.map(|bundle| py.detach(|| Tls::trusting(&bundle, host))).transpose()?;
        Ok(Self { wire: Wire::new(host, port, tls, limits, keep) })
    }

    /// Send a `POST` as it is; return the status, the headers and the body. Raises `WireError`.
    fn send<'py>(
        &self,
        py: Python<'py>,
        target: &str,
        host: &str,
        headers: Vec<(Word, Word)>,
        body: &Bound<'py, PyBytes>,
    ) -> PyResult<Answer<'py>> {
        let mut request = Request::post(target, host);
        for (name, value) in sent(headers)? {
            request.header(&name, &value)?;
        }
        // `bytes` never change, and the reference keeps them alive while the lock is released.
        let body = body.as_bytes();
        let response = py.detach(|| self.wire.exchange(&request.with_body(body)))?;
        answer(py, response)
    }

    /// Close the connections that are not in use.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.wire.close());
    }

    /// Use no connection again that was taken or opened until now.
    fn distrust(&self, py: Python<'_>) {
        py.detach(|| self.wire.distrust());
    }

    /// The number of open connections that are not in use.
    #[getter]
    fn idle(&self) -> usize {
        self.wire.idle()
    }
}

/// Returns the headers as text, without those that the request writes itself.
pub(super) fn sent(headers: Vec<(Word, Word)>) -> PyResult<Vec<(String, String)>> {
    let own = |name: &str| {
        ["host", "content-length", "accept-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own))
    };
    let texts = headers.into_iter().map(|(name, value)| Ok((name.text()?, value.text()?)));
    let texts = texts.collect::<PyResult<Vec<_>>>()?;
    Ok(texts.into_iter().filter(|(name, _)| !own(name)).collect())
}

pub(super) fn answer(py: Python<'_>, response: Response) -> PyResult<Answer<'_>> {
    Ok((response.status, response.headers, memory::bytes(py, &response.body)?))
}

/// Return the headers that sign a `POST` to `url` with these headers and this body, for the time `at_s`
/// (seconds since 1970). Raises `WireError`.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // out of Python's hands
pub(super) fn signature_headers(
    url: &str,
    headers: Vec<(String, String)>,
    body: &[u8],
    scope: (String, String),
    credentials: (String, String, Option<String>),
    at_s: f64,
) -> PyResult<Vec<(&'static str, String)>> {
    let (region, service) = &scope;
    let (access_key, secret_key, token) = &credentials;
    let time = shifted(SystemTime::UNIX_EPOCH, at_s)?;
    let signer = Signer { access_key, secret_key, token: token.as_deref(), region, service, time };
    Ok(signer.headers(url, &headers, body)?)
}

/// Returns a time later or earlier by so many seconds.
pub(super) fn shifted(time: SystemTime, seconds: f64) -> PyResult<SystemTime> {
    let by = Duration::try_from_secs_f64(seconds.abs()).ok();
    let shifted = by.and_then(|by| if seconds < 0.0 { time.checked_sub(by) } else { time.checked_add(by) });
    shifted.ok_or_else(|| PyValueError::new_err(format!("{seconds} seconds lead to no time of this machine")))
}

pub(super) fn seconds(value: f64) -> PyResult<Duration> {
    let duration = Duration::try_from_secs_f64(value).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| PyValueError::new_err(format!("{value} is not a time to wait in seconds")))
}
