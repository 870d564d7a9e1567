//! `KnownSecrets` for Python.

use std::borrow::Cow;

use pyo3::prelude::*;

use crate::known_secrets::KnownSecrets;

/// The credentials and signatures of one client, to be removed from texts that come from outside.
/// Thread-safe.
#[pyclass(name = "KnownSecrets", module = "layercheck._core", frozen)]
pub(super) struct PyKnownSecrets {
    pub(super) known: KnownSecrets,
}

#[pymethods]
impl PyKnownSecrets {
    #[new]
    fn new() -> Self {
        Self { known: KnownSecrets::default() }
    }

    /// Note the credentials of a call.
    #[pyo3(signature = (access_key, secret_key, token = None))]
    fn learn(&self, access_key: &str, secret_key: &str, token: Option<&str>) {
        self.known.learn(access_key, secret_key, token);
    }

    /// Note the signature in the value of an `Authorization` header, before the call is sent. It is kept at
    /// least until this thread makes its next call, or says that this one has ended.
    fn learn_authorization(&self, value: &str) {
        self.known.learn_authorization(value);
    }

    /// Note that the call of this thread has ended: every text of its answer was looked at.
    fn end_call(&self) {
        self.known.end_call();
    }

    /// Return the start of a text, at most `limit` bytes of UTF-8, with `***` in place of each secret.
    fn hide<'a>(&self, text: &'a str, limit: usize) -> Cow<'a, str> {
        self.known.hide(text, limit)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.known)
    }
}
