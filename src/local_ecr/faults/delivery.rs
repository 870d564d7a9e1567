//! How a good answer is sent, well or badly: faults of delivery.

use std::time::Duration;

use bytes::Bytes;

use super::What;
use crate::local_ecr::random::Random;
use crate::local_ecr::response::{Ending, JSON, Payload, Piece, Raw, Then};

/// The ending of a call whose answer is `bytes`, by the fault that fires, if any.
pub(crate) fn deliver(what: Option<&What>, random: &mut Random, bytes: Bytes, request_id: &str) -> Ending {
    let good = |payload| Ending::Answer { status: 200, content_type: JSON, payload, close: false };
    let Some(what) = what else {
        return good(Payload::Whole(bytes));
    };
    // At least one byte goes and at least one is missing.
    let mut part = |bytes: &Bytes| bytes.slice(..=random.below(bytes.len().saturating_sub(1).max(1)));
    let payload = match what {
        What::Truncate => Payload::Whole(part(&bytes)),
        What::Cut => Payload::Cut { promised: bytes.len() as u64, bytes: part(&bytes) },
        What::Slow { bytes_per_ms } => Payload::Slow { bytes, step: *bytes_per_ms as usize },
        What::Padding { bytes: padding } => Payload::Padded { padding: *padding, answer: bytes },
        What::Endless => Payload::Endless,
        What::Chunked => Payload::Chunked(bytes),
        What::Close => {
            let payload = Payload::Whole(bytes);
            return Ending::Answer { status: 200, content_type: JSON, payload, close: true };
        }
        raw => return Ending::Raw(by_hand(raw, part, &bytes, request_id)),
    };
    good(payload)
}

fn by_hand(what: &What, mut part: impl FnMut(&Bytes) -> Bytes, body: &Bytes, request_id: &str) -> Raw {
    let head = |line: &str, framing: &str| {
        format!("{line}\r\ncontent-type: {JSON}\r\nx-amzn-requestid: {request_id}\r\n{framing}\r\n")
            .into_bytes()
    };
    let sized = head("HTTP/1.1 200 OK", &format!("content-length: {}\r\n", body.len()));
    let whole = |parts: &[&[u8]], then| Raw::whole(parts.concat().into(), then);
    match what {
        What::CutHead => Raw::whole(part(&sized.into()), Then::Drop),
        What::ResetHead => Raw::whole(part(&sized.into()), Then::Reset),
        What::ResetBody => whole(&[&sized, &part(body)], Then::Reset),
        What::Unfinished => {
            let head = head("HTTP/1.1 200 OK", "transfer-encoding: chunked\r\n");
            // The chunk holds all of the answer: only its end tells that it is whole.
            let size = format!("{:x}\r\n", body.len());
            whole(&[&head, size.as_bytes(), body, b"\r\n"], Then::Drop)
        }
        What::SlowHead { bytes_per_ms } => {
            let head = Piece::Dripping { bytes: sized.into(), step: *bytes_per_ms as usize };
            Raw { pieces: vec![head, Piece::Whole(body.clone())], then: Then::Keep }
        }
        What::Twice => whole(&[&sized, body, &sized, body], Then::Keep),
        What::Informational { status } => {
            let informed = format!("HTTP/1.1 {status} For Your Information\r\nx-note: wait\r\n\r\n");
            whole(&[informed.as_bytes(), &sized, body], Then::Keep)
        }
        What::Http10 => whole(&[&head("HTTP/1.0 200 OK", ""), body], Then::Close),
        What::IdleClose { ms } => {
            // The wait was checked when the fault was set.
            let wait = Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default();
            whole(&[&sized, body], Then::CloseIdle(wait))
        }
        // Nothing else is sent by hand.
        _ => whole(&[&sized, body], Then::Keep),
    }
}
