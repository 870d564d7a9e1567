//! Why an exchange brought no answer, by what the caller can do about it.

use std::fmt;
use std::io;

/// Where an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireErrorKind {
    /// The host has no address, or none of its addresses takes a connection.
    Connect,
    /// Connecting, the handshake of TLS included, took too long.
    ConnectTimeout,
    /// The other side could not prove who it is, or speaks no TLS that we speak.
    Tls,
    /// Nothing came for too long, or the whole answer took too long.
    ReadTimeout,
    /// The connection ended before the head of an answer was there, or what came is no HTTP.
    Closed,
    /// The connection ended within the body.
    Truncated,
    /// The body is longer than any answer.
    TooLong,
    /// The request cannot be written down: a header with a line end in it, for one.
    Request,
}

impl WireErrorKind {
    /// The kind's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
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

    /// An error of the socket; one that only says "too late" is of the kind `late`.
    pub(super) fn io(self, late: Self, error: &io::Error) -> WireError {
        match error.kind() {
            // A blocking socket reports a time-out as either, depending on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late.because("timed out"),
            _ => self.because(error),
        }
    }
}

/// An exchange that brought no answer: the kind, and the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Where it failed.
    pub kind: WireErrorKind,
    /// What the system or the library said; never holds a header or a body.
    pub reason: String,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for WireError {}
