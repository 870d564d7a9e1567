//! Reads a whole answer, within limits.

use std::time::Instant;

use httparse::{EMPTY_HEADER, Status};

use super::connection::Connection;
use super::error::{WireError, WireErrorKind};
use super::limits::Limits;

/// Most headers of one answer, more than any proxy adds.
const MAX_HEADERS: usize = 100;
/// Most bytes of one head. Python's `http.client` takes as much for a single line.
const MAX_HEAD: usize = 65_536;
/// Most informational answers (1xx) before the final answer.
const MAX_INFORMATIONAL: usize = 16;
/// Bytes of one read: an answer for a hundred layers, head included, has about 22 kB.
const READ: usize = 32 << 10;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status, 200 or above.
    pub status: u16,
    /// Names as they came, and values as text, in which bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body, without any framing.
    pub body: Vec<u8>,
}

/// How the end of a body is found (RFC 9112, section 6.3).
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

struct Head {
    response: Response,
    framing: Framing,
    keep_alive: bool,
}

/// Reads one answer; also returns whether the connection can be used for another exchange.
pub(super) fn read(
    connection: &mut Connection,
    limits: &Limits,
    deadline: Instant,
) -> Result<(Response, bool), WireError> {
    let mut informational = 0;
    let mut head = loop {
        let head = read_head(connection, deadline)?;
        // Informational answers (100 Continue, 103 Early Hints) come before the final answer.
        if head.response.status >= 200 {
            break head;
        }
        if head.response.status == 101 {
            return Err(WireErrorKind::Closed.because("the other side switched protocols"));
        }
        if head.response.status < 100 {
            return Err(WireErrorKind::Closed.because("the answer is not HTTP: a status below 100"));
        }
        informational += 1;
        if informational > MAX_INFORMATIONAL {
            return Err(WireErrorKind::Closed.because("too many informational answers"));
        }
    };
    let mut body = Body { connection, limits, deadline: deadline.min(Instant::now() + limits.body_deadline) };
    head.response.body = match head.framing {
        Framing::Length(length) => body.of_length(length)?,
        Framing::Chunked => body.chunked()?,
        Framing::UntilClose => body.until_close()?,
    };
    // Bytes behind the answer belong to no request.
    let clean = connection.buffer.is_empty();
    Ok((head.response, head.keep_alive && clean))
}

fn read_head(connection: &mut Connection, deadline: Instant) -> Result<Head, WireError> {
    loop {
        if !connection.buffer.is_empty()
            && let Some((head, length)) = parse_head(&connection.buffer)?
        {
            connection.buffer.drain(..length);
            return Ok(head);
        }
        if connection.buffer.len() > MAX_HEAD {
            return Err(WireErrorKind::Closed.because("the head of the answer does not end"));
        }
        check(deadline)?;
        let read = connection
            .read_some(READ)
            .map_err(|error| WireErrorKind::Closed.io(WireErrorKind::ReadTimeout, &error))?;
        if read == 0 {
            let reason = "the connection was closed before the head of the answer was there";
            return Err(WireErrorKind::Closed.because(reason));
        }
    }
}

/// Parses the head at the start of `bytes` and returns it with its length; None if the head is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, WireError> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(WireErrorKind::Closed.because(format!("the answer is not HTTP: {error}"))),
    };
    let status = parsed.code.unwrap_or_default();
    let headers: Vec<_> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let framing = framing(status, &headers)?;
    let asked = |word: &str| values(&headers, "connection").any(|value| value.eq_ignore_ascii_case(word));
    // HTTP/1.0 closes a connection unless a header says otherwise, HTTP/1.1 keeps it.
    let keep_alive = if parsed.version == Some(1) { !asked("close") } else { asked("keep-alive") };
    // An answer with two framings can be read in two ways, so its connection is closed (RFC 9112, section
    // 6.1).
    let framed_twice =
        matches!(framing, Framing::Chunked) && values(&headers, "content-length").next().is_some();
    let keep_alive = keep_alive && !framed_twice && !matches!(framing, Framing::UntilClose);
    let response = Response { status, headers, body: Vec::new() };
    Ok(Some((Head { response, framing, keep_alive }, length)))
}

fn framing(status: u16, headers: &[(String, String)]) -> Result<Framing, WireError> {
    if matches!(status, 100..200 | 204 | 304) {
        return Ok(Framing::Length(0));
    }
    if let Some(last) = values(headers, "transfer-encoding").last() {
        return Ok(if last.eq_ignore_ascii_case("chunked") { Framing::Chunked } else { Framing::UntilClose });
    }
    let mut lengths = values(headers, "content-length");
    let Some(length) = lengths.next() else {
        return Ok(Framing::UntilClose);
    };
    // Two lengths that differ are used to smuggle answers. Only digits, because `parse` accepts a sign.
    let digits = length.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = length.parse().ok().filter(|_| digits && lengths.all(|other| other == length));
    parsed
        .map(Framing::Length)
        .ok_or_else(|| WireErrorKind::Closed.because("the answer does not say how long it is"))
}

/// Returns the values of all headers of a name, one by one for comma-separated lists.
fn values<'a>(headers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let name = name.to_owned();
    headers
        .iter()
        .filter(move |(each, _)| each.eq_ignore_ascii_case(&name))
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
}

fn check(deadline: Instant) -> Result<(), WireError> {
    if Instant::now() < deadline {
        return Ok(());
    }
    Err(WireErrorKind::ReadTimeout.because("the answer took too long"))
}

struct Body<'a> {
    connection: &'a mut Connection,
    limits: &'a Limits,
    deadline: Instant,
}

impl Body<'_> {
    fn of_length(&mut self, length: usize) -> Result<Vec<u8>, WireError> {
        self.check_length(length)?;
        while self.connection.buffer.len() < length {
            let missing = length - self.connection.buffer.len();
            if self.more(missing)? == 0 {
                return Err(self.truncated());
            }
        }
        Ok(self.taken(length))
    }

    fn until_close(&mut self) -> Result<Vec<u8>, WireError> {
        while self.more(READ)? > 0 {
            self.check_length(self.connection.buffer.len())?;
        }
        Ok(std::mem::take(&mut self.connection.buffer))
    }

    fn chunked(&mut self) -> Result<Vec<u8>, WireError> {
        let mut body = Vec::new();
        loop {
            let length = self.chunk_length()?;
            if length == 0 {
                self.trailers()?;
                return Ok(body);
            }
            self.check_length(body.len().saturating_add(length))?;
            // The line end behind each chunk is two more bytes.
            let chunk = self.of_length(length)?;
            body.extend_from_slice(&chunk);
            let end = self.of_length(2)?;
            if end != b"\r\n" {
                return Err(
                    WireErrorKind::Truncated.because("a chunk of the body does not end where it says")
                );
            }
        }
    }

    fn chunk_length(&mut self) -> Result<usize, WireError> {
        loop {
            match httparse::parse_chunk_size(&self.connection.buffer) {
                Ok(Status::Complete((line, length))) => {
                    self.connection.buffer.drain(..line);
                    return Ok(usize::try_from(length).unwrap_or(usize::MAX));
                }
                Ok(Status::Partial) => self.another_line()?,
                Err(_) => {
                    return Err(WireErrorKind::Truncated.because("the length of a chunk is not a number"));
                }
            }
        }
    }

    /// Skips the headers after the last chunk.
    fn trailers(&mut self) -> Result<(), WireError> {
        loop {
            let mut headers = [EMPTY_HEADER; MAX_HEADERS];
            match httparse::parse_headers(&self.connection.buffer, &mut headers) {
                Ok(Status::Complete((length, _))) => {
                    self.connection.buffer.drain(..length);
                    return Ok(());
                }
                Ok(Status::Partial) => self.another_line()?,
                Err(error) => return Err(WireErrorKind::Truncated.because(error)),
            }
        }
    }

    fn another_line(&mut self) -> Result<(), WireError> {
        if self.connection.buffer.len() > MAX_HEAD {
            return Err(WireErrorKind::Truncated.because("a line between two chunks does not end"));
        }
        if self.more(READ)? == 0 { Err(self.truncated()) } else { Ok(()) }
    }

    fn more(&mut self, at_most: usize) -> Result<usize, WireError> {
        check(self.deadline)?;
        let read = self.connection.read_some(at_most.clamp(1, READ));
        read.map_err(|error| WireErrorKind::Truncated.io(WireErrorKind::ReadTimeout, &error))
    }

    /// Takes the first `length` bytes of the buffer.
    fn taken(&mut self, length: usize) -> Vec<u8> {
        let buffer = &mut self.connection.buffer;
        if buffer.len() == length {
            return std::mem::take(buffer);
        }
        buffer.drain(..length).collect()
    }

    fn check_length(&self, length: usize) -> Result<(), WireError> {
        if length <= self.limits.body_limit {
            return Ok(());
        }
        let reason = format!("the body of the answer is longer than {} bytes", self.limits.body_limit);
        Err(WireErrorKind::TooLong.because(reason))
    }

    fn truncated(&self) -> WireError {
        let have = self.connection.buffer.len();
        WireErrorKind::Truncated
            .because(format!("the connection was closed within the body ({have} bytes of it came last)"))
    }
}
