//! One call over the wire: a request out in one write, the whole answer back, in one blocking exchange.
//!
//! What botocore's own HTTP session does in some 1,200 calls of the interpreter, for the one kind of
//! request that layercheck sends: `POST` with a short body, HTTP/1.1, connections kept and used again.
//! The caller's thread does the work; there is no other. `httparse` reads the head and `rustls` is
//! the TLS, verified against the same bundle of certificates that botocore would use. Proxies, client
//! certificates and connections without verification are not spoken here: for those the caller leaves
//! the sending to botocore.
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

/// Connections to one host, used by any number of threads, each by one at a time.
#[derive(Debug)]
pub struct Wire {
    host: String,
    port: u16,
    tls: Option<Tls>,
    limits: Limits,
    keep: usize,
    /// The last one used lies on top, so that those no longer needed grow old and are dropped. None once
    /// the wire is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Wire {
    /// No connection is made before the first exchange. `keep` is how many are kept for later; more may
    /// be open at once.
    #[must_use]
    pub fn new(host: &str, port: u16, tls: Option<Tls>, limits: Limits, keep: usize) -> Self {
        Self { host: host.to_owned(), port, tls, limits, keep, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Sends a request, which is a whole HTTP/1.1 request as [`Request`] writes it, and reads the answer.
    ///
    /// Nothing is sent twice: a connection that turns out to be closed is an error like any other, and
    /// asking again is the business of whoever called.
    ///
    /// # Errors
    /// The kind says how far it got.
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

    /// Closes the connections that are not in use; those in use are closed when their exchange ends, and
    /// none is kept any more.
    pub fn close(&self) {
        // Dropped outside the lock: closing a connection asks the system.
        let idle = self.lock().take();
        drop(idle);
    }

    /// How many connections are kept for later just now.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lock().as_ref().map_or(0, Vec::len)
    }

    /// A connection that the other side has not closed meanwhile.
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
        // Nothing in it can be half done: it is pushed to and popped from, no more.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
