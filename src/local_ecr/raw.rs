//! Answers written by hand, past the HTTP library: what it would never send, or not in that way.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::body::DRIP;
use super::call::InFlight;

/// What is written, and what becomes of the connection.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) then: Then,
}

/// A part of it.
#[derive(Debug)]
pub(crate) enum Piece {
    /// At once.
    Whole(Bytes),
    /// `step` bytes a millisecond.
    Dripping { bytes: Bytes, step: usize },
}

/// The connection's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
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

impl Raw {
    /// One piece, written at once.
    pub(crate) fn whole(bytes: Bytes, then: Then) -> Self {
        Self { pieces: vec![Piece::Whole(bytes)], then }
    }

    /// Writes all pieces.
    pub(crate) async fn write(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        call: &InFlight,
    ) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Whole(bytes) => send(stream, bytes, call).await?,
                Piece::Dripping { bytes, step } => {
                    for drop in bytes.chunks(*step) {
                        send(stream, drop, call).await?;
                        sleep(DRIP).await;
                    }
                }
            }
        }
        Ok(())
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], call: &InFlight) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    call.sent(bytes.len());
    Ok(())
}
