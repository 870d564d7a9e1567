//! An HTTP/1.1 client over a socket, which sees every byte that the endpoint sends.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use layercheck::local_ecr::{LocalEcr, Service};
use serde_json::{Value, json};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Status and error code.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["__type"].as_str().expect("an error has a type").to_owned())
    }

    /// Digest and availability of each layer, in order.
    pub(crate) fn layers(&self) -> Vec<(String, String)> {
        pairs(&self.json()["layers"], "layerAvailability")
    }

    /// Digest and code of each failure, in order.
    pub(crate) fn failures(&self) -> Vec<(String, String)> {
        pairs(&self.json()["failures"], "failureCode")
    }
}

fn pairs(list: &Value, second: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let list = list.as_array().expect("a list");
    list.iter().map(|item| (text(&item["layerDigest"]), text(&item[second]))).collect()
}

pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(server: &LocalEcr) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server listens");
        // So that a broken server fails the test instead of blocking it.
        stream.set_read_timeout(Some(std::time::Duration::from_mins(1))).expect("a time-out can be set");
        Self(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Reads one response; an early end of the body is an error of kind `UnexpectedEof`.
    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut answer = self.receive_head()?;
        let length = answer.header("content-length").expect("a length").parse().expect("a number");
        answer.body = vec![0; length];
        self.0.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    pub(crate) fn receive_head(&mut self) -> io::Result<Answer> {
        let mut line = || -> io::Result<String> {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(line.trim_end().to_owned())
        };
        let status = line()?.split(' ').nth(1).expect("a status").parse().expect("a number");
        let mut headers = Vec::new();
        loop {
            let line = line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(Answer { status, headers, body: Vec::new() })
    }

    /// The next chunk of a chunked body; `None` after the last.
    pub(crate) fn receive_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).expect("a size in hexadecimal");
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk)?;
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(size);
        Ok((size > 0).then_some(chunk))
    }

    pub(crate) fn read_some(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }

    pub(crate) fn ask(&mut self, service: Service, body: &str) -> io::Result<Answer> {
        self.send(&request(service, body))?;
        self.receive()
    }
}

pub(crate) fn authorization(service: Service, region: &str) -> String {
    let scope = format!("AKID/20260101/{region}/{}/aws4_request", service.name());
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00")
}

pub(crate) fn request(service: Service, body: &str) -> Vec<u8> {
    operation(service, "BatchCheckLayerAvailability", body)
}

pub(crate) fn operation(service: Service, name: &str, body: &str) -> Vec<u8> {
    let target = format!("{}.{name}", service.target_prefix());
    let authorization = authorization(service, "us-east-1");
    request_with(
        "POST / HTTP/1.1",
        &[
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", authorization.as_str()),
            ("User-Agent", "wire-test"),
        ],
        body,
    )
}

pub(crate) fn request_with(line: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{line}\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
    for &(name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    format!("{text}\r\n{body}").into_bytes()
}

pub(crate) fn body(digests: &[String]) -> String {
    json!({"repositoryName": "app", "layerDigests": digests}).to_string()
}

/// One call for `digests` in `app`, on a connection of its own.
pub(crate) fn ask(server: &LocalEcr, digests: &[String]) -> io::Result<Answer> {
    Connection::open(server).ask(Service::Private, &body(digests))
}

pub(crate) fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}

pub(crate) fn digests(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(digest).collect()
}
