//! The stream under a connection, plain or TLS. On request it ends with RST in place of FIN.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::local_ecr::response::AfterResponse;

/// A stream in both directions over a TCP connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A stream, and whether it ends with RST.
pub(crate) struct Socket<S: Stream> {
    io: TokioIo<S>,
    reset: Arc<AtomicBool>,
}

impl<S: Stream> Socket<S> {
    /// If `reset` is set when the socket is dropped, the client receives RST.
    pub(crate) fn new(stream: S, reset: Arc<AtomicBool>) -> Self {
        Self { io: TokioIo::new(stream), reset }
    }

    /// The stream, for raw responses.
    pub(crate) fn stream(&mut self) -> &mut S {
        self.io.inner_mut()
    }

    /// Does what follows a raw response; returns whether the connection stays open.
    pub(crate) async fn finish(&mut self, after: AfterResponse) -> bool {
        match after {
            AfterResponse::Keep => return true,
            AfterResponse::Close => {
                let _ = self.stream().shutdown().await;
            }
            AfterResponse::CloseIdle(wait) => {
                let asked = timeout(wait, self.stream().tcp().readable()).await;
                // A client that closes also makes the stream readable; the next read then returns the end.
                if asked.is_ok() {
                    return true;
                }
                let _ = self.stream().shutdown().await;
            }
            AfterResponse::Drop => {}
            AfterResponse::Reset => self.reset.store(true, Relaxed),
        }
        false
    }
}

impl<S: Stream> Drop for Socket<S> {
    fn drop(&mut self) {
        if self.reset.load(Relaxed) {
            // The only portable way to send RST is to close with a linger time of zero.
            let _ = self.io.inner().tcp().set_zero_linger();
        }
    }
}

impl<S: Stream> Read for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<S: Stream> Write for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }
}
