//! Errors in starting, filling or scripting the endpoint.

use std::borrow::Cow;
use std::{fmt, io, path::PathBuf};

/// The reason why the endpoint could not be started, filled or scripted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The listening socket or its thread could not be created.
    Listen(io::Error),
    /// An option, a seed or a fault is not valid; the text says which and why.
    Invalid(String),
    /// A file of an OCI image layout could not be read.
    Read(PathBuf, io::Error),
    /// A file of an OCI image layout is not valid; the text says why.
    Layout(PathBuf, String),
    /// The certificates of the TLS mode could not be created.
    Tls(String),
    /// The service would refuse it: its error code and its message.
    Refused(Cow<'static, str>, String),
    /// The server was closed.
    Closed,
}

impl Error {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => write!(out, "the local endpoint could not listen: {error}"),
            Self::Invalid(text) => out.write_str(text),
            Self::Read(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Layout(path, text) => write!(out, "{}: {text}", path.display()),
            Self::Refused(code, text) => write!(out, "{code}: {text}"),
            Self::Tls(text) => write!(out, "the local endpoint could not create its certificates: {text}"),
            Self::Closed => out.write_str("the local endpoint is closed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(error) | Self::Read(_, error) => Some(error),
            Self::Invalid(_) | Self::Layout(..) | Self::Refused(..) | Self::Tls(_) | Self::Closed => None,
        }
    }
}
