//! Throttling: a token bucket, as in the service's troubleshooting page, and the form of its errors.

use std::time::{Duration, Instant};

use crate::local_ecr::error::Error;

/// The rate limit of one operation, and the form of its errors.
#[derive(Debug, Default)]
pub(crate) struct OperationThrottle {
    bucket: Option<TokenBucket>,
    pub(crate) form: ThrottleForm,
}

impl OperationThrottle {
    /// A full bucket; without a throttle, no limit.
    pub(crate) fn new(throttle: Option<&Throttle>, now: Instant) -> Self {
        let bucket = throttle.map(|it| TokenBucket::new(it.rate, it.burst, now));
        Self { bucket, form: throttle.map(|it| it.form.clone()).unwrap_or_default() }
    }

    /// Takes a token, if there is a limit; returns false if there is none left.
    pub(crate) fn grants(&mut self, now: Instant) -> bool {
        self.bucket.as_mut().is_none_or(|bucket| bucket.take(now))
    }
}

/// A rate limit and the form of its errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttle {
    /// Calls per second that pass in the long run.
    pub rate: f64,
    /// Calls that pass at once after a pause.
    pub burst: f64,
    /// The error of a throttled call.
    pub form: ThrottleForm,
}

/// The error of a throttled call, from the bucket or from a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleForm {
    /// The error code; `None` for a status without a body.
    pub code: Option<String>,
    /// The HTTP status.
    pub status: u16,
}

impl Default for ThrottleForm {
    /// As users of the service report it: `ThrottlingException: Rate exceeded`, HTTP 400.
    fn default() -> Self {
        Self { code: Some("ThrottlingException".into()), status: 400 }
    }
}

impl Throttle {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fits = |number: f64, least: f64| number.is_finite() && number >= least;
        if !fits(self.rate, 0.0) || !fits(self.burst, 1.0) {
            return Err(Error::invalid(format!(
                "throttle: the rate must be at least 0 and the burst at least 1, not {} and {}",
                self.rate, self.burst
            )));
        }
        if !(400..=599).contains(&self.form.status) {
            return Err(Error::invalid(format!(
                "throttle: the status must be 400 to 599, not {}",
                self.form.status
            )));
        }
        Ok(())
    }
}

/// Refills at `rate` tokens per second up to `burst`. A call takes a token or is throttled.
///
/// The caller passes the time, so that tests do not wait.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    pub(crate) fn new(rate: f64, burst: f64, now: Instant) -> Self {
        Self { rate, burst, tokens: burst, filled_at: now }
    }

    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.filled_at);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(self.burst);
        self.filled_at = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::TokenBucket;
    use std::time::{Duration, Instant};

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10.0, 3.0, start);
        let granted = |bucket: &mut TokenBucket, at: Instant| (0..10).filter(|_| bucket.take(at)).count();
        assert_eq!(granted(&mut bucket, start), 3);
        assert_eq!(granted(&mut bucket, start + Duration::from_millis(200)), 2);
        // A pause of any length refills no more than the burst.
        assert_eq!(granted(&mut bucket, start + Duration::from_mins(1)), 3);
    }

    #[test]
    fn a_rate_of_zero_grants_the_burst_and_no_more() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(0.0, 1.0, start);
        assert!(bucket.take(start));
        assert!(!bucket.take(start + Duration::from_hours(1)));
    }
}
