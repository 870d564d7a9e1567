//! What is sent back for a request, as values.

use std::time::Duration;

use bytes::Bytes;

/// The content type of AWS JSON 1.1.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";

/// What is sent back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) delay: Duration,
    pub(crate) request_id: String,
    pub(crate) response: Response,
}

/// How a call ends.
#[derive(Debug)]
pub(crate) enum Response {
    Answer {
        status: u16,
        content_type: &'static str,
        payload: Payload,
        /// Whether the head says that the connection ends here.
        close: bool,
    },
    /// Written by hand.
    Raw(RawResponse),
    /// The connection closes, politely (FIN) or not (RST).
    HangUp { reset: bool },
}

/// What is sent after the head.
#[derive(Debug)]
pub(crate) enum Payload {
    /// All of it at once.
    Whole(Bytes),
    /// `bytes`, although the head promises `promised`; then the connection closes.
    Cut { bytes: Bytes, promised: u64 },
    /// `step` bytes a millisecond.
    Slow { bytes: Bytes, step: usize },
    /// The answer behind so many bytes of a member that nobody asked for.
    Padded { padding: u64, answer: Bytes },
    /// All of it, in chunks, with no length said before.
    Chunked(Bytes),
    /// Never ends.
    Endless,
}

/// What is written, and what becomes of the connection.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) after: AfterResponse,
}

/// A part of it.
#[derive(Debug)]
pub(crate) enum Piece {
    /// At once.
    Whole(Bytes),
    /// `step` bytes a millisecond.
    Slow { bytes: Bytes, step: usize },
}

/// The connection's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterResponse {
    /// Kept for the next request.
    Keep,
    /// Closed in good manner, with what TLS has to say at the end.
    Close,
    /// The same after so much time, if no request comes before.
    CloseIdle(Duration),
    /// Closed as if the process had died: under TLS without its last words.
    Drop,
    /// Closed with RST.
    Reset,
}

impl RawResponse {
    /// One piece, written at once.
    pub(crate) fn whole(bytes: Bytes, after: AfterResponse) -> Self {
        Self { pieces: vec![Piece::Whole(bytes)], after }
    }
}
