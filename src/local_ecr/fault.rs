//! Faults: what goes wrong, when, and by what chance.

use std::collections::HashSet;

use super::error::Error;
use super::random::Random;

macro_rules! kinds {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// The kinds of fault, each with a name and a counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $(#[doc = $doc] $variant,)*
        }

        impl FaultKind {
            /// Every kind, in the order of the documentation and of the counters.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in Python, in counters and in the log.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    Latency "latency" "The answer comes later.",
    Throttle "throttle" "Refused as throttled, in the server's form of it.",
    ServerError "server_error" "`ServerException`, HTTP 500.",
    ServiceUnavailable "service_unavailable" "HTTP 503 with no body.",
    AccessDenied "access_denied" "`AccessDeniedException`.",
    ExpiredToken "expired_token" "`ExpiredTokenException`.",
    Error "error" "An error of the caller's making: code, status, message.",
    Disconnect "disconnect" "The connection is closed without an answer.",
    Reset "reset" "The connection is reset (TCP RST) without an answer.",
    Html "html" "An HTML page with status 200.",
    WrongTypes "wrong_types" "JSON of the right names and the wrong types.",
    Poison "poison" "The whole call is an `InvalidParameterException` if it asks for one of these digests.",
    Shuffle "shuffle" "Entries come in another order.",
    Omit "omit" "Some digests are left out of the answer.",
    Repeat "repeat" "Some entries come twice.",
    Contradict "contradict" "Some digests come a second time with another availability.",
    Foreign "foreign" "Entries for digests that nobody asked for are added.",
    UpperCase "upper_case" "Some digests come back in upper-case hexadecimal.",
    UnknownAvailability "unknown_availability" "Some availabilities are a word no model knows.",
    UnknownFailure "unknown_failure" "Some digests fail with a code no model knows.",
    Truncate "truncate" "The JSON ends too early; the HTTP message is whole.",
    Cut "cut" "The connection is closed in the middle of the body.",
    Slow "slow" "The body drips.",
    Padding "padding" "A very large member comes before the answer, in valid JSON.",
    Endless "endless" "A body that ends when the client goes.",
}

/// What a fault does, with its settings.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "fields are described by the kind they belong to")]
pub enum What {
    Latency { ms: f64, jitter_ms: f64 },
    Throttle,
    ServerError,
    ServiceUnavailable,
    AccessDenied,
    ExpiredToken,
    Error { code: String, status: u16, message: String },
    Disconnect,
    Reset,
    Html,
    WrongTypes,
    Poison { digests: HashSet<String> },
    Shuffle,
    Omit { share: f64 },
    Repeat { share: f64 },
    Contradict { share: f64 },
    Foreign { share: f64 },
    UpperCase { share: f64 },
    UnknownAvailability { share: f64, word: String },
    UnknownFailure { share: f64, word: String },
    Truncate,
    Cut,
    Slow { bytes_per_ms: u32 },
    Padding { bytes: u64 },
    Endless,
}

/// The part of a call a fault works on; within a stage the first that fires wins, but for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Adds to the time before the answer.
    Delay,
    /// Takes the place of the answer.
    Refusal,
    /// Changes the entries; all that fire work, in order.
    Content,
    /// Changes how the bytes are sent.
    Delivery,
}

impl What {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Latency { .. } => FaultKind::Latency,
            Self::Throttle => FaultKind::Throttle,
            Self::ServerError => FaultKind::ServerError,
            Self::ServiceUnavailable => FaultKind::ServiceUnavailable,
            Self::AccessDenied => FaultKind::AccessDenied,
            Self::ExpiredToken => FaultKind::ExpiredToken,
            Self::Error { .. } => FaultKind::Error,
            Self::Disconnect => FaultKind::Disconnect,
            Self::Reset => FaultKind::Reset,
            Self::Html => FaultKind::Html,
            Self::WrongTypes => FaultKind::WrongTypes,
            Self::Poison { .. } => FaultKind::Poison,
            Self::Shuffle => FaultKind::Shuffle,
            Self::Omit { .. } => FaultKind::Omit,
            Self::Repeat { .. } => FaultKind::Repeat,
            Self::Contradict { .. } => FaultKind::Contradict,
            Self::Foreign { .. } => FaultKind::Foreign,
            Self::UpperCase { .. } => FaultKind::UpperCase,
            Self::UnknownAvailability { .. } => FaultKind::UnknownAvailability,
            Self::UnknownFailure { .. } => FaultKind::UnknownFailure,
            Self::Truncate => FaultKind::Truncate,
            Self::Cut => FaultKind::Cut,
            Self::Slow { .. } => FaultKind::Slow,
            Self::Padding { .. } => FaultKind::Padding,
            Self::Endless => FaultKind::Endless,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Latency { .. } => Stage::Delay,
            Self::Throttle
            | Self::ServerError
            | Self::ServiceUnavailable
            | Self::AccessDenied
            | Self::ExpiredToken
            | Self::Error { .. }
            | Self::Disconnect
            | Self::Reset
            | Self::Html
            | Self::WrongTypes
            | Self::Poison { .. } => Stage::Refusal,
            Self::Shuffle
            | Self::Omit { .. }
            | Self::Repeat { .. }
            | Self::Contradict { .. }
            | Self::Foreign { .. }
            | Self::UpperCase { .. }
            | Self::UnknownAvailability { .. }
            | Self::UnknownFailure { .. } => Stage::Content,
            Self::Truncate | Self::Cut | Self::Slow { .. } | Self::Padding { .. } | Self::Endless => {
                Stage::Delivery
            }
        }
    }

    fn share(&self) -> Option<f64> {
        match self {
            Self::Omit { share }
            | Self::Repeat { share }
            | Self::Contradict { share }
            | Self::Foreign { share }
            | Self::UpperCase { share }
            | Self::UnknownAvailability { share, .. }
            | Self::UnknownFailure { share, .. } => Some(*share),
            _ => None,
        }
    }
}

/// One thing that goes wrong, with its script.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What happens.
    pub what: What,
    /// The chance of it for each call in range, 0 to 1; 1 is always.
    pub probability: f64,
    /// The first call it may happen to; calls count from 1.
    pub first: u64,
    /// The last call it may happen to; `None` for no end.
    pub last: Option<u64>,
}

impl From<What> for Fault {
    /// It happens to every call.
    fn from(what: What) -> Self {
        Self { what, probability: 1.0, first: 1, last: None }
    }
}

/// Longest wait a fault or the server may add: longer is surely a mistake of units.
const MAX_WAIT_MS: f64 = 3_600_000.0;

impl Fault {
    /// Says what is wrong with the settings.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let kind = self.what.kind().name();
        let refuse = |text: String| Err(Error::invalid(format!("fault {kind:?}: {text}")));
        if !(0.0..=1.0).contains(&self.probability) {
            return refuse(format!("probability must be 0 to 1, not {}", self.probability));
        }
        if self.first == 0 || self.last.is_some_and(|last| last < self.first) {
            return refuse("calls count from 1, and the last must not come before the first".into());
        }
        if let Some(share) = self.what.share()
            && !(share > 0.0 && share <= 1.0)
        {
            return refuse(format!("share must be above 0 and at most 1, not {share}"));
        }
        match &self.what {
            What::Latency { ms, jitter_ms } => check_wait(*ms).and(check_wait(*jitter_ms)).or_else(refuse),
            What::Slow { bytes_per_ms: 0 } => refuse("bytes_per_ms must be at least 1".into()),
            What::Error { status, .. } if !(200..=599).contains(status) => {
                refuse(format!("status must be 200 to 599, not {status}"))
            }
            What::Poison { digests } if digests.is_empty() => refuse("needs digests".into()),
            _ => Ok(()),
        }
    }

    /// The chance stream of this fault at this call, if it fires there.
    ///
    /// `index` is the fault's place in the list: with it, each fault rolls dice of its own,
    /// and adding one at the end changes nothing for those before it.
    pub(crate) fn roll(&self, seed: u64, index: usize, call: u64) -> Option<Random> {
        if call < self.first || self.last.is_some_and(|last| call > last) {
            return None;
        }
        let mut random = Random::of(&[seed, index as u64, call]);
        (random.fraction() < self.probability).then_some(random)
    }
}

/// Milliseconds that can be waited.
pub(crate) fn check_wait(ms: f64) -> Result<(), String> {
    if (0.0..=MAX_WAIT_MS).contains(&ms) {
        Ok(())
    } else {
        Err(format!("milliseconds must be 0 to {MAX_WAIT_MS}, not {ms}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, What};

    fn fault(probability: f64, first: u64, last: Option<u64>) -> Fault {
        Fault { what: What::Shuffle, probability, first, last }
    }

    #[test]
    fn names_are_different() {
        let names: std::collections::HashSet<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), FaultKind::ALL.len());
    }

    #[test]
    fn a_script_says_for_which_calls() {
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
    fn settings_without_sense_are_refused_by_name() {
        let rows = [
            fault(1.5, 1, None),
            fault(f64::NAN, 1, None),
            fault(1.0, 0, None),
            fault(1.0, 5, Some(4)),
            What::Omit { share: 0.0 }.into(),
            What::Omit { share: 1.1 }.into(),
            What::Slow { bytes_per_ms: 0 }.into(),
            What::Latency { ms: -1.0, jitter_ms: 0.0 }.into(),
            What::Latency { ms: 0.0, jitter_ms: f64::INFINITY }.into(),
            What::Error { code: "X".into(), status: 99, message: String::new() }.into(),
            What::Poison { digests: [].into() }.into(),
        ];
        for row in rows {
            let error = row.check().expect_err(&format!("{row:?}")).to_string();
            assert!(error.contains(row.what.kind().name()), "{error}");
        }
    }
}
