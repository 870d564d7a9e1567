//! Faults of delivery: they change how the bytes of a correct answer are sent.

use std::time::Duration;

use bytes::Bytes;

use super::FaultSpec;
use crate::local_ecr::random::Random;
use crate::local_ecr::response::{AfterResponse, JSON, Payload, Piece, RawResponse, Response};

/// The response with the answer `bytes`, changed by the fault that fires, if any.
pub(crate) fn deliver(
    spec: Option<&FaultSpec>,
    random: &mut Random,
    bytes: Bytes,
    content_type: &'static str,
    request_id: &str,
) -> Response {
    let good = |payload| Response::Answer { status: 200, content_type, payload, close: false };
    let Some(spec) = spec else {
        return good(Payload::Whole(bytes));
    };
    // At least one byte is sent and at least one is missing.
    let mut part = |bytes: &Bytes| bytes.slice(..=random.below(bytes.len().saturating_sub(1).max(1)));
    let payload = match spec {
        FaultSpec::Truncate => Payload::Whole(part(&bytes)),
        FaultSpec::Cut => Payload::Cut { promised: bytes.len() as u64, bytes: part(&bytes) },
        FaultSpec::Slow { bytes_per_ms } => Payload::Slow { bytes, step: *bytes_per_ms as usize },
        FaultSpec::Padding { bytes: padding } => Payload::Padded { padding: *padding, answer: bytes },
        FaultSpec::Endless => Payload::Endless,
        FaultSpec::Chunked => Payload::Chunked(bytes),
        FaultSpec::Close => {
            let payload = Payload::Whole(bytes);
            return Response::Answer { status: 200, content_type, payload, close: true };
        }
        raw => return Response::Raw(raw_response(raw, part, &bytes, request_id)),
    };
    good(payload)
}

fn raw_response(
    spec: &FaultSpec,
    mut part: impl FnMut(&Bytes) -> Bytes,
    body: &Bytes,
    request_id: &str,
) -> RawResponse {
    let head = |line: &str, framing: &str| {
        format!("{line}\r\ncontent-type: {JSON}\r\nx-amzn-requestid: {request_id}\r\n{framing}\r\n")
            .into_bytes()
    };
    let sized = head("HTTP/1.1 200 OK", &format!("content-length: {}\r\n", body.len()));
    let whole = |parts: &[&[u8]], after| RawResponse::whole(parts.concat().into(), after);
    match spec {
        FaultSpec::CutHead => RawResponse::whole(part(&sized.into()), AfterResponse::Drop),
        FaultSpec::ResetHead => RawResponse::whole(part(&sized.into()), AfterResponse::Reset),
        FaultSpec::ResetBody => whole(&[&sized, &part(body)], AfterResponse::Reset),
        FaultSpec::Unfinished => {
            let head = head("HTTP/1.1 200 OK", "transfer-encoding: chunked\r\n");
            // The chunk holds the whole answer; only the last chunk would mark its end.
            let size = format!("{:x}\r\n", body.len());
            whole(&[&head, size.as_bytes(), body, b"\r\n"], AfterResponse::Drop)
        }
        FaultSpec::SlowHead { bytes_per_ms } => {
            let head = Piece::Slow { bytes: sized.into(), step: *bytes_per_ms as usize };
            RawResponse { pieces: vec![head, Piece::Whole(body.clone())], after: AfterResponse::Keep }
        }
        FaultSpec::Twice { ms: 0.0 } => whole(&[&sized, body, &sized, body], AfterResponse::Keep),
        FaultSpec::Twice { ms } => {
            let copy = Bytes::from([&sized, &body[..]].concat());
            let pieces = vec![Piece::Whole(copy.clone()), Piece::Pause(wait(*ms)), Piece::Whole(copy)];
            RawResponse { pieces, after: AfterResponse::Keep }
        }
        FaultSpec::Informational { status } => {
            let informed = format!("HTTP/1.1 {status} For Your Information\r\nx-note: wait\r\n\r\n");
            whole(&[informed.as_bytes(), &sized, body], AfterResponse::Keep)
        }
        FaultSpec::Http10 => whole(&[&head("HTTP/1.0 200 OK", ""), body], AfterResponse::Close),
        FaultSpec::IdleClose { ms } => whole(&[&sized, body], AfterResponse::CloseIdle(wait(*ms))),
        // `deliver` passes no other fault.
        _ => whole(&[&sized, body], AfterResponse::Keep),
    }
}

fn wait(ms: f64) -> Duration {
    // The wait was checked when the fault was set, so the fallback is not reached.
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}
