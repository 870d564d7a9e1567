//! The response to a request, as a value: what to send, and what to do with the connection.

use std::time::Duration;

use bytes::Bytes;

/// The content type of AWS JSON 1.1.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";

/// The reply to one request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) delay: Duration,
    pub(crate) request_id: String,
    pub(crate) response: Response,
}

/// How a call is answered.
#[derive(Debug)]
pub(crate) enum Response {
    Answer {
        status: u16,
        content_type: &'static str,
        payload: Payload,
        /// Whether the head contains `Connection: close`.
        close: bool,
    },
    /// Bytes that bypass the HTTP library.
    Raw(RawResponse),
    /// The connection closes without an answer, by FIN or with `reset` by RST.
    HangUp { reset: bool },
}

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Payload {
    /// The whole body at once.
    Whole(Bytes),
    /// `bytes`, although the content-length is `promised`; then the connection closes.
    Cut { bytes: Bytes, promised: u64 },
    /// `step` bytes per millisecond.
    Slow { bytes: Bytes, step: usize },
    /// The answer after an extra member of `padding` bytes.
    Padded { padding: u64, answer: Bytes },
    /// The whole body in chunks, without a content-length.
    Chunked(Bytes),
    /// A body that never ends.
    Endless,
}

/// Bytes for the connection, head included, and what to do with the connection afterwards.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) after: AfterResponse,
}

/// A part of a raw response.
#[derive(Debug)]
pub(crate) enum Piece {
    /// All bytes at once.
    Whole(Bytes),
    /// `step` bytes per millisecond.
    Slow { bytes: Bytes, step: usize },
    /// Nothing for a while.
    Pause(Duration),
}

/// What happens to the connection after a raw response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterResponse {
    /// It stays open for the next request.
    Keep,
    /// It is shut down, under TLS with a `close_notify`.
    Close,
    /// It is shut down after this time, unless a request arrives earlier.
    CloseIdle(Duration),
    /// It is closed as by the death of a process: under TLS without a `close_notify`.
    Drop,
    /// It is closed with RST.
    Reset,
}

impl RawResponse {
    /// One piece, sent at once.
    pub(crate) fn whole(bytes: Bytes, after: AfterResponse) -> Self {
        Self { pieces: vec![Piece::Whole(bytes)], after }
    }
}
