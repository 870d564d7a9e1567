//! Whether the service answers any single digest, while it answers no whole batch.

/// Single digests from different places that must fail before the search ends without an answer.
const LONE_FAILURES: u32 = 2;

/// State of the search; [`Scheduler`](super::Scheduler) says how it goes on.
#[derive(Debug)]
pub struct AnswerSearch {
    longest_s: f64,
    /// When the search ends; none before it begins.
    ends_at: Option<f64>,
    lone_failures: u32,
}

impl AnswerSearch {
    /// Makes a search that takes at most so many seconds.
    #[must_use]
    pub const fn new(longest_s: f64) -> Self {
        Self { longest_s, ends_at: None, lone_failures: 0 }
    }

    /// Whether a batch was halved to begin the search, and nothing has been answered since.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.ends_at.is_some()
    }

    /// Begins, unless the search goes on already.
    pub fn begin(&mut self, now: f64) {
        self.ends_at.get_or_insert(now + self.longest_s);
    }

    /// Notes that a single digest used up its attempts.
    pub const fn count_lone_failure(&mut self) {
        self.lone_failures += 1;
    }

    /// Whether the service has stopped: the search found no digest that is answered, or took too long.
    #[must_use]
    pub fn has_failed(&self, now: f64) -> bool {
        self.lone_failures >= LONE_FAILURES || self.ends_at.is_some_and(|ends_at| now >= ends_at)
    }

    /// Ends, because the service answered.
    pub const fn end(&mut self) {
        self.ends_at = None;
        self.lone_failures = 0;
    }
}
