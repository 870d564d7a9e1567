//! Requests made like one that was signed elsewhere, here by the crate of the AWS SDK for Rust.

use std::time::{Duration, SystemTime};

use layercheck::http::Prepared;
use layercheck::http::sigv4::Signer;

const URL: &str = "http://127.0.0.1:8080/";
const HOST: &str = "127.0.0.1:8080";
const SECRET: &str = "not-a-secret-key";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn headers() -> Vec<(String, String)> {
    let pairs = [
        ("X-Amz-Target", "Service.Operation"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("User-Agent", "test"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn signed(body: &[u8], seconds: u64) -> Vec<(String, String)> {
    let signer = Signer {
        access_key: "AKIDEXAMPLE",
        secret_key: SECRET,
        token: Some("a token"),
        region: "eu-west-1",
        service: "ecr",
        time: at(seconds),
    };
    let mut all = headers();
    let added = signer.headers(URL, &all, body).expect("a request that can be signed");
    all.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let id = "0e2b5ad9-3c2f-4a5e-8c3a-0123456789ab".to_owned();
    all.extend([
        ("amz-sdk-invocation-id".to_owned(), id),
        ("amz-sdk-request".to_owned(), "attempt=1".to_owned()),
    ]);
    all
}

fn prepared(headers: &[(String, String)], body: &[u8]) -> Result<Prepared, &'static str> {
    Prepared::of("/", HOST, headers, body, SECRET)
}

#[test]
fn a_request_for_another_body_and_day_has_the_signature_that_the_sdk_makes_of_it() {
    let like = prepared(&signed(b"{}", 1_700_000_000), b"{}").expect("a request that can be made again");
    for seconds in [1_700_000_000, 1_700_000_001, 1_709_164_799, 1_709_164_800, 951_782_400, 4_102_444_799] {
        let (request, authorization) = like.request(b"another", at(seconds), [0xff; 16]).expect("a request");
        let mut expected = signed(b"another", seconds);
        expected.iter_mut().filter(|(name, _)| name == "amz-sdk-invocation-id").for_each(|(_, id)| {
            *id = "ffffffff-ffff-4fff-bfff-ffffffffffff".to_owned();
        });
        let lines: Vec<_> = expected.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = String::from_utf8(request).expect("text");
        let head =
            format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: identity\r\n{}", lines.concat());
        assert_eq!(request, format!("{head}Content-Length: 7\r\n\r\nanother"));
        assert!(request.contains(&authorization));
    }
}

#[test]
fn a_request_that_the_core_would_sign_in_another_way_is_refused() {
    let body = b"{}";
    let good = signed(body, 1_700_000_000);
    assert!(prepared(&good, body).is_ok());
    assert!(prepared(&good, b"{ }").is_err());
    assert!(Prepared::of("/", HOST, &good, body, "another key").is_err());
    assert!(Prepared::of("/", "127.0.0.1:8081", &good, body, SECRET).is_err());
    for target in ["", "x", "//", "/a//b", "/a b", "/%41", "/a?b", "/caf\u{e9}"] {
        assert!(Prepared::of(target, HOST, &good, body, SECRET).is_err(), "{target}");
    }
    for (name, value) in [
        ("Date", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"),
        ("user-agent", "twice"),
        ("amz-sdk-request", "attempt=1"),
    ] {
        let more = [good.clone(), vec![(name.to_owned(), value.to_owned())]].concat();
        assert!(prepared(&more, body).is_err(), "{name}");
    }
    for (name, value) in [
        ("amz-sdk-request", "attempt=2; max=3"),
        ("amz-sdk-request", "ttl=20231114T221320Z; attempt=1; max=3"),
        ("amz-sdk-invocation-id", "7"),
        ("authorization", "AWS4-ECDSA-P256-SHA256 Credential=x"),
        ("x-amz-date", "20231115T221320Z"),
        ("x-amz-target", "Service.AnotherOperation"),
    ] {
        let changed: Vec<_> = good
            .iter()
            .map(|(each, old)| {
                (each.clone(), if each.eq_ignore_ascii_case(name) { value.to_owned() } else { old.clone() })
            })
            .collect();
        assert!(prepared(&changed, body).is_err(), "{name}: {value}");
    }
    for missing in ["authorization", "x-amz-date", "x-amz-target"] {
        let fewer: Vec<_> =
            good.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(missing)).cloned().collect();
        assert!(prepared(&fewer, body).is_err(), "{missing}");
    }
}

#[test]
fn no_log_can_show_the_keys_of_prepared_requests() {
    let like = prepared(&signed(b"{}", 1_700_000_000), b"{}").expect("a request that can be made again");
    let shown = format!("{like:?}");
    assert!(shown.contains("eu-west-1"), "{shown}");
    assert!(![SECRET, "AKIDEXAMPLE", "a token"].iter().any(|secret| shown.contains(secret)), "{shown}");
}
