//! Calls and age of access keys, for faults that let keys expire.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Keys by their hash, because a fault needs only to tell them apart.
#[derive(Debug, Default)]
pub(crate) struct AccessKeys {
    hasher: RandomState,
    seen: HashMap<u64, Use>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    first: Instant,
    calls: u64,
}

/// The use of a key up to one of its calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyUsage {
    calls: u64,
    age: Duration,
}

impl AccessKeys {
    /// Counts a call; returns the use of its key so far.
    pub(crate) fn record_call(&mut self, access_key: &str, now: Instant) -> KeyUsage {
        let hash = self.hasher.hash_one(access_key);
        let used = self.seen.entry(hash).or_insert(Use { first: now, calls: 0 });
        used.calls += 1;
        KeyUsage { calls: used.calls, age: now.saturating_duration_since(used.first) }
    }
}

impl KeyUsage {
    /// Whether the key was used for more calls or for longer; zero is no limit.
    pub(crate) fn exceeds(self, calls: u64, ms: f64) -> bool {
        (calls > 0 && self.calls > calls) || (ms > 0.0 && self.age.as_secs_f64() * 1e3 > ms)
    }
}

#[cfg(test)]
mod tests {
    use super::AccessKeys;
    use std::time::{Duration, Instant};

    #[test]
    fn each_key_has_its_calls_and_its_age() {
        let (mut keys, start) = (AccessKeys::default(), Instant::now());
        assert!(!keys.record_call("one", start).exceeds(2, 1000.0));
        assert!(!keys.record_call("one", start).exceeds(2, 1000.0));
        assert!(keys.record_call("one", start).exceeds(2, 1000.0));
        assert!(!keys.record_call("other", start).exceeds(2, 1000.0));
        let later = start + Duration::from_millis(1001);
        assert!(keys.record_call("other", later).exceeds(2, 1000.0));
        assert!(!keys.record_call("other", later).exceeds(0, 0.0));
    }
}
