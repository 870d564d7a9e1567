//! Replies that are no answer: errors in the service's words, and things no service says.

use std::borrow::Cow;

use bytes::Bytes;

use super::answer;
use super::body::Payload;
use super::fault::What;
use super::request::ServiceError;

/// How a call ends.
#[derive(Debug)]
pub(crate) enum Ending {
    Answer {
        status: u16,
        content_type: &'static str,
        payload: Payload,
    },
    /// The connection closes, politely (FIN) or not (RST).
    Hangup {
        reset: bool,
    },
}

/// The content type of AWS JSON 1.1.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";
const HTML_PAGE: &[u8] = b"<!DOCTYPE html>\n<html><head><title>Sign in to continue</title></head>\
<body><h1>Proxy</h1><p>Please sign in to continue.</p></body></html>\n";
const WRONG_TYPES: &[u8] =
    br#"{"layers":[null,7,{"layerDigest":7,"layerAvailability":[],"layerSize":"big"}],"failures":{"a":1}}"#;

/// The faults that are errors in the service's own words.
pub(crate) fn worded(what: &What) -> ServiceError {
    match what {
        What::ServerError => ServiceError {
            status: 500,
            ..ServiceError::new("ServerException", "An internal error has occurred")
        },
        What::AccessDenied => ServiceError::new(
            "AccessDeniedException",
            "User is not authorized to perform: BatchCheckLayerAvailability on this resource because \
             no identity-based policy allows the action",
        ),
        What::ExpiredToken => ServiceError::new(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        What::Error { code, status, message } => {
            ServiceError { status: *status, code: Cow::Owned(code.clone()), message: message.clone() }
        }
        // Poison: nothing in the service's answer says which digest it was.
        _ => ServiceError::new(
            "InvalidParameterException",
            "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'Member must satisfy \
             regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ),
    }
}

/// An error in the service's form.
pub(crate) fn error(error: &ServiceError) -> Ending {
    Ending::Answer {
        status: error.status,
        content_type: JSON,
        payload: Payload::Whole(answer::write_error(error).into()),
    }
}

fn ok(content_type: &'static str, page: &'static [u8]) -> Ending {
    Ending::Answer { status: 200, content_type, payload: Payload::Whole(Bytes::from_static(page)) }
}

/// A status and nothing else.
pub(crate) fn bare(status: u16) -> Ending {
    Ending::Answer { status, content_type: "text/plain", payload: Payload::Whole(Bytes::new()) }
}

/// What a proxy in the way may say.
pub(crate) fn html() -> Ending {
    ok("text/html; charset=utf-8", HTML_PAGE)
}

/// The right names with the wrong things behind them.
pub(crate) fn wrong_types() -> Ending {
    ok(JSON, WRONG_TYPES)
}
