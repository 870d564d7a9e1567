//! HTTP/1.1 on one connection: keep-alive, bounded bodies, and closing by FIN or RST.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, header};
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::body::Body;
use super::in_flight::InFlight;
use super::socket::{Socket, Stream};
use crate::local_ecr::handler::{Received, handle};
use crate::local_ecr::response::{Payload, RawResponse, Reply, Response};
use crate::local_ecr::state::Shared;

/// Longest request body. A manifest of 4 MiB has at most 6 bytes of JSON for each of its own.
const MAX_BODY: usize = 25 << 20;
/// Time for a request's head, and again for its body. Long, so that a client can run in a debugger.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Serves one connection to its end. Every end is normal, because the client may close at any time.
pub(crate) async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Answers are written in one piece, so waiting for more bytes would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = tls else {
        return serve_stream(stream, shared).await;
    };
    // A client that does not trust the certificate ends the handshake.
    if let Ok(Ok(stream)) = timeout(READ_TIMEOUT, acceptor.accept(stream)).await {
        serve_stream(stream, shared).await;
    }
}

/// A raw response that is to be sent, and its call.
type PendingRaw = (RawResponse, Arc<InFlight>);

async fn serve_stream<S: Stream>(stream: S, shared: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let pending: Mutex<Option<PendingRaw>> = Mutex::new(None);
    let taken = || pending.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut socket = Socket::new(stream, Arc::clone(&reset));
    loop {
        let service = service_fn(|request| Box::pin(answer(request, &shared, &reset, &pending)));
        let mut http = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .serve_connection(socket, service);
        // Without shutdown, because a raw response may follow on the same connection.
        let served = poll_fn(|context| http.poll_without_shutdown(context)).await;
        socket = http.into_parts().io;
        let Some((raw, call)) = taken() else {
            if served.is_ok() {
                let _ = socket.stream().shutdown().await;
            }
            return;
        };
        let written = raw.write(socket.stream(), &call).await;
        drop(call);
        if written.is_err() || !socket.finish(raw.after).await {
            return;
        }
    }
}

/// The error that makes hyper close the connection without an answer.
#[derive(Debug)]
struct HangUp;

impl fmt::Display for HangUp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("closed on purpose")
    }
}

impl std::error::Error for HangUp {}

async fn answer(
    request: Request<Incoming>,
    shared: &Arc<Shared>,
    reset: &AtomicBool,
    pending: &Mutex<Option<PendingRaw>>,
) -> Result<hyper::Response<Body>, HangUp> {
    let (head, body) = request.into_parts();
    let call = InFlight::new(shared);
    let body = match timeout(READ_TIMEOUT, collect(body)).await {
        Ok(Ok(Some(body))) => body,
        Ok(Ok(None)) => return Ok(too_large(call)),
        Ok(Err(_)) | Err(_) => return Err(HangUp),
    };
    let Reply { delay, request_id, response } = handle(
        shared,
        Received { method: &head.method, path: head.uri.path(), headers: &head.headers, body },
    );
    if !delay.is_zero() {
        sleep(delay).await;
    }
    match response {
        Response::HangUp { reset: rude } => {
            reset.store(rude, Relaxed);
            Err(HangUp)
        }
        Response::Raw(raw) => {
            *pending.lock().unwrap_or_else(PoisonError::into_inner) = Some((raw, call));
            Err(HangUp)
        }
        Response::Answer { status, content_type, payload, close } => {
            let mut response = hyper::Response::builder()
                .status(status)
                .header(header::CONTENT_TYPE, content_type)
                .header("x-amzn-RequestId", request_id);
            if close {
                response = response.header(header::CONNECTION, "close");
            }
            response.body(Body::new(payload, call)).map_err(|_| HangUp)
        }
    }
}

/// The body; `None` if it is longer than `MAX_BODY`.
async fn collect(mut body: Incoming) -> Result<Option<Vec<u8>>, hyper::Error> {
    let expected = hyper::body::Body::size_hint(&body).lower();
    if expected > MAX_BODY as u64 {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(expected as usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > MAX_BODY {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes))
}

fn too_large(call: Arc<InFlight>) -> hyper::Response<Body> {
    let text = br#"{"__type":"RequestEntityTooLargeException","message":"Request body is too large"}"#;
    let mut response = hyper::Response::new(Body::new(Payload::Whole(Bytes::from_static(text)), call));
    *response.status_mut() = hyper::StatusCode::PAYLOAD_TOO_LARGE;
    let close = header::HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}
