//! A bounded log of calls, so that tests can count requests and prove rates.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use super::service::Service;
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
    /// As in the request.
    pub repository_name: String,
    /// As in the request; `None` if left out.
    pub registry_id: Option<String>,
    /// As in the request, in order.
    pub digests: Vec<String>,
    /// `answered`, an error code, or the name of the fault that replaced the answer.
    pub outcome: String,
    /// Names of all faults that took effect.
    pub faults: Vec<&'static str>,
    /// As in the request.
    pub user_agent: Option<String>,
}

/// A call in the log. Its body is parsed again only when the log is read.
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

/// The last calls, at most `bound` of them.
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
    /// The record of the call. It is never `None`, because the log holds only bodies that were parsed once.
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
