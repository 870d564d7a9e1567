//! Why an exchange failed, by what the caller can do about it.

use std::fmt;
use std::io;

/// Where an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireErrorKind {
    /// The host has no address, or none of its addresses takes a connection.
    Connect,
    /// This process may open no more files, so no connection could be made.
    Descriptors,
    /// The connection, the handshake of TLS included, took too long.
    ConnectTimeout,
    /// The other side could not prove its name, or no version of TLS is common to both sides.
    Tls,
    /// No byte came for too long, or the whole answer took too long.
    ReadTimeout,
    /// The connection ended before the whole head of an answer, or the answer is not HTTP.
    Closed,
    /// The connection ended within the body.
    Truncated,
    /// The body is longer than the limit.
    TooLong,
    /// The request cannot be written, for example because a header has a line end in it.
    Request,
}

impl WireErrorKind {
    /// Returns the kind's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Descriptors => "descriptors",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::ReadTimeout => "read_timeout",
            Self::Closed => "closed",
            Self::Truncated => "truncated",
            Self::TooLong => "too_long",
            Self::Request => "request",
        }
    }

    pub(super) fn because(self, reason: impl fmt::Display) -> WireError {
        WireError { kind: self, reason: reason.to_string() }
    }

    /// Makes an error of a socket's error. A time-out gets the kind `late`.
    pub(super) fn io(self, late: Self, error: &io::Error) -> WireError {
        match error.kind() {
            // A blocking socket reports a time-out as one of these two, depending on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late.because("timed out"),
            _ => self.because(error),
        }
    }
}

/// A failed exchange: the kind, and the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Where the exchange failed.
    pub kind: WireErrorKind,
    /// The words of the system or of the library, which never hold a header or a body.
    pub reason: String,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for WireError {}
