//! A bounded log of calls, so that tests can count what was asked and prove rates.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use super::service::Service;
use super::service::request::Request;

/// One call, as it came and as it ended. No header but the user agent is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Counts from 1.
    pub number: u64,
    /// When it was read, since the server started, by the monotonic clock.
    pub at: Duration,
    /// Which service it was for.
    pub service: Service,
    /// As asked.
    pub repository_name: String,
    /// As asked; `None` if left out.
    pub registry_id: Option<String>,
    /// As asked, in order.
    pub digests: Vec<String>,
    /// `answered`, an error code, or the name of the fault that took the answer's place.
    pub outcome: String,
    /// Names of all faults that took effect.
    pub faults: Vec<&'static str>,
    /// As sent.
    pub user_agent: Option<String>,
}

/// A call as it is kept: the body is parsed again only when somebody looks.
#[derive(Debug)]
pub(crate) struct LoggedCall {
    pub(crate) number: u64,
    pub(crate) at: Duration,
    pub(crate) service: Service,
    pub(crate) body: Vec<u8>,
    pub(crate) outcome: Cow<'static, str>,
    pub(crate) faults: Vec<&'static str>,
    pub(crate) user_agent: Option<String>,
}

/// The last calls, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<LoggedCall>,
    bound: usize,
}

impl CallLog {
    pub(crate) fn new(bound: usize) -> Self {
        Self { calls: VecDeque::new(), bound }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.bound > 0
    }

    pub(crate) fn add(&mut self, mut call: LoggedCall) {
        if self.calls.len() == self.bound {
            self.calls.pop_front();
        }
        call.body.shrink_to_fit();
        self.calls.push_back(call);
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }

    pub(crate) fn records(&self) -> Vec<CallRecord> {
        self.calls.iter().filter_map(LoggedCall::record).collect()
    }
}

impl LoggedCall {
    /// `None` cannot happen: only bodies that were parsed are kept.
    fn record(&self) -> Option<CallRecord> {
        let request = Request::parse(&self.body).ok()?;
        Some(CallRecord {
            number: self.number,
            at: self.at,
            service: self.service,
            repository_name: request.repository_name().to_owned(),
            registry_id: request.registry_id.as_ref().map(|id| id.0.to_string()),
            digests: request.digests().iter().map(|digest| digest.0.to_string()).collect(),
            outcome: self.outcome.to_string(),
            faults: self.faults.clone(),
            user_agent: self.user_agent.clone(),
        })
    }
}
