//! Faults: what they do, to which calls, and with which probability.

pub(crate) mod access_keys;
pub(crate) mod delivery;
pub(crate) mod entries;
pub(crate) mod error_responses;
pub(crate) mod images;
pub(crate) mod kind;
mod spec;
pub(crate) mod throttle;

use crate::local_ecr::error::Error;
use crate::local_ecr::random::Random;
use crate::local_ecr::service::operation::{Operation, PerOperation};
pub use spec::FaultSpec;
use throttle::ThrottleForm;

/// One fault, with its script.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What the fault does.
    pub spec: FaultSpec,
    /// The chance for each call in the range, 0 to 1; 1 is always.
    pub probability: f64,
    /// The first call that the fault may affect; calls count from 1.
    pub first: u64,
    /// The last call that the fault may affect; `None` for no end.
    pub last: Option<u64>,
    /// The operations that the fault may affect, whose calls alone are counted; empty for all.
    pub operations: Vec<Operation>,
}

impl From<FaultSpec> for Fault {
    /// The fault affects every call.
    fn from(spec: FaultSpec) -> Self {
        Self { spec, probability: 1.0, first: 1, last: None, operations: Vec::new() }
    }
}

/// Longest wait that a fault or the server may add. A longer wait is probably a mistake of units.
const MAX_WAIT_MS: f64 = 3_600_000.0;

/// Most bytes that are put into the images of an answer, because it is made in memory.
pub(crate) const MAX_PADDING: u64 = 100_000_000;

impl Fault {
    /// The number of a call as this fault counts: among the calls of its operations. `None` if the fault is not
    /// for this operation.
    pub(crate) fn call_number(
        &self,
        operation: Operation,
        number: u64,
        calls: &PerOperation<u64>,
    ) -> Option<u64> {
        if self.operations.is_empty() {
            return Some(number);
        }
        let counted = || self.operations.iter().map(|&one| calls.of(one)).sum();
        self.operations.contains(&operation).then(counted)
    }

    /// Returns what is wrong with the settings.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let kind = self.spec.kind().name();
        let refuse = |text: String| Err(Error::invalid(format!("fault {kind:?}: {text}")));
        if !(0.0..=1.0).contains(&self.probability) {
            return refuse(format!("probability must be 0 to 1, not {}", self.probability));
        }
        if self.first == 0 || self.last.is_some_and(|last| last < self.first) {
            return refuse("calls count from 1, and the last must not come before the first".into());
        }
        if let Some(share) = self.spec.share()
            && !(share > 0.0 && share <= 1.0)
        {
            return refuse(format!("share must be above 0 and at most 1, not {share}"));
        }
        match &self.spec {
            FaultSpec::Latency { ms, jitter_ms } => {
                check_wait(*ms).and(check_wait(*jitter_ms)).or_else(refuse)
            }
            FaultSpec::IdleClose { ms } | FaultSpec::Twice { ms } | FaultSpec::ExpiredKey { ms, .. }
                if check_wait(*ms).is_err() =>
            {
                check_wait(*ms).or_else(refuse)
            }
            FaultSpec::ExpiredKey { uses: 0, ms: 0.0 } => refuse("needs uses or ms, above 0".into()),
            FaultSpec::Slow { bytes_per_ms: 0 } | FaultSpec::SlowHead { bytes_per_ms: 0 } => {
                refuse("bytes_per_ms must be at least 1".into())
            }
            FaultSpec::Throttle { form: Some(ThrottleForm { status, .. }) }
            | FaultSpec::ErrorPage { status }
                if !(400..=599).contains(status) =>
            {
                refuse(format!("status must be 400 to 599, not {status}"))
            }
            // Not 101, because it switches to another protocol.
            FaultSpec::Informational { status } if !matches!(status, 100 | 102..=199) => {
                refuse(format!("status must be 100 or 102 to 199, not {status}"))
            }
            FaultSpec::Error { status, .. } if !(200..=599).contains(status) => {
                refuse(format!("status must be 200 to 599, not {status}"))
            }
            FaultSpec::BigAnswer { bytes } if *bytes > MAX_PADDING => {
                refuse(format!("bytes must be at most {MAX_PADDING} for each image, not {bytes}"))
            }
            FaultSpec::Poison { digests } if digests.is_empty() => refuse("needs digests".into()),
            _ => Ok(()),
        }
    }

    /// The random stream of this fault at this call; `None` if the fault does not fire.
    ///
    /// `index` is the fault's place in the list. It gives each fault a stream of its own, so that
    /// a fault added at the end does not change those before it.
    pub(crate) fn roll(&self, seed: u64, index: usize, call: u64) -> Option<Random> {
        if call < self.first || self.last.is_some_and(|last| call > last) {
            return None;
        }
        let mut random = Random::of(&[seed, index as u64, call]);
        (random.fraction() < self.probability).then_some(random)
    }
}

/// Checks a waiting time in milliseconds.
pub(crate) fn check_wait(ms: f64) -> Result<(), String> {
    if (0.0..=MAX_WAIT_MS).contains(&ms) {
        Ok(())
    } else {
        Err(format!("milliseconds must be 0 to {MAX_WAIT_MS}, not {ms}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultSpec, ThrottleForm};

    fn fault(probability: f64, first: u64, last: Option<u64>) -> Fault {
        Fault { probability, first, last, ..FaultSpec::Shuffle.into() }
    }

    #[test]
    fn a_script_chooses_calls() {
        let fired: Vec<u64> =
            (1..=10).filter(|&call| fault(1.0, 3, Some(5)).roll(0, 0, call).is_some()).collect();
        assert_eq!(fired, [3, 4, 5]);
    }

    #[test]
    fn the_same_seed_fires_at_the_same_calls() {
        let fired = |seed, index| -> Vec<u64> {
            (1..=1000).filter(|&call| fault(0.25, 1, None).roll(seed, index, call).is_some()).collect()
        };
        assert_eq!(fired(1, 0), fired(1, 0));
        assert_ne!(fired(1, 0), fired(2, 0));
        assert_ne!(fired(1, 0), fired(1, 1));
        assert!((200..300).contains(&fired(1, 0).len()));
        assert!((1..=1000).all(|call| fault(0.0, 1, None).roll(1, 0, call).is_none()));
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let rows = [
            fault(1.5, 1, None),
            fault(f64::NAN, 1, None),
            fault(1.0, 0, None),
            fault(1.0, 5, Some(4)),
            FaultSpec::Omit { share: 0.0 }.into(),
            FaultSpec::Omit { share: 1.1 }.into(),
            FaultSpec::Slow { bytes_per_ms: 0 }.into(),
            FaultSpec::SlowHead { bytes_per_ms: 0 }.into(),
            FaultSpec::ErrorPage { status: 200 }.into(),
            FaultSpec::Throttle { form: Some(ThrottleForm { code: None, status: 200 }) }.into(),
            FaultSpec::Informational { status: 101 }.into(),
            FaultSpec::Informational { status: 200 }.into(),
            FaultSpec::ExpiredKey { uses: 0, ms: 0.0 }.into(),
            FaultSpec::ExpiredKey { uses: 1, ms: f64::NAN }.into(),
            FaultSpec::IdleClose { ms: -1.0 }.into(),
            FaultSpec::Twice { ms: f64::NAN }.into(),
            FaultSpec::Latency { ms: -1.0, jitter_ms: 0.0 }.into(),
            FaultSpec::Latency { ms: 0.0, jitter_ms: f64::INFINITY }.into(),
            FaultSpec::Error { code: "X".into(), status: 99, message: String::new() }.into(),
            FaultSpec::Poison { digests: [].into() }.into(),
        ];
        for row in rows {
            let error = row.check().expect_err(&format!("{row:?}")).to_string();
            assert!(error.contains(row.spec.kind().name()), "{error}");
        }
    }
}
