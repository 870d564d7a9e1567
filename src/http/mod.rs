//! A blocking HTTP/1.1 client with a connection pool: sends a request in one write and reads the whole
//! answer.
//!
//! botocore's HTTP session makes some 1,200 interpreter calls for an exchange. This client does the same for
//! the only kind of request that layercheck sends: `POST` with a short body, over connections that are kept
//! and used again. It starts no thread: the caller's thread does the work. `httparse` reads the head, and
//! `rustls` does TLS, verified against the bundle of certificates that botocore would use. The client does
//! not support proxies, client certificates, or connections without verification; for these the caller lets
//! botocore send.
//!
//! ```no_run
//! use std::time::Duration;
//! use layercheck::http::{Limits, Request, Wire};
//!
//! let wire = Wire::new("127.0.0.1", 8080, None, Limits::default(), 32);
//! let mut request = Request::post("/", "127.0.0.1:8080");
//! request.header("Content-Type", "application/x-amz-json-1.1")?;
//! let response = wire.exchange(&request.with_body(b"{}"))?;
//! assert_eq!(response.status, 200);
//! # Ok::<(), layercheck::http::WireError>(())
//! ```

mod connection;
mod error;
mod limits;
mod prepared;
mod request;
mod response;
pub mod sigv4;
pub mod tls;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use connection::Connection;
pub use error::{WireError, WireErrorKind};
pub use limits::Limits;
pub use prepared::Prepared;
pub use request::Request;
pub use response::Response;
use tls::Tls;

/// Connections to one host, for any number of threads. One thread at a time uses a connection.
#[derive(Debug)]
pub struct Wire {
    host: String,
    port: u16,
    tls: Option<Tls>,
    limits: Limits,
    keep: usize,
    idle: Mutex<Idle>,
}

/// The connections that are kept for later.
#[derive(Debug)]
struct Idle {
    /// The last connection used is on top, so that connections that are no longer needed grow old and are
    /// dropped. None once the pool is closed.
    connections: Option<Vec<Connection>>,
    /// How often the pool was distrusted. A connection that was opened earlier is not kept.
    distrusted: u64,
}

impl Wire {
    /// Makes a pool, which connects on the first exchange. It keeps at most `keep` connections for later;
    /// more may be open at once.
    #[must_use]
    pub fn new(host: &str, port: u16, tls: Option<Tls>, limits: Limits, keep: usize) -> Self {
        let idle = Mutex::new(Idle { connections: Some(Vec::new()), distrusted: 0 });
        Self { host: host.to_owned(), port, tls, limits, keep, idle }
    }

    /// Sends a whole HTTP/1.1 request, as [`Request`] writes it, and reads the answer.
    ///
    /// The pool sends nothing twice. A connection that turns out to be closed is an error like any other,
    /// and the caller decides whether to ask again.
    ///
    /// # Errors
    /// The kind says how far the exchange got.
    pub fn exchange(&self, request: &[u8]) -> Result<Response, WireError> {
        let deadline = Instant::now() + self.limits.deadline;
        let (idle, distrusted) = self.take_idle();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.host, self.port, self.tls.as_ref(), &self.limits)?,
        };
        connection.send(request)?;
        let (response, reusable) = response::read(&mut connection, &self.limits, deadline)?;
        if reusable {
            self.put_back(connection, distrusted);
        }
        Ok(response)
    }

    /// Closes the connections that are not in use. A connection in use is closed when its exchange ends.
    pub fn close(&self) {
        // Dropped outside the lock, because closing a connection is a system call.
        let idle = self.lock().connections.take();
        drop(idle);
    }

    /// Uses no connection again that was taken or opened until now. A connection in use is closed when its
    /// exchange ends.
    ///
    /// The caller found an answer that belongs to another request. Every later answer on that connection may
    /// then belong to the request before it, and the pool cannot tell which connection it was: the answer
    /// was complete, so another thread may use the connection already.
    pub fn distrust(&self) {
        let idle = {
            let mut pool = self.lock();
            pool.distrusted += 1;
            pool.connections.as_mut().map(std::mem::take)
        };
        drop(idle);
    }

    /// Returns the number of connections that are kept for later.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lock().connections.as_ref().map_or(0, Vec::len)
    }

    /// Returns a kept connection that the other side has not closed meanwhile, and how often the pool was
    /// distrusted by then.
    fn take_idle(&self) -> (Option<Connection>, u64) {
        loop {
            let (taken, distrusted) = {
                let mut idle = self.lock();
                (idle.connections.as_mut().and_then(Vec::pop), idle.distrusted)
            };
            let Some(mut connection) = taken else {
                return (None, distrusted);
            };
            if connection.is_fresh() {
                return (Some(connection), distrusted);
            }
        }
    }

    fn put_back(&self, connection: Connection, distrusted: u64) {
        let mut idle = self.lock();
        if idle.distrusted != distrusted {
            return;
        }
        if let Some(kept) = idle.connections.as_mut().filter(|kept| kept.len() < self.keep) {
            kept.push(connection);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        // A panic cannot leave the list half changed, because it is only pushed to and popped from.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
