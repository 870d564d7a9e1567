//! One blocking connection: TCP with or without TLS, with time-outs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use socket2::{SockRef, TcpKeepalive};

use super::error::{WireError, WireErrorKind};
use super::limits::Limits;
use super::tls::Tls;
use crate::memory;

/// Idle time after which the system probes a connection, because load balancers drop connections that were
/// idle for some minutes without closing them.
const KEEPALIVE_AFTER: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// Bytes that were read and not used yet. Empty between two exchanges, and kept for its memory.
    pub(super) buffer: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects to the first address of the host that accepts a connection.
    pub(super) fn open(host: &str, port: u16, tls: Option<&Tls>, limits: &Limits) -> Result<Self, WireError> {
        let tcp = connect(host, port, limits.connect_timeout)?;
        let set_up = |tcp: &TcpStream, timeout| {
            tcp.set_nodelay(true)?;
            tcp.set_write_timeout(Some(timeout))?;
            tcp.set_read_timeout(Some(timeout))
        };
        let failed = |error: io::Error| WireErrorKind::Connect.because(error);
        set_up(&tcp, limits.connect_timeout).map_err(failed)?;
        if limits.keepalive {
            // The probes are optional, so a failure to enable them is ignored.
            let _ = SockRef::from(&tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER));
        }
        let stream = match tls {
            None => Stream::Plain(tcp),
            Some(tls) => Stream::Tls(Box::new(handshake(tcp, tls, limits.connect_timeout)?)),
        };
        let connection = Self { stream, buffer: Vec::new() };
        set_up(connection.tcp(), limits.read_timeout).map_err(failed)?;
        Ok(connection)
    }

    pub(super) fn send(&mut self, request: &[u8]) -> Result<(), WireError> {
        let sent = match &mut self.stream {
            Stream::Plain(tcp) => tcp.write_all(request),
            Stream::Tls(tls) => tls.write_all(request).and_then(|()| tls.flush()),
        };
        sent.map_err(|error| WireErrorKind::Closed.io(WireErrorKind::ReadTimeout, &error))
    }

    /// Reads once and appends to the buffer; returns zero at the end of the connection.
    pub(super) fn read_some(&mut self, at_most: usize) -> io::Result<usize> {
        let have = self.buffer.len();
        memory::reserve(&mut self.buffer, at_most).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.buffer.resize(have + at_most, 0);
        let read = loop {
            let read = match &mut self.stream {
                Stream::Plain(tcp) => tcp.read(&mut self.buffer[have..]),
                Stream::Tls(tls) => tls.read(&mut self.buffer[have..]),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // TLS that ends without a closing message. The reader of the answer sees whether bytes are
                // missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break Ok(0),
                other => break other,
            }
        };
        self.buffer.truncate(have + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Returns false if the other side has closed the connection, or has sent bytes without a request.
    pub(super) fn is_fresh(&mut self) -> bool {
        // Bytes that TLS has already read from the socket do not show on the socket.
        if let Stream::Tls(tls) = &mut self.stream {
            let state = tls.conn.process_new_packets();
            if !state.is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed()) {
                return false;
            }
        }
        let tcp = self.tcp();
        if tcp.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = tcp.peek(&mut [0]);
        let silent = matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        silent && tcp.set_nonblocking(false).is_ok()
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &tls.sock,
        }
    }
}

fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, WireError> {
    use WireErrorKind::{Connect, Descriptors};

    let addresses = (host, port).to_socket_addrs().map_err(|error| {
        // The system's look-up of a name does not say that it found no descriptor.
        let opened = File::open("/");
        let kind = if opened.is_err_and(|error| is_shortage(&error)) { Descriptors } else { Connect };
        kind.because(error)
    })?;
    let mut failure = Connect.because("the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(tcp) => return Ok(tcp),
            Err(error) if is_shortage(&error) => return Err(Descriptors.because(error)),
            Err(error) => failure = Connect.io(WireErrorKind::ConnectTimeout, &error),
        }
    }
    Err(failure)
}

/// Whether the process or the system may open no more files.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Completes the handshake, so that its errors are told apart from later errors.
fn handshake(
    tcp: TcpStream,
    tls: &Tls,
    timeout: Duration,
) -> Result<StreamOwned<ClientConnection, TcpStream>, WireError> {
    let session = ClientConnection::new(tls.config.clone(), tls.name.clone());
    let mut session = session.map_err(|error| WireErrorKind::Tls.because(error))?;
    let mut socket = DeadlineSocket { tcp: &tcp, deadline: Instant::now() + timeout };
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(&mut socket) {
            let by_tls =
                error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
            let kind = if by_tls { WireErrorKind::Tls } else { WireErrorKind::Closed };
            return Err(kind.io(WireErrorKind::ConnectTimeout, &error));
        }
    }
    Ok(StreamOwned::new(session, tcp))
}

/// A socket with a deadline, because the time-out of a socket starts again with every byte.
struct DeadlineSocket<'a> {
    tcp: &'a TcpStream,
    deadline: Instant,
}

impl Read for DeadlineSocket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.tcp.read(buffer)
    }
}

impl Write for DeadlineSocket<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.tcp.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}
