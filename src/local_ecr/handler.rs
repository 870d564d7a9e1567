//! The handler: from the head and body of one request to its reply, without input or output.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::{HeaderMap, Method, header};

use super::call_log::LoggedCall;
use super::faults::access_keys::KeyUsage;
use super::faults::delivery::deliver;
use super::faults::entries;
use super::faults::error_responses;
use super::faults::kind::Stage;
use super::faults::throttle::ThrottleForm;
use super::faults::{Fault, FaultSpec};
use super::random::Random;
use super::response::{JSON, Reply, Response};
use super::service::answer::{self, Wording};
use super::service::authorization;
use super::service::request::{Request, ServiceError};
use super::service::{OPERATION, Service};
use super::state::{Latency, Settings, Shared, State};

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
    let parsed = protocol(&received, settings)
        .and_then(|service| Request::parse(&received.body).map(|request| (service, request)));
    let (service, request) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            state.counters.refused += 1;
            reply.response = error_responses::error(&error);
            return reply;
        }
    };
    let caller = Caller {
        access_key: received.headers.get(header::AUTHORIZATION).and_then(authorization::access_key),
        request_id: &reply.request_id,
    };
    let call = Call::number(&mut state, settings, service, &request, &caller);
    reply.delay = call.delay;
    reply.response = call.response;
    if state.log.is_on() {
        let user_agent = received.headers.get(header::USER_AGENT);
        state.log.add(LoggedCall {
            number: call.number,
            at: call.at.saturating_duration_since(shared.started),
            service,
            outcome: call.outcome,
            faults: call.faults,
            user_agent: user_agent.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()),
            body: received.body,
        });
    }
    reply
}

/// Checks the head of the request: method, path, content type, target, authorization.
fn protocol(received: &Received<'_>, settings: &Settings) -> Result<Service, ServiceError> {
    let text = |name: &str| received.headers.get(name).and_then(|value| value.to_str().ok());
    let unknown = |status| {
        // The target is visible ASCII, and only its start is repeated.
        let asked = text("x-amz-target").map_or("", |target| &target[..target.len().min(100)]);
        let message = format!(
            "this local endpoint serves POST / with {JSON} and one operation, {OPERATION} of ecr and ecr-public; \
             it was asked {} {} \"{asked}\"",
            received.method, received.path,
        );
        Err(ServiceError { status, ..ServiceError::new("UnknownOperationException", message) })
    };
    if received.method != Method::POST
        || received.path != "/"
        || !text("content-type").is_some_and(|value| value.starts_with(JSON))
    {
        return unknown(404);
    }
    let Some(service) = text("x-amz-target").and_then(Service::of_target) else {
        return unknown(400);
    };
    authorization::check(text("authorization"), service, settings.region_name.as_deref())?;
    Ok(service)
}

/// The access key of the request, and the id of its response.
struct Caller<'a> {
    access_key: Option<&'a str>,
    request_id: &'a str,
}

/// One numbered call and its response so far.
struct Call {
    number: u64,
    at: Instant,
    delay: Duration,
    response: Response,
    outcome: Cow<'static, str>,
    faults: Vec<&'static str>,
}

/// The faults that fire at this call, in the order of the list.
type ActiveFaults<'a> = Vec<(&'a Fault, Random)>;

impl Call {
    fn number(
        state: &mut State,
        settings: &Settings,
        service: Service,
        request: &Request<'_>,
        caller: &Caller<'_>,
    ) -> Self {
        let at = Instant::now();
        state.counters.calls += 1;
        state.counters.digests += request.digests().len() as u64;
        state.calls += 1;
        let number = state.calls;
        let script = Arc::clone(&state.faults);
        let active: ActiveFaults<'_> = script
            .iter()
            .enumerate()
            .filter_map(|(index, fault)| Some((fault, fault.roll(settings.seed, index, number)?)))
            .collect();
        let mut call = Self {
            number,
            at,
            delay: state.latency.draw(&mut Random::of(&[settings.seed, u64::MAX, number])),
            response: Response::HangUp { reset: false },
            outcome: Cow::Borrowed("answered"),
            faults: Vec::new(),
        };
        call.add_latency(&active, state);
        // Access keys are counted only while a fault needs the counts.
        let watched = script.iter().any(|fault| matches!(fault.spec, FaultSpec::ExpiredKey { .. }));
        let used = caller.access_key.filter(|_| watched).map(|key| state.access_keys.record_call(key, at));
        // Throttling comes first, as in the service, because it is cheaper than a look-up.
        if state.bucket.as_mut().is_some_and(|bucket| !bucket.take(at)) {
            call.throttle(None, state);
        } else if !call.replaced_by_fault(&active, request, used, state)
            && let Err(error) = call.answer(&active, settings, service, request, state, caller.request_id)
        {
            state.counters.refused += 1;
            call.refuse(error);
        }
        call
    }

    fn count_fault(&mut self, fault: &Fault, state: &mut State) {
        let kind = fault.spec.kind();
        state.counters.count_fault(kind);
        self.faults.push(kind.name());
    }

    fn add_latency(&mut self, active: &ActiveFaults<'_>, state: &mut State) {
        for (fault, random) in active {
            if let FaultSpec::Latency { ms, jitter_ms } = fault.spec {
                self.delay += Latency { ms, jitter_ms }.draw(&mut random.clone());
                self.count_fault(fault, state);
            }
        }
    }

    fn throttle(&mut self, form: Option<&ThrottleForm>, state: &mut State) {
        state.counters.throttled += 1;
        let form = form.unwrap_or(&state.throttle_form);
        self.outcome = Cow::Owned(form.code.clone().unwrap_or_else(|| form.status.to_string()));
        self.response = match &form.code {
            Some(code) => error_responses::error(&ServiceError {
                status: form.status,
                code: Cow::Owned(code.clone()),
                message: "Rate exceeded".into(),
            }),
            None => error_responses::bare(form.status),
        };
    }

    fn refuse(&mut self, error: ServiceError) {
        self.response = error_responses::error(&error);
        self.outcome = error.code;
    }

    /// Replaces the answer by the first fault that fires and applies; returns whether there was such a fault.
    fn replaced_by_fault(
        &mut self,
        active: &ActiveFaults<'_>,
        request: &Request<'_>,
        used: Option<KeyUsage>,
        state: &mut State,
    ) -> bool {
        let concerned = |spec: &FaultSpec| match spec {
            FaultSpec::Poison { digests } => {
                request.digests().iter().any(|digest| digests.contains(&*digest.0))
            }
            FaultSpec::ExpiredKey { uses, ms } => used.is_some_and(|used| used.exceeds(*uses, *ms)),
            _ => true,
        };
        let Some((fault, _)) = active
            .iter()
            .find(|(fault, _)| fault.spec.stage() == Stage::Replacement && concerned(&fault.spec))
        else {
            return false;
        };
        self.count_fault(fault, state);
        if let FaultSpec::Throttle { form } = &fault.spec {
            self.throttle(form.as_ref(), state);
            return true;
        }
        state.counters.refused += 1;
        self.outcome = Cow::Borrowed(fault.spec.kind().name());
        match &fault.spec {
            FaultSpec::Disconnect => self.response = Response::HangUp { reset: false },
            FaultSpec::Reset => self.response = Response::HangUp { reset: true },
            FaultSpec::ServiceUnavailable => self.response = error_responses::bare(503),
            FaultSpec::ErrorPage { status } => self.response = error_responses::error_page(*status),
            FaultSpec::Garbage => self.response = error_responses::garbage(),
            FaultSpec::Empty => self.response = error_responses::empty(),
            FaultSpec::Html => self.response = error_responses::html(),
            FaultSpec::WrongTypes => self.response = error_responses::wrong_types(),
            spec => self.refuse(error_responses::service_error(spec)),
        }
        true
    }

    fn answer(
        &mut self,
        active: &ActiveFaults<'_>,
        settings: &Settings,
        service: Service,
        request: &Request<'_>,
        state: &mut State,
        request_id: &str,
    ) -> Result<(), ServiceError> {
        request.check(service)?;
        let registry_id = settings.registry_id(service, request)?;
        let name = request.repository_name();
        // Borrowed field by field, so that the entries borrow the store while faults are counted.
        let State { store, counters, .. } = state;
        let repository = store.get(name).ok_or_else(|| {
            let text = format!(
                "The repository with name '{name}' does not exist in the registry with id '{registry_id}'"
            );
            ServiceError::new("RepositoryNotFoundException", text)
        })?;
        let wording = Wording {
            knows_archived: service == Service::Private,
            absent_as_failure: settings.absent_as_failure,
        };
        let (mut entries, tally) = answer::entries(request.digests(), repository, wording);
        counters.count_answer(tally);
        for (fault, random) in active {
            if fault.spec.stage() == Stage::Content
                && entries::apply(&fault.spec, random.clone(), &mut entries)
            {
                counters.count_fault(fault.spec.kind());
                self.faults.push(fault.spec.kind().name());
            }
        }
        let bytes = answer::write(&entries).into();
        let delivery = active.iter().find(|(fault, _)| fault.spec.stage() == Stage::Delivery);
        self.response = match delivery {
            None => deliver(None, &mut Random::of(&[]), bytes, request_id),
            Some((fault, random)) => {
                self.count_fault(fault, state);
                deliver(Some(&fault.spec), &mut random.clone(), bytes, request_id)
            }
        };
        Ok(())
    }
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
