//! Exchanges with servers that send exactly the bytes of a test.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use layercheck::http::sigv4::Signer;
use layercheck::http::{Limits, Request, Response, Wire, WireError, WireErrorKind};

/// The answers of a server on one connection, one for each request; then it closes the connection.
type Script = Vec<Vec<u8>>;

/// Serves one connection after the other, and returns the requests that it reads.
fn serve(scripts: Vec<Script>) -> (u16, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (heard, hear) = mpsc::channel();
    thread::spawn(move || {
        for script in scripts {
            let (mut connection, _) = listener.accept().expect("a connection");
            for reply in script {
                heard.send(read_request(&mut connection)).expect("a test that listens");
                connection.write_all(&reply).expect("a client that reads");
            }
            let _ = connection.shutdown(Shutdown::Both);
        }
    });
    (port, hear)
}

fn read_request(connection: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    loop {
        let read = connection.read(&mut block).expect("a request");
        assert!(read > 0, "the client closed the connection within its request");
        request.extend_from_slice(&block[..read]);
        if request.ends_with(b"the end") {
            return request;
        }
    }
}

fn wire(port: u16) -> Wire {
    Wire::new("127.0.0.1", port, None, Limits::default(), 4)
}

fn ask(wire: &Wire) -> Result<Response, WireError> {
    wire.exchange(&Request::post("/", "127.0.0.1").with_body(b"until the end"))
}

/// Gets one answer on one connection.
fn answered(reply: &[u8]) -> Result<Response, WireError> {
    ask(&wire(serve(vec![vec![reply.to_vec()]]).0))
}

fn body_of(reply: &[u8]) -> Vec<u8> {
    answered(reply).expect("an answer").body
}

fn kind_of(reply: &[u8]) -> WireErrorKind {
    answered(reply).expect_err("no answer").kind
}

#[test]
fn a_request_is_written_whole_and_an_answer_read_whole() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Amzn-RequestId: r-1\r\n\r\ntrue".to_vec();
    let (port, heard) = serve(vec![vec![reply]]);
    let mut request = Request::post("/path?query", "host:81");
    request.header("X-Amz-Target", "a.b").expect("a header");
    let response = wire(port).exchange(&request.with_body(b"the end")).expect("an answer");
    assert_eq!((response.status, response.body.as_slice()), (200, b"true".as_slice()));
    assert!(response.headers.contains(&("X-Amzn-RequestId".to_owned(), "r-1".to_owned())));
    let request = "POST /path?query HTTP/1.1\r\nHost: host:81\r\nAccept-Encoding: identity\r\n\
                   X-Amz-Target: a.b\r\nContent-Length: 7\r\n\r\nthe end";
    assert_eq!(String::from_utf8(heard.recv().expect("a request")).expect("text"), request);
}

#[test]
fn bodies_end_where_their_framing_says() {
    let cases: [(&str, &[u8]); 9] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        ("HTTP/1.1 200 OK\r\ncontent-LENGTH: 2, 2\r\n\r\nok", b"ok"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil it closes", b"until it closes"),
        ("HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        ("HTTP/1.1 204 No\r\n\r\n", b""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            b"abcde",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: t\r\n\r\n", b"a"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 99\r\n\r\n1\r\na\r\n0\r\n\r\n",
            b"a",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
            b"1",
        ),
    ];
    for (reply, body) in cases {
        assert_eq!(body_of(reply.as_bytes()), body, "{reply}");
    }
}

#[test]
fn a_cut_or_malformed_answer_says_where_it_failed() {
    use WireErrorKind::{Closed, TooLong, Truncated};
    let cases: [(&str, WireErrorKind); 15] = [
        ("", Closed),
        ("HTTP/1.1 200 OK\r\nContent-Le", Closed),
        ("<html>not HTTP at all</html>\r\n\r\n", Closed),
        ("HTTP/1.1 099 No status\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Closed),
        ("HTTP/1.1 101 Switching\r\n\r\n", Closed),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Closed),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n1", Closed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12", Closed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", Closed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Truncated),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", TooLong),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", TooLong),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Truncated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", Truncated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Truncated),
    ];
    for (reply, kind) in cases {
        assert_eq!(kind_of(reply.as_bytes()), kind, "{reply}");
    }
}

#[test]
fn a_body_without_end_is_left_at_the_limit() {
    let limits = Limits { body_limit: 1000, ..Limits::default() };
    let mut reply = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    reply.resize(40_000, b'x');
    let (port, _heard) = serve(vec![vec![reply]]);
    let failed = ask(&Wire::new("127.0.0.1", port, None, limits, 4)).expect_err("no answer");
    assert_eq!(failed.kind, WireErrorKind::TooLong);
    assert_eq!(failed.reason, "the body of the answer is longer than 1000 bytes");
}

#[test]
fn a_head_without_end_is_left_at_the_limit() {
    let mut reply = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    reply.resize(200_000, b'x');
    assert_eq!(kind_of(&reply), WireErrorKind::Closed);
}

#[test]
fn a_connection_is_used_again_until_one_side_closes_it() {
    let kept = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1".to_vec();
    let last = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Close\r\n\r\n2".to_vec();
    let old = b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n3".to_vec();
    let more = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n4 and bytes that answer no request".to_vec();
    // Each connection is closed after its script, so a pool that kept a connection too long would get no
    // answer.
    let (port, heard) = serve(vec![
        vec![kept.clone(), kept.clone(), last],
        vec![old],
        vec![more],
        vec![kept.clone()],
        vec![kept],
    ]);
    let wire = wire(port);
    let bodies: Vec<_> = (0..6).map(|_| ask(&wire).expect("an answer").body).collect();
    assert_eq!(bodies, [b"1", b"1", b"2", b"3", b"4", b"1"]);
    assert_eq!(heard.iter().take(6).count(), 6);
    assert_eq!(wire.idle(), 1);
    wire.close();
    assert_eq!(wire.idle(), 0);
    ask(&wire).expect("an answer, and then nothing is kept");
    assert_eq!(wire.idle(), 0);
}

#[test]
fn a_connection_closed_while_idle_is_not_used() {
    let kept = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1".to_vec();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let wire = wire(listener.local_addr().expect("an address").port());
    let (close, closing) = mpsc::channel::<()>();
    let (closed, see) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let (mut first, _) = listener.accept().expect("a connection");
        read_request(&mut first);
        first.write_all(&kept).expect("a client");
        closing.recv().expect("a test");
        drop(first);
        closed.send(()).expect("a test");
        let (mut second, _) = listener.accept().expect("another connection");
        read_request(&mut second);
        second.write_all(&kept).expect("a client");
    });
    ask(&wire).expect("an answer");
    assert_eq!(wire.idle(), 1);
    close.send(()).expect("a server");
    see.recv().expect("a server");
    ask(&wire).expect("an answer on a connection of its own");
    server.join().expect("a server that had two connections");
}

#[test]
fn silence_ends_at_the_time_out_and_drops_at_the_deadline() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let limits = Limits { read_timeout: Duration::from_millis(30), ..Limits::default() };
    // The system accepts the connection, and no answer ever comes.
    let silent = ask(&Wire::new("127.0.0.1", port, None, limits, 1)).expect_err("no answer");
    assert_eq!(silent.kind, WireErrorKind::ReadTimeout);
    drop(listener);

    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a connection");
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").expect("a client");
        // Until the client closes the connection.
        while connection.write_all(b"x").is_ok() {}
    });
    let limits = Limits { body_deadline: Duration::from_millis(30), ..Limits::default() };
    let drip = ask(&Wire::new("127.0.0.1", port, None, limits, 1)).expect_err("no answer");
    assert_eq!(drip.kind, WireErrorKind::ReadTimeout);
}

#[test]
fn a_port_without_a_server_is_a_connect_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    assert_eq!(ask(&wire(port)).expect_err("no answer").kind, WireErrorKind::Connect);
}

#[test]
fn informational_answers_are_bounded() {
    let mut reply = b"HTTP/1.1 102 Wait\r\n\r\n".repeat(16);
    reply.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    assert_eq!(body_of(&reply), b"1");
    let flood = b"HTTP/1.1 102 Wait\r\n\r\n".repeat(17);
    assert_eq!(kind_of(&flood), WireErrorKind::Closed);
}

#[test]
fn a_connection_whose_answer_was_framed_twice_is_not_used_again() {
    let twice =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let (port, _heard) = serve(vec![vec![twice.to_vec()]]);
    let wire = wire(port);
    assert_eq!(ask(&wire).expect("an answer").body, b"a");
    assert_eq!(wire.idle(), 0);
}

#[test]
fn a_header_cannot_start_another() {
    let mut request = Request::post("/", "host");
    for (name, value) in
        [("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "\0"), ("X Y", "a"), ("", "a"), ("X:", "a")]
    {
        let refused = request.header(name, value).expect_err("a refusal");
        assert_eq!(refused.kind, WireErrorKind::Request, "{name}: {value}");
    }
    request.header("X", "tabs\tand \u{e9} are fine").expect("a header");
}

#[test]
fn a_signature_covers_target_body_and_token_and_tells_no_secret() {
    let signer = Signer {
        access_key: "AKIDEXAMPLE",
        secret_key: "secret",
        token: Some("token"),
        region: "eu-west-1",
        service: "ecr",
        time: SystemTime::UNIX_EPOCH,
    };
    let headers = [("X-Amz-Target".to_owned(), "a.b".to_owned())];
    let sign = |body: &[u8]| signer.headers("https://host/", &headers, body).expect("a signature");
    let added = sign(b"one");
    let names: Vec<_> = added.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["x-amz-date", "authorization", "x-amz-security-token"]);
    let authorization = &added[1].1;
    assert!(
        authorization.contains("Credential=AKIDEXAMPLE/19700101/eu-west-1/ecr/aws4_request"),
        "{authorization}"
    );
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target"));
    assert_ne!(added, sign(b"two"));
    assert!(!format!("{signer:?}").contains("secret") && !format!("{signer:?}").contains("token"));
}
