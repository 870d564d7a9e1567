//! Writes a request as the bytes of HTTP/1.1.

use super::error::{WireError, WireErrorKind};

/// The head of a `POST` request under construction.
#[derive(Clone, Debug)]
pub struct Request {
    head: Vec<u8>,
}

impl Request {
    /// Starts a request for `target`, the path and query of the URL, at `host`, which includes the port
    /// unless the scheme implies it.
    ///
    /// Neither is checked, because both come from a parsed URL, and the caller sends URLs that need escaping
    /// through botocore.
    #[must_use]
    pub fn post(target: &str, host: &str) -> Self {
        // Python's `http.client`, which botocore's session uses, sends the same `Accept-Encoding`.
        let head = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n");
        Self { head: head.into_bytes() }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`WireErrorKind::Request`] if the name or the value holds characters that would change the head: a
    /// line end would start another header.
    pub fn header(&mut self, name: &str, value: &str) -> Result<(), WireError> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(WireErrorKind::Request.because("the name of a header is not a token"));
        }
        if value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
            let reason = format!("the header {name} has a control character in its value");
            return Err(WireErrorKind::Request.because(reason));
        }
        for part in [name, ": ", value, "\r\n"] {
            self.head.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }

    /// Returns the whole request, for one write, because a separate head costs a packet and a wake-up.
    #[must_use]
    pub fn with_body(self, body: &[u8]) -> Vec<u8> {
        let Self { head: mut request } = self;
        request.reserve_exact(32 + body.len());
        request.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        request.extend_from_slice(body);
        request
    }
}
