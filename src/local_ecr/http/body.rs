//! Response bodies as streams: whole, cut, slow, padded, chunked or endless.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::in_flight::InFlight;
use crate::local_ecr::response::Payload;

/// A payload that is being sent. The call counts as in flight until this value is dropped.
pub(crate) struct Body {
    stage: Stage,
    call: Arc<InFlight>,
}

enum Stage {
    Whole(Bytes),
    Cut { bytes: Bytes, promised: u64 },
    Slow { bytes: Bytes, step: usize, wait: Pin<Box<Sleep>> },
    Padded { opened: bool, padding: u64, answer: Bytes },
    Chunked(Bytes),
    Endless,
    Done,
}

const PADDING_OPENS: &[u8] = br#"{"padding":""#;
const PADDING_CLOSES: &[u8] = br#"","#;
/// 16 KiB of padding, sent repeatedly without a copy.
static PADDING: [u8; 16 << 10] = [b'x'; 16 << 10];
/// Size of a chunk, small enough to split a usual answer into several.
const CHUNK: usize = 1000;
/// Time between the pieces of a slow body: the resolution of the timer.
pub(super) const SLOW_INTERVAL: Duration = Duration::from_millis(1);

impl Body {
    pub(crate) fn new(payload: Payload, call: Arc<InFlight>) -> Self {
        let stage = match payload {
            Payload::Whole(bytes) => Stage::Whole(bytes),
            Payload::Cut { bytes, promised } => Stage::Cut { bytes, promised },
            Payload::Slow { bytes, step } => {
                Stage::Slow { bytes, step, wait: Box::pin(sleep(Duration::ZERO)) }
            }
            Payload::Padded { padding, answer } => Stage::Padded {
                opened: false,
                padding,
                // The padding contains the opening brace.
                answer: answer.slice(1.min(answer.len())..),
            },
            Payload::Chunked(bytes) => Stage::Chunked(bytes),
            Payload::Endless => Stage::Endless,
        };
        Self { stage, call }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let piece = match &mut self.stage {
            Stage::Done => return Poll::Ready(None),
            Stage::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.stage = Stage::Done;
                bytes
            }
            Stage::Cut { bytes, .. } if bytes.is_empty() => {
                self.stage = Stage::Done;
                let error = io::Error::other("cut on purpose");
                return Poll::Ready(Some(Err(error)));
            }
            Stage::Cut { bytes, .. } => std::mem::take(bytes),
            Stage::Slow { bytes, step, wait } => {
                ready!(wait.as_mut().poll(context));
                let piece = bytes.split_to((*step).min(bytes.len()));
                if bytes.is_empty() {
                    self.stage = Stage::Done;
                } else {
                    let at = wait.deadline() + SLOW_INTERVAL;
                    wait.as_mut().reset(at);
                }
                piece
            }
            Stage::Padded { opened: opened @ false, .. } => {
                *opened = true;
                Bytes::from_static(PADDING_OPENS)
            }
            Stage::Padded { padding: 0, answer, .. } => {
                let rest = [PADDING_CLOSES, answer].concat();
                self.stage = Stage::Done;
                rest.into()
            }
            Stage::Padded { padding, .. } => {
                let length = (*padding).min(PADDING.len() as u64);
                *padding -= length;
                Bytes::from_static(&PADDING[..length as usize])
            }
            Stage::Chunked(bytes) => {
                let piece = bytes.split_to(CHUNK.min(bytes.len()));
                if bytes.is_empty() {
                    self.stage = Stage::Done;
                }
                piece
            }
            Stage::Endless => Bytes::from_static(&PADDING),
        };
        self.call.sent(piece.len());
        Poll::Ready(Some(Ok(piece)))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.get_mut().next(context));
        Poll::Ready(piece.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.stage {
            Stage::Done => true,
            Stage::Whole(bytes) => bytes.is_empty(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stage {
            Stage::Done => SizeHint::with_exact(0),
            Stage::Whole(bytes) | Stage::Slow { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
            Stage::Cut { promised, .. } => SizeHint::with_exact(*promised),
            Stage::Padded { padding, answer, .. } => SizeHint::with_exact(
                padding + (PADDING_OPENS.len() + PADDING_CLOSES.len() + answer.len()) as u64,
            ),
            // Unknown, so hyper sends chunks.
            Stage::Chunked(_) | Stage::Endless => SizeHint::default(),
        }
    }
}
