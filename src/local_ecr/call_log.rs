//! A bounded log of calls, so that tests can count requests and prove rates.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use super::operations::request::ImagesRequest;
use super::service::Service;
use super::service::operation::Operation;
use super::service::request::Request;

/// One logged call: what it asked for and how it ended. Of the headers, only the user agent is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Counts from 1.
    pub number: u64,
    /// Time from the server's start to reading the call, by the monotonic clock.
    pub at: Duration,
    /// The service of the call.
    pub service: Service,
    /// The operation of the call.
    pub operation: Operation,
    /// As in the request; empty if the operation is not about one repository.
    pub repository_name: String,
    /// As in the request; `None` if left out.
    pub registry_id: Option<String>,
    /// The digests of layers or images as in the request, in order; the tag of an image without a digest.
    pub digests: Vec<String>,
    /// `answered`, an error code, or the name of the fault that replaced the answer.
    pub outcome: String,
    /// Names of all faults that took effect.
    pub faults: Vec<&'static str>,
    /// As in the request.
    pub user_agent: Option<String>,
}

/// A call, without what it asked for.
#[derive(Debug)]
pub(crate) struct LoggedCall {
    pub(crate) number: u64,
    pub(crate) at: Duration,
    pub(crate) service: Service,
    pub(crate) operation: Operation,
    pub(crate) outcome: Cow<'static, str>,
    pub(crate) faults: Vec<&'static str>,
    pub(crate) user_agent: Option<String>,
}

/// What a call asked for.
#[derive(Debug)]
enum Wanted {
    /// The body of a layer check, which is parsed again only when the log is read.
    Body(Vec<u8>),
    /// Of a request of images, because a body may hold a manifest.
    Images { repository_name: String, registry_id: Option<String>, named: Vec<String> },
}

/// The last calls, at most `bound` of them.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<(LoggedCall, Wanted)>,
    bound: usize,
}

impl CallLog {
    pub(crate) fn new(bound: usize) -> Self {
        Self { calls: VecDeque::new(), bound }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.bound > 0
    }

    /// Adds a layer check by its body.
    pub(crate) fn add(&mut self, call: LoggedCall, mut body: Vec<u8>) {
        body.shrink_to_fit();
        self.push(call, Wanted::Body(body));
    }

    /// Adds a call of another operation.
    pub(crate) fn add_images(&mut self, call: LoggedCall, request: &ImagesRequest) {
        let wanted = Wanted::Images {
            repository_name: request.repository_name().to_owned(),
            registry_id: request.registry_id.clone(),
            named: request.named().map(str::to_owned).collect(),
        };
        self.push(call, wanted);
    }

    fn push(&mut self, call: LoggedCall, wanted: Wanted) {
        if self.calls.len() == self.bound {
            self.calls.pop_front();
        }
        self.calls.push_back((call, wanted));
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }

    pub(crate) fn records(&self) -> Vec<CallRecord> {
        self.calls.iter().filter_map(|(call, wanted)| call.record(wanted)).collect()
    }
}

impl LoggedCall {
    /// The record of the call. It is never `None`, because the log holds only bodies that were parsed once.
    fn record(&self, wanted: &Wanted) -> Option<CallRecord> {
        let (repository_name, registry_id, digests) = match wanted {
            Wanted::Images { repository_name, registry_id, named } => {
                (repository_name.clone(), registry_id.clone(), named.clone())
            }
            Wanted::Body(body) => {
                let request = Request::parse(body).ok()?;
                (
                    request.repository_name().to_owned(),
                    request.registry_id.as_ref().map(|id| id.0.to_string()),
                    request.digests().iter().map(|digest| digest.0.to_string()).collect(),
                )
            }
        };
        Some(CallRecord {
            number: self.number,
            at: self.at,
            service: self.service,
            operation: self.operation,
            repository_name,
            registry_id,
            digests,
            outcome: self.outcome.to_string(),
            faults: self.faults.clone(),
            user_agent: self.user_agent.clone(),
        })
    }
}
