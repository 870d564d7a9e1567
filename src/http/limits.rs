//! How long an exchange may take and how much it may bring.

use std::time::Duration;

/// Bounds of one exchange, and what is asked of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest time to connect to one address, the handshake of TLS included.
    pub connect_timeout: Duration,
    /// Longest silence while an answer is waited for.
    pub read_timeout: Duration,
    /// Longest time the body may take, from the end of the head on.
    pub body_deadline: Duration,
    /// Longest time for the whole exchange, however lively the other side is.
    pub deadline: Duration,
    /// Longest body, bytes.
    pub body_limit: usize,
    /// The system asks a connection that is silent whether the other side is still there.
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
