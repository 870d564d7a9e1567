//! Digests that are asked together, with what was counted while they were asked.

use std::ops::Range;

/// Tells the requests of a run apart. No two requests have the same.
pub type CallNumber = u64;

/// The digests that one request asks about. Times are seconds on the run's clock.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // each says something else of the call
pub struct Call {
    /// Set when the request starts.
    pub number: CallNumber,
    /// The digests, as the ledger numbers them: positions in the plan, and from the plan's `unique` on
    /// digests that a journal left open.
    pub digests: Range<usize>,
    /// Requests that ended in a transient error.
    pub tries: u32,
    /// Requests that the service throttled.
    pub throttles: u32,
    /// Requests that the service refused because the credentials had just expired.
    pub renewals: u32,
    /// A request was refused for the time of its signature, and the digests were asked again.
    pub signed_again: bool,
    /// Answers that lacked digests of the call or contradicted themselves.
    pub incomplete: u32,
    /// Requests sent.
    pub requests: u32,
    /// The call is part of a batch that was split.
    pub half: bool,
    /// The call is for new digests from all over the plan, while many requests fail in a row.
    pub is_probe: bool,
    /// The call is asked in the last round, after everything else was settled.
    pub last: bool,
    /// How often the attempts began again in the last round, because another call was answered.
    pub began_again: u32,
    /// When these digests were first asked, alone or as part of a larger call; in the last round, when the
    /// round began. Infinite before.
    pub first_at: f64,
    /// When the present count of attempts began. Infinite before.
    pub tried_since: f64,
    /// When the present request got its slot.
    pub started_at: f64,
}

impl Call {
    /// Makes a call that was never asked.
    #[must_use]
    pub const fn new(digests: Range<usize>) -> Self {
        Self {
            number: 0,
            digests,
            tries: 0,
            throttles: 0,
            renewals: 0,
            signed_again: false,
            incomplete: 0,
            requests: 0,
            half: false,
            is_probe: false,
            last: false,
            began_again: 0,
            first_at: f64::INFINITY,
            tried_since: f64::INFINITY,
            started_at: 0.0,
        }
    }

    /// Returns the number of digests.
    #[must_use]
    pub fn size(&self) -> usize {
        self.digests.len()
    }

    /// Returns a call for the same digests whose failures are counted from zero.
    #[must_use]
    pub fn with_new_attempts(self, now: f64) -> Self {
        Self { tries: 0, throttles: 0, renewals: 0, tried_since: now, ..self }
    }

    /// Returns two new calls, each for one half of the digests, with the time since these were asked.
    #[must_use]
    pub fn halves(&self) -> (Self, Self) {
        let middle = self.digests.start.midpoint(self.digests.end);
        let half =
            |digests| Self { half: true, last: self.last, first_at: self.first_at, ..Self::new(digests) };
        (half(self.digests.start..middle), half(middle..self.digests.end))
    }
}
