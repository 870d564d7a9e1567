//! Limits of an exchange.

use std::time::Duration;

/// Limits of one exchange, and an option of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest time to connect to one address, the handshake of TLS included.
    pub connect_timeout: Duration,
    /// Longest time without a byte of the answer.
    pub read_timeout: Duration,
    /// Longest time for the body, from the end of the head on.
    pub body_deadline: Duration,
    /// Longest time for the whole exchange, even if bytes keep coming.
    pub deadline: Duration,
    /// Longest body in bytes.
    pub body_limit: usize,
    /// Whether the system probes an idle connection (TCP keep-alive).
    pub keepalive: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            body_deadline: Duration::from_secs(30),
            deadline: Duration::from_mins(2),
            body_limit: 1 << 20,
            keepalive: true,
        }
    }
}
