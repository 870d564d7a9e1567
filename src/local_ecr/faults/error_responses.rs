//! Responses in place of an answer: errors in the service's words, and bytes that the service never sends.

use std::borrow::Cow;

use bytes::Bytes;

use super::FaultSpec;
use crate::local_ecr::response::{AfterResponse, JSON, Payload, RawResponse, Response};
use crate::local_ecr::service::answer;
use crate::local_ecr::service::operation::Operation;
use crate::local_ecr::service::request::ServiceError;

const HTML_PAGE: &[u8] = b"<!DOCTYPE html>\n<html><head><title>Sign in to continue</title></head>\
<body><h1>Proxy</h1><p>Please sign in to continue.</p></body></html>\n";
const ERROR_PAGE: &[u8] = b"<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body>\r\n\
<center><h1>The server could not be reached</h1></center>\r\n</body>\r\n</html>\r\n";
/// Bytes that a server of another protocol may send.
const GARBAGE: &[u8] = b"\x16\x03\x01\x00\x00 220 mail.invalid ESMTP\r\n\r\n";
const WRONG_TYPES: &[u8] =
    br#"{"layers":[null,7,{"layerDigest":7,"layerAvailability":[],"layerSize":"big"}],"failures":{"a":1}}"#;

const WRONG_TYPES_OF_IMAGES: &[u8] = br#"{"images":[null,7,{"imageId":7,"imageManifest":[]}],"failures":{"a":1},"imageDetails":[7,{"imageDigest":[],"imageTags":7}],"imageIds":{"a":1},"repositories":[[],7],"nextToken":[7]}"#;
/// The content type of the query protocol.
pub(crate) const XML: &str = "text/xml";

/// The error of a fault, in the service's words.
pub(crate) fn service_error(spec: &FaultSpec, operation: Operation) -> ServiceError {
    match spec {
        FaultSpec::ServerError => ServiceError {
            status: 500,
            ..ServiceError::new("ServerException", "An internal error has occurred")
        },
        FaultSpec::AccessDenied => ServiceError::new(
            "AccessDeniedException",
            format!(
                "User is not authorized to perform: {} on this resource because no identity-based policy allows the \
                 action",
                operation.name()
            ),
        ),
        FaultSpec::ExpiredToken | FaultSpec::ExpiredKey { .. } => ServiceError::new(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        FaultSpec::Error { code, status, message } => {
            ServiceError { status: *status, code: Cow::Owned(code.clone()), message: message.clone() }
        }
        FaultSpec::RepositoryDeleted => ServiceError::new(
            "RepositoryNotFoundException",
            "The repository with the name of this call does not exist in the registry any more",
        ),
        // The wording is made up: AWS does not document what becomes of old tokens.
        FaultSpec::TokenExpired => {
            ServiceError::parameter("nextToken", "Member must not be an expired token")
        }
        // Poison. The service's answer does not name the digest.
        _ => ServiceError::new(
            "InvalidParameterException",
            "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'Member must satisfy \
             regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ),
    }
}

/// The response for an error, in the service's form.
pub(crate) fn error(error: &ServiceError) -> Response {
    page(error.status, JSON, answer::write_error(error).into())
}

fn page(status: u16, content_type: &'static str, page: Bytes) -> Response {
    Response::Answer { status, content_type, payload: Payload::Whole(page), close: false }
}

fn ok(content_type: &'static str, text: &'static [u8]) -> Response {
    page(200, content_type, Bytes::from_static(text))
}

/// A status without a body.
pub(crate) fn bare(status: u16) -> Response {
    page(status, "text/plain", Bytes::new())
}

/// An error page as load balancers send it.
pub(crate) fn error_page(status: u16) -> Response {
    page(status, "text/html", Bytes::from_static(ERROR_PAGE))
}

/// Status 200 without a body.
pub(crate) fn empty() -> Response {
    ok(JSON, b"")
}

/// Bytes that are not HTTP.
pub(crate) fn garbage() -> Response {
    Response::Raw(RawResponse::whole(Bytes::from_static(GARBAGE), AfterResponse::Drop))
}

/// A sign-in page as proxies send it, with status 200.
pub(crate) fn html() -> Response {
    ok("text/html; charset=utf-8", HTML_PAGE)
}

/// The right member names with values of the wrong types.
pub(crate) fn wrong_types(operation: Operation) -> Response {
    ok(
        JSON,
        match operation {
            Operation::BatchCheckLayerAvailability => WRONG_TYPES,
            _ => WRONG_TYPES_OF_IMAGES,
        },
    )
}

/// The response for an error, in the form of the query protocol.
pub(crate) fn xml(error: &ServiceError, text: Vec<u8>) -> Response {
    page(error.status, XML, text.into())
}
