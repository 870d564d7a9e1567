//! Responses that bypass the HTTP library, because it never sends such bytes.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::body::SLOW_INTERVAL;
use super::in_flight::InFlight;
use crate::local_ecr::response::{Piece, RawResponse};

impl RawResponse {
    /// Writes all pieces to the stream, and counts the bytes for the call.
    pub(crate) async fn write(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        call: &InFlight,
    ) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Whole(bytes) => send(stream, bytes, call).await?,
                Piece::Pause(wait) => sleep(*wait).await,
                Piece::Slow { bytes, step } => {
                    for drop in bytes.chunks(*step) {
                        send(stream, drop, call).await?;
                        sleep(SLOW_INTERVAL).await;
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
