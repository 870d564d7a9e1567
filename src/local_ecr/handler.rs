//! The handler: from the head and body of one request to its reply, without input or output.

use std::time::Duration;

use hyper::{HeaderMap, Method, header};

use super::call::{Asked, Call};
use super::call_log::LoggedCall;
use super::call_request::CallRequest;
use super::faults::error_responses;
use super::operations::caller_identity;
use super::random::Random;
use super::response::{JSON, Reply, Response};
use super::service::Service;
use super::service::authorization;
use super::service::operation::Operation;
use super::service::request::ServiceError;
use super::state::{Settings, Shared};

/// A request that was read completely.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Returns the reply to a request, and counts and logs it.
pub(crate) fn handle(shared: &Shared, received: Received<'_>) -> Reply {
    let settings = &shared.settings;
    let mut state = shared.state();
    state.counters.requests += 1;
    state.counters.request_bytes += received.body.len() as u64;
    let mut reply = Reply {
        delay: Duration::ZERO,
        request_id: request_id(settings.seed, state.counters.requests),
        response: Response::HangUp { reset: false },
    };
    let parsed = protocol(&received, settings).and_then(|(service, operation)| {
        CallRequest::parse(operation, &received.body).map(|request| (service, operation, request))
    });
    let (service, operation, request) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            state.counters.refused += 1;
            reply.response = error_responses::error(&error);
            return reply;
        }
    };
    let authorization = received.headers.get(header::AUTHORIZATION);
    let asked = Asked {
        service,
        operation,
        request: &request,
        access_key: authorization.and_then(authorization::access_key),
        region: authorization.and_then(authorization::region),
        request_id: &reply.request_id,
    };
    let call = Call::number(&mut state, settings, &asked);
    reply.delay = call.delay;
    reply.response = call.response;
    if state.log.is_on() {
        let user_agent = received.headers.get(header::USER_AGENT);
        let fields = LoggedCall {
            number: call.number,
            at: call.at.saturating_duration_since(shared.started),
            service,
            operation,
            outcome: call.outcome,
            faults: call.faults,
            user_agent: user_agent.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()),
        };
        match request {
            // Its digests are read from the body again when the log is read.
            CallRequest::Layers(_) => state.log.add(fields, received.body),
            CallRequest::Images(request) => state.log.add_images(fields, &request),
        }
    }
    reply
}

/// Checks the head of the request: method, path, content type, target, authorization.
fn protocol(received: &Received<'_>, settings: &Settings) -> Result<(Service, Operation), ServiceError> {
    let text = |name: &str| received.headers.get(name).and_then(|value| value.to_str().ok());
    let unknown = |status| {
        // The target is visible ASCII, and only its start is repeated.
        let asked = text("x-amz-target").map_or("", |target| &target[..target.len().min(100)]);
        let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        let message = format!(
            "this local endpoint serves POST / with {JSON} and the operations {}, of which ecr-public has the first \
             alone; it was asked {} {} \"{asked}\"",
            names.join(", "),
            received.method,
            received.path,
        );
        Err(ServiceError { status, ..ServiceError::new("UnknownOperationException", message) })
    };
    if received.method != Method::POST || received.path != "/" {
        return unknown(404);
    }
    let content_type = text("content-type").unwrap_or_default();
    let found = if content_type.starts_with(JSON) {
        text("x-amz-target").and_then(Service::of_target)
    } else if is_form(content_type, &received.body) {
        Some((Service::Sts, Operation::GetCallerIdentity))
    } else {
        return unknown(404);
    };
    let Some((service, operation)) = found else {
        return unknown(400);
    };
    authorization::check(text("authorization"), service, settings.region_name.as_deref())?;
    Ok((service, operation))
}

/// Whether the request is a form that asks STS who the caller is.
fn is_form(content_type: &str, body: &[u8]) -> bool {
    content_type.starts_with("application/x-www-form-urlencoded")
        && body.split(|&byte| byte == b'&').any(|field| field == caller_identity::ACTION.as_bytes())
}

/// A request id in the service's form (a version 4 UUID), reproducible from the seed.
fn request_id(seed: u64, number: u64) -> String {
    let mut random = Random::of(&[seed, u64::MAX - 1, number]);
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
