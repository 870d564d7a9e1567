//! Exchanges over TLS with servers that send exactly the records of a test.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use layercheck::http::tls::Tls;
use layercheck::http::{Limits, Request, Response, Wire, WireError, WireErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

type Server = StreamOwned<ServerConnection, TcpStream>;

/// Makes a server's configuration, and the client's trust in it. Removes its file `name` again.
fn certified(name: &str) -> (Arc<ServerConfig>, Tls) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &authority).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("a configuration");
    let bundle = std::env::temp_dir().join(format!("layercheck-{}-{name}.pem", std::process::id()));
    fs::write(&bundle, authority.pem()).expect("a file");
    let tls = Tls::trusting(&bundle, "localhost");
    fs::remove_file(&bundle).expect("the same file");
    (Arc::new(config), tls.expect("a bundle"))
}

/// Serves `connections` one after the other; calls `answer` until it finds no request.
fn serve(config: Arc<ServerConfig>, connections: usize, answer: fn(&mut Server) -> Option<()>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for _ in 0..connections {
            let (tcp, _) = listener.accept().expect("a connection");
            tcp.set_nodelay(true).expect("a socket");
            let session = ServerConnection::new(config.clone()).expect("a session");
            let mut server = StreamOwned::new(session, tcp);
            thread::spawn(move || while answer(&mut server).is_some() {});
        }
    });
    port
}

fn ask(wire: &Wire) -> Result<Response, WireError> {
    wire.exchange(&Request::post("/", "localhost").with_body(b"until the end"))
}

fn read_request(server: &mut Server) -> Option<()> {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    while !request.ends_with(b"the end") {
        match server.read(&mut block) {
            Ok(read) if read > 0 => request.extend_from_slice(&block[..read]),
            _ => return None,
        }
    }
    Some(())
}

#[test]
fn bytes_that_tls_holds_back_do_not_answer_the_next_request() {
    let (config, tls) = certified("behind");
    let port = serve(config, 3, |server| {
        read_request(server)?;
        // The body is longer than one read, and its last record holds an answer to no request.
        let body = vec![b'1'; 100_000];
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(&body);
        answer.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale");
        server.write_all(&answer).ok()?;
        server.flush().ok()
    });
    let wire = Wire::new("localhost", port, Some(tls), Limits::default(), 4);
    for _ in 0..3 {
        let body = ask(&wire).expect("an answer").body;
        assert_eq!((body.len(), body[0]), (100_000, b'1'));
    }
}

#[test]
fn a_handshake_that_drips_ends_at_the_time_out() {
    let (_, tls) = certified("drip");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (left, leave) = mpsc::channel();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("a connection");
        // A record of a handshake message that is longer than the bytes that follow.
        tcp.write_all(&[0x16, 3, 3, 0x40, 0, 2, 0, 0x30, 0]).expect("a client");
        let mut bytes = 0_u32;
        while bytes < 4_000 && tcp.write_all(&[0]).is_ok() {
            bytes += 1;
            thread::sleep(Duration::from_millis(2));
        }
        left.send(bytes).expect("a test");
    });
    let limits = Limits { connect_timeout: Duration::from_millis(100), ..Limits::default() };
    let late = ask(&Wire::new("localhost", port, Some(tls), limits, 1)).expect_err("no answer");
    assert_eq!(late.kind, WireErrorKind::ConnectTimeout);
    assert!(leave.recv().expect("a server") < 4_000, "the client left only when the server did");
}
