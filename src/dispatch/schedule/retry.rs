//! How often the same digests are asked again, and after which delay.

/// Doublings after which a delay is longer than any limit.
const MOST_DOUBLINGS: u32 = 1_000;

/// Kind of a failed request. Each kind is counted apart, because they say different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The service asks for fewer calls.
    Throttled,
    /// Another request may be answered.
    Transient,
    /// The service refuses these digests, or all: a bad name of a repository looks the same.
    Batch,
    /// Asking again cannot help, unless new credentials do.
    Fatal,
}

/// When a failed request is repeated. `layercheck.retry.RetryPolicy` explains each limit.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Most requests for the same digests that end in a transient error.
    pub attempts: u32,
    /// The same for each half of a batch that was halved.
    pub half_attempts: u32,
    /// Most answers for the same digests that lack some of them or contradict themselves.
    pub incomplete_attempts: u32,
    /// Most transient errors while no connection was ever made.
    pub first_contact_attempts: u32,
    /// Most requests for the same digests that the service throttles.
    pub throttle_attempts: u32,
    /// Most requests for the same digests that fail because the credentials have expired.
    pub renewal_attempts: u32,
    /// Longest time from the first request to the last for the same digests, seconds.
    pub asking_s: f64,
    /// Upper end of the first delay, seconds. It doubles with each try.
    pub back_off_base_s: f64,
    /// Where the doubling stops, seconds.
    pub back_off_cap_s: f64,
}

impl RetryPolicy {
    /// Returns the most requests for the same digests that may fail in this way. `reached`: the run has made
    /// a connection at least once. `half`: the digests are a half of a batch that was halved.
    #[must_use]
    pub fn limit(&self, kind: FailureKind, reached: bool, half: bool) -> u32 {
        match kind {
            FailureKind::Throttled => self.throttle_attempts,
            FailureKind::Fatal => self.renewal_attempts,
            _ if !reached => self.first_contact_attempts,
            _ if half => self.attempts.min(self.half_attempts),
            _ => self.attempts,
        }
    }

    /// Returns the upper end of the delay before the digests are asked again, seconds; none if these attempts
    /// are used up. `tries`: requests for these digests that failed in this way, the last one included.
    /// `asked_for_s`: seconds since they were first asked.
    #[must_use]
    pub fn longest_delay_s(
        &self,
        kind: FailureKind,
        tries: u32,
        asked_for_s: f64,
        (reached, half): (bool, bool),
    ) -> Option<f64> {
        if tries >= self.limit(kind, reached, half) || asked_for_s >= self.asking_s {
            return None;
        }
        let doublings = tries.saturating_sub(1).min(MOST_DOUBLINGS);
        let doubled = self.back_off_base_s * 2_f64.powi(doublings.cast_signed());
        Some(doubled.min(self.back_off_cap_s))
    }
}
