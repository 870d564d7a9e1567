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
mod request;
mod response;
pub mod sigv4;
pub mod tls;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use connection::Connection;
pub use error::{WireError, WireErrorKind};
pub use limits::Limits;
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
    /// The last connection used is on top, so that connections that are no longer needed grow old and are
    /// dropped. None once the pool is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Wire {
    /// Makes a pool, which connects on the first exchange. It keeps at most `keep` connections for later;
    /// more may be open at once.
    #[must_use]
    pub fn new(host: &str, port: u16, tls: Option<Tls>, limits: Limits, keep: usize) -> Self {
        Self { host: host.to_owned(), port, tls, limits, keep, idle: Mutex::new(Some(Vec::new())) }
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
        let mut connection = match self.take_idle() {
            Some(connection) => connection,
            None => Connection::open(&self.host, self.port, self.tls.as_ref(), &self.limits)?,
        };
        connection.send(request)?;
        let (response, reusable) = response::read(&mut connection, &self.limits, deadline)?;
        if reusable {
            self.put_back(connection);
        }
        Ok(response)
    }

    /// Closes the connections that are not in use. A connection in use is closed when its exchange ends.
    pub fn close(&self) {
        // Dropped outside the lock, because closing a connection is a system call.
        let idle = self.lock().take();
        drop(idle);
    }

    /// Returns the number of connections that are kept for later.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lock().as_ref().map_or(0, Vec::len)
    }

    /// Returns a kept connection that the other side has not closed meanwhile.
    fn take_idle(&self) -> Option<Connection> {
        loop {
            let mut connection = self.lock().as_mut()?.pop()?;
            if connection.is_fresh() {
                return Some(connection);
            }
        }
    }

    fn put_back(&self, connection: Connection) {
        if let Some(idle) = self.lock().as_mut().filter(|idle| idle.len() < self.keep) {
            idle.push(connection);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        // A panic cannot leave the list half changed, because it is only pushed to and popped from.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
