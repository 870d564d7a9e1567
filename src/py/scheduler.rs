//! `Scheduler` for Python.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::call::PyCall;
use super::ledger::PyLedger;
use crate::dispatch::schedule::fresh::{FreshDigests, NextOpen};
use crate::dispatch::{Call, Decision, Failure, FailureKind, Limits, RetryPolicy, Scheduler};
use crate::memory;

/// Decides what is asked next of the digests of a run, and what follows from a failure. Thread-safe.
///
/// It has no threads, no clock and no network. Times come in as numbers, and of a failure it reads a few
/// attributes.
#[pyclass(name = "Scheduler", module = "layercheck._core", frozen)]
pub(super) struct PyScheduler {
    pub(super) scheduler: Arc<Mutex<Scheduler>>,
}

/// What was decided about a failed request.
#[pyclass(name = "RetryDecision", module = "layercheck._core", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[pyo3(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PyRetryDecision {
    Retry,
    Split,
    Refuse,
    Suspect,
    GiveUp,
    Fatal,
    Stall,
}

/// `layercheck.retry.RetryPolicy`.
#[derive(FromPyObject)]
pub(super) struct PolicyValues {
    attempts: u32,
    half_attempts: u32,
    incomplete_attempts: u32,
    first_contact_attempts: u32,
    throttle_attempts: u32,
    renewal_attempts: u32,
    asking_s: f64,
    back_off_base_s: f64,
    back_off_cap_s: f64,
}

/// `layercheck.limits.Limits`.
#[derive(FromPyObject)]
struct LimitValues {
    retry: PolicyValues,
    outage_failures: u32,
    outage_s: f64,
    backlog_per_slot: usize,
}

/// `layercheck.aws.classify.Failure`.
#[derive(FromPyObject)]
#[allow(clippy::struct_excessive_bools)] // each says something else of the failure
struct FailureValues {
    kind: String,
    connected: bool,
    hung_up: bool,
    renews: bool,
    resigns: bool,
    names_target: bool,
    names_digest: bool,
}

/// Return the upper end of the delay before digests are asked again, seconds; None if the attempts are used
/// up. See `RetryPolicy.delay_s`.
#[pyfunction]
#[pyo3(signature = (policy, kind, *, tries, asked_for_s, reached, half))]
pub(super) fn longest_delay_s(
    policy: PolicyValues,
    kind: &str,
    tries: u32,
    asked_for_s: f64,
    reached: bool,
    half: bool,
) -> PyResult<Option<f64>> {
    Ok(RetryPolicy::from(policy).longest_delay_s(kind_of(kind)?, tries, asked_for_s, (reached, half)))
}

impl PyScheduler {
    /// Locks the scheduler: for moments, and never during a call into Python.
    fn lock(&self) -> MutexGuard<'_, Scheduler> {
        // A panic cannot leave it half changed: nothing within can panic between two changes.
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyScheduler {
    /// Most calls of a run that are asked once more because the time of their signature was refused.
    #[classattr]
    const SIGNED_AGAIN: u32 = Scheduler::SIGNED_AGAIN;
    /// Credit that a halving costs because of transient errors; an answer earns 1.
    #[classattr]
    const HALVING_COST: u32 = Scheduler::HALVING_COST;
    /// New batches that are asked in spite of many failures in a row.
    #[classattr]
    const PROBES: u32 = Scheduler::PROBES;

    /// Schedules the digests numbered 0 to `numbers`, at most `slots` calls at once. `renewable`: the client
    /// gets new credentials when these expire. With a `ledger` that knows digests already, only its open ones
    /// are asked. `seed` chooses the delays.
    #[new]
    #[pyo3(signature = (numbers, batch_size, slots, limits, *, renewable = false, ledger = None, seed = None))]
    fn new(
        numbers: usize,
        batch_size: usize,
        slots: usize,
        limits: LimitValues,
        renewable: bool,
        ledger: Option<Py<PyLedger>>,
        seed: Option<u64>,
    ) -> PyResult<Self> {
        if batch_size == 0 {
            return Err(PyValueError::new_err("a batch has at least one digest"));
        }
        let packed_from = ledger.as_ref().map_or(numbers, |ledger| ledger.get().plan().unique());
        let next_open =
            ledger.map(|ledger| -> NextOpen { Box::new(move |from| ledger.get().open_from(from)) });
        let fresh = FreshDigests::new(numbers, batch_size, packed_from, next_open);
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        let scheduler = Scheduler::new(fresh, slots, limits.into(), renewable, seed);
        Ok(Self { scheduler: Arc::new(Mutex::new(scheduler)) })
    }

    /// The first digest that was never asked.
    #[getter]
    fn cursor(&self) -> usize {
        self.lock().cursor()
    }

    /// The service answered at least one call.
    #[getter]
    fn answered(&self) -> bool {
        self.lock().has_answered()
    }

    /// Whether no call is in flight and nothing more will be asked.
    #[getter]
    fn finished(&self) -> bool {
        self.lock().is_finished()
    }

    /// How many calls wait for their answer.
    #[getter]
    fn in_flight(&self) -> usize {
        self.lock().in_flight().len()
    }

    /// Calls for one digest that was refused before anything was answered.
    #[getter]
    fn suspects(&self) -> Vec<PyCall> {
        calls(self.lock().suspects().to_vec())
    }

    /// Whether threads may settle good answers without telling: nothing else is decided by one.
    #[getter]
    fn is_calm(&self) -> bool {
        self.lock().is_calm()
    }

    /// Return the suspects, and forget them.
    fn take_suspects(&self) -> Vec<PyCall> {
        calls(self.lock().take_suspects())
    }

    /// Return when the next call may be taken: `now` or earlier for at once, None for after a change.
    fn due(&self, now: f64) -> Option<f64> {
        self.lock().due(now)
    }

    /// Return the next call, which is in flight then; None if none is due. Raises `MemoryError`.
    fn take(&self, py: Python<'_>, now: f64) -> PyResult<Option<Py<PyCall>>> {
        let Some(call) = self.lock().take(now)? else { return Ok(None) };
        // Outside the lock, because an object is made. Without memory for it, nobody would ask the call.
        let taken = Py::new(py, PyCall { call: call.clone() });
        taken.map(Some).inspect_err(|_| self.lock().put_back(call, now))
    }

    /// Take back that a call was taken, because its request cannot be made. It is due at once.
    fn put_back(&self, call: &Bound<'_, PyCall>, now: f64) {
        self.lock().put_back(call.get().call.clone(), now);
    }

    /// Return the suspects, and forget them, if an answer has proven that they are at fault.
    fn take_proven(&self) -> Vec<PyCall> {
        let proven = self.lock().take_proven();
        calls(proven)
    }

    /// Note that a call was answered, which proves that the suspects are at fault.
    fn settle(&self, call: &Bound<'_, PyCall>, now: f64) {
        self.lock().settle(&call.get().call, now);
    }

    /// Ask a call again whose answer lacked digests or contradicted itself; False if it was the last try.
    /// `settle` comes first. The digests that the answer named keep their verdicts.
    fn ask_rest(&self, call: &Bound<'_, PyCall>, now: f64) -> bool {
        self.lock().ask_rest(&call.get().call, now)
    }

    /// Decide what happens to the digests of a call that failed.
    fn fail(&self, call: &Bound<'_, PyCall>, failure: FailureValues, now: f64) -> PyResult<PyRetryDecision> {
        let failure = failure.try_into()?;
        let decision = self.lock().fail(&call.get().call, failure, now);
        Ok(decision.into())
    }

    /// Note that a call is not in flight any more, and that its outcome needs no decision.
    fn land(&self, call: &Bound<'_, PyCall>) {
        self.lock().land(&call.get().call);
    }

    /// Put a call whose outcome was lost among the pending calls.
    fn keep_open(&self, call: &Bound<'_, PyCall>) -> PyResult<()> {
        self.lock().keep_open(&call.get().call)?;
        Ok(())
    }

    /// Return the seconds in which calls were in flight or failing and none was answered. A run that waits
    /// only for the pacer is not stuck.
    fn stuck_s(&self, now: f64) -> f64 {
        self.lock().stuck_s(now)
    }

    /// Ask nothing more.
    fn stop(&self) {
        self.lock().stop();
    }

    /// Return the calls in flight that started before this time.
    fn started_before(&self, time: f64) -> Vec<PyCall> {
        let old: Vec<Call> = self.lock().in_flight().filter(|call| call.started_at < time).cloned().collect();
        calls(old)
    }

    /// Return the calls that were asked at least once and have no outcome.
    ///
    /// Raises `MemoryError`.
    fn pending(&self) -> PyResult<Vec<PyCall>> {
        let scheduler = self.lock();
        let mut pending = memory::with_room(scheduler.pending().count())?;
        pending.extend(scheduler.pending().map(|call| PyCall { call: call.clone() }));
        Ok(pending)
    }

    /// Forget the calls in flight, because the run has ended.
    fn forget_in_flight(&self) {
        self.lock().forget_in_flight();
    }
}

impl From<PolicyValues> for RetryPolicy {
    fn from(values: PolicyValues) -> Self {
        Self {
            attempts: values.attempts,
            half_attempts: values.half_attempts,
            incomplete_attempts: values.incomplete_attempts,
            first_contact_attempts: values.first_contact_attempts,
            throttle_attempts: values.throttle_attempts,
            renewal_attempts: values.renewal_attempts,
            asking_s: values.asking_s,
            back_off_base_s: values.back_off_base_s,
            back_off_cap_s: values.back_off_cap_s,
        }
    }
}

impl From<LimitValues> for Limits {
    fn from(values: LimitValues) -> Self {
        Self {
            retry: values.retry.into(),
            outage_failures: values.outage_failures,
            outage_s: values.outage_s,
            backlog_per_slot: values.backlog_per_slot,
        }
    }
}

impl TryFrom<FailureValues> for Failure {
    type Error = PyErr;

    fn try_from(values: FailureValues) -> PyResult<Self> {
        Ok(Self {
            kind: kind_of(&values.kind)?,
            connected: values.connected,
            hung_up: values.hung_up,
            renews: values.renews,
            resigns: values.resigns,
            names_target: values.names_target,
            names_digest: values.names_digest,
        })
    }
}

impl From<Decision> for PyRetryDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Retry => Self::Retry,
            Decision::Split => Self::Split,
            Decision::Refuse => Self::Refuse,
            Decision::Suspect => Self::Suspect,
            Decision::GiveUp => Self::GiveUp,
            Decision::Fatal => Self::Fatal,
            Decision::Stall => Self::Stall,
        }
    }
}

fn kind_of(name: &str) -> PyResult<FailureKind> {
    match name {
        "throttled" => Ok(FailureKind::Throttled),
        "transient" => Ok(FailureKind::Transient),
        "batch" => Ok(FailureKind::Batch),
        "fatal" => Ok(FailureKind::Fatal),
        _ => Err(PyValueError::new_err(format!("no kind of failure is called {name:?}"))),
    }
}

fn calls(calls: Vec<Call>) -> Vec<PyCall> {
    calls.into_iter().map(|call| PyCall { call }).collect()
}
