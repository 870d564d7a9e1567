//! One numbered call: its faults in their stages, and its answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call_request::CallRequest;
use super::faults::access_keys::KeyUsage;
use super::faults::delivery::deliver;
use super::faults::kind::Stage;
use super::faults::throttle::ThrottleForm;
use super::faults::{Fault, FaultSpec, entries, error_responses, images};
use super::images::life;
use super::operations::request::ImagesRequest;
use super::operations::{self, Answer, Context, PageFaults, caller_identity, no_repository};
use super::random::Random;
use super::response::{JSON, Response};
use super::service::Service;
use super::service::answer::{self, Wording};
use super::service::operation::Operation;
use super::service::request::{Request, ServiceError};
use super::state::{Latency, Settings, State};

/// What a call asks, and who asks.
pub(crate) struct Asked<'a> {
    pub(crate) service: Service,
    pub(crate) operation: Operation,
    pub(crate) request: &'a CallRequest<'a>,
    pub(crate) access_key: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    /// The id of the response.
    pub(crate) request_id: &'a str,
}

/// One numbered call and its response so far.
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) at: Instant,
    pub(crate) delay: Duration,
    pub(crate) response: Response,
    pub(crate) outcome: Cow<'static, str>,
    pub(crate) faults: Vec<&'static str>,
}

/// The faults that fire at this call, in the order of the list.
type ActiveFaults<'a> = Vec<(&'a Fault, Random)>;

impl Call {
    pub(crate) fn number(state: &mut State, settings: &Settings, asked: &Asked<'_>) -> Self {
        let at = Instant::now();
        state.counters.count_call(asked.operation);
        state.counters.digests += asked.request.layers() as u64;
        state.calls += 1;
        *state.operation_calls.of_mut(asked.operation) += 1;
        let number = state.calls;
        let script = Arc::clone(&state.faults);
        let active: ActiveFaults<'_> = script
            .iter()
            .enumerate()
            .filter_map(|(index, fault)| {
                let number = fault.call_number(asked.operation, number, &state.operation_calls)?;
                Some((fault, fault.roll(settings.seed, index, number)?))
            })
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
        state.delete_due_images(asked.operation);
        // Access keys are counted only while a fault needs the counts.
        let watched = script.iter().any(|fault| matches!(fault.spec, FaultSpec::ExpiredKey { .. }));
        let used = asked.access_key.filter(|_| watched).map(|key| state.access_keys.record_call(key, at));
        // Throttling comes first, as in the service, because it is cheaper than a look-up.
        if !state.throttles.of_mut(asked.operation).grants(at) {
            call.throttle(None, state, asked);
        } else if !call.replaced_by_fault(&active, asked, used, state)
            && let Err(error) = call.answer(&active, settings, asked, state)
        {
            state.counters.refused += 1;
            call.refuse(error, asked);
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

    fn throttle(&mut self, form: Option<&ThrottleForm>, state: &mut State, asked: &Asked<'_>) {
        state.counters.throttled += 1;
        let form = form.unwrap_or(&state.throttles.of(asked.operation).form);
        self.outcome = Cow::Owned(form.code.clone().unwrap_or_else(|| form.status.to_string()));
        self.response = match &form.code {
            Some(code) => error_response(
                &ServiceError {
                    status: form.status,
                    code: Cow::Owned(code.clone()),
                    message: "Rate exceeded".into(),
                },
                asked,
            ),
            None => error_responses::bare(form.status),
        };
    }

    fn refuse(&mut self, error: ServiceError, asked: &Asked<'_>) {
        self.response = error_response(&error, asked);
        self.outcome = error.code;
    }

    /// Replaces the answer by the first fault that fires and applies; returns whether there was such a fault.
    fn replaced_by_fault(
        &mut self,
        active: &ActiveFaults<'_>,
        asked: &Asked<'_>,
        used: Option<KeyUsage>,
        state: &mut State,
    ) -> bool {
        let concerned = |spec: &FaultSpec| match spec {
            FaultSpec::Poison { digests } => {
                asked.request.named().into_iter().any(|named| digests.contains(named))
            }
            FaultSpec::ExpiredKey { uses, ms } => used.is_some_and(|used| used.exceeds(*uses, *ms)),
            FaultSpec::TokenExpired => asked.request.next_token().is_some(),
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
            self.throttle(form.as_ref(), state, asked);
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
            FaultSpec::WrongTypes => self.response = error_responses::wrong_types(asked.operation),
            spec => self.refuse(error_responses::service_error(spec, asked.operation), asked),
        }
        true
    }

    fn answer(
        &mut self,
        active: &ActiveFaults<'_>,
        settings: &Settings,
        asked: &Asked<'_>,
        state: &mut State,
    ) -> Result<(), ServiceError> {
        asked.request.check(asked.service, asked.operation)?;
        let (asked_id, name) = (asked.request.registry_id(), asked.request.repository_name());
        let registry_id = settings.registry_id(asked.service, asked_id, name)?;
        let bytes = match asked.request {
            CallRequest::Layers(request) => {
                self.check_layers(active, settings, asked.service, request, registry_id, state)?
            }
            CallRequest::Images(request) => self.answer_images(active, settings, asked, request, state)?,
        };
        let content_type = if asked.service == Service::Sts { error_responses::XML } else { JSON };
        let delivery = active.iter().find(|(fault, _)| fault.spec.stage() == Stage::Delivery);
        self.response = match delivery {
            None => deliver(None, &mut Random::of(&[]), bytes.into(), content_type, asked.request_id),
            Some((fault, random)) => {
                self.count_fault(fault, state);
                deliver(Some(&fault.spec), &mut random.clone(), bytes.into(), content_type, asked.request_id)
            }
        };
        Ok(())
    }

    fn check_layers(
        &mut self,
        active: &ActiveFaults<'_>,
        settings: &Settings,
        service: Service,
        request: &Request<'_>,
        registry_id: &str,
        state: &mut State,
    ) -> Result<Vec<u8>, ServiceError> {
        let name = request.repository_name();
        // Borrowed field by field, so that the entries borrow the store while faults are counted.
        let State { store, counters, .. } = state;
        let repository = store.get(name).ok_or_else(|| no_repository(name, registry_id))?;
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
        Ok(answer::write(&entries))
    }

    fn answer_images(
        &mut self,
        active: &ActiveFaults<'_>,
        settings: &Settings,
        asked: &Asked<'_>,
        request: &ImagesRequest,
        state: &mut State,
    ) -> Result<Vec<u8>, ServiceError> {
        let mut page_faults = PageFaults::default();
        for (fault, random) in active {
            match fault.spec {
                FaultSpec::PageRepeat { share } => page_faults.repeat = Some(share),
                FaultSpec::TokenLoop => page_faults.looped = true,
                _ => {}
            }
            if let FaultSpec::ImageDeleted { share } = fault.spec
                && let Some(repository) = state.store.get_mut(request.repository_name())
                && images::delete_named(request, share, random.clone(), &mut repository.images)
            {
                self.count_fault(fault, state);
            }
        }
        let mut context = Context {
            store: &mut state.store,
            registry: &mut state.registry,
            account_id: &settings.account_id,
            region: asked.region.unwrap_or_default(),
            seed: settings.seed,
            endpoint_url: &settings.endpoint_url,
            request_id: asked.request_id,
            now: life::now(),
            page_faults,
        };
        let mut answer = operations::answer(asked.operation, request, &mut context)?;
        state.counters.answered += 1;
        if let Answer::Images(answer) = &answer {
            state.counters.manifests += answer.images.len() as u64;
        }
        for (fault, random) in active {
            if fault.spec.stage() == Stage::Content
                && images::apply(&fault.spec, asked.operation, random.clone(), &mut answer)
            {
                self.count_fault(fault, state);
            }
        }
        Ok(answer.into_bytes())
    }
}

/// The response for an error, in the form of the service.
fn error_response(error: &ServiceError, asked: &Asked<'_>) -> Response {
    match asked.service {
        Service::Sts => error_responses::xml(error, caller_identity::error(error, asked.request_id)),
        Service::Private | Service::Public => error_responses::error(error),
    }
}
