//! Faults over real sockets: each fault does what its kind describes, and is counted.

use crate::local_ecr_wire;

use std::collections::HashMap;
use std::io;

use layercheck::local_ecr::{
    Fault, FaultKind, FaultSpec, Holding, ImageRule, LocalEcr, Options, Push, Service, ThrottleForm, key,
};
use local_ecr_wire::{Answer, Connection, ask, body, digest, digests, operation, request};
use serde_json::json;

/// A server with these faults that holds digests 0 to 49.
fn server(faults: impl IntoIterator<Item = FaultSpec>) -> LocalEcr {
    scripted(faults.into_iter().map(Fault::from).collect(), 0)
}

fn scripted(faults: Vec<Fault>, seed: u64) -> LocalEcr {
    let server = LocalEcr::start(Options { faults, seed, log_calls: 100, ..Options::default() }).unwrap();
    let held = digests(0..50);
    server.put("app", held.iter().map(|text| (key::parse(text).unwrap(), Holding::default()))).unwrap();
    server
}

/// The answer for digests 0 to 99 without faults.
fn truth() -> Vec<(String, String)> {
    let word = |number| if number < 50 { "AVAILABLE" } else { "UNAVAILABLE" };
    (0..100).map(|number| (digest(number), word(number).to_owned())).collect()
}

fn answered_with(spec: FaultSpec) -> Answer {
    let kind = spec.kind();
    let server = server([spec]);
    let answer = ask(&server, &digests(0..100)).unwrap();
    assert_eq!(server.counters().faults(kind), 1, "{kind:?}");
    assert_eq!(server.calls()[0].faults, [kind.name()]);
    answer
}

#[test]
fn errors_in_place_of_answers_have_their_code_and_status() {
    let rows = [
        (FaultSpec::Throttle { form: None }, 400, "ThrottlingException"),
        (FaultSpec::ServerError, 500, "ServerException"),
        (FaultSpec::AccessDenied, 400, "AccessDeniedException"),
        (
            FaultSpec::Throttle { form: Some(form(Some("TooManyRequestsException"), 429)) },
            429,
            "TooManyRequestsException",
        ),
        (FaultSpec::ExpiredToken, 400, "ExpiredTokenException"),
        (FaultSpec::RepositoryDeleted, 400, "RepositoryNotFoundException"),
        (
            FaultSpec::Error { code: "Odd\"Code".into(), status: 418, message: "teapot".into() },
            418,
            "Odd\"Code",
        ),
        (FaultSpec::Poison { digests: [digest(99)].into() }, 400, "InvalidParameterException"),
    ];
    for (spec, status, code) in rows {
        assert_eq!(answered_with(spec).error(), (status, code.to_owned()));
    }
    for (spec, status) in [
        (FaultSpec::ServiceUnavailable, 503),
        (FaultSpec::Throttle { form: Some(form(None, 429)) }, 429),
        (FaultSpec::Empty, 200),
    ] {
        let answer = answered_with(spec);
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
    let answer = answered_with(FaultSpec::ErrorPage { status: 504 });
    assert_eq!((answer.status, answer.header("content-type")), (504, Some("text/html")));
    assert!(answer.body.starts_with(b"<html>"));
}

fn form(code: Option<&str>, status: u16) -> ThrottleForm {
    ThrottleForm { code: code.map(Into::into), status }
}

#[test]
fn a_key_expires_by_its_uses_and_another_does_not() {
    let server = server([FaultSpec::ExpiredKey { uses: 2, ms: 0.0 }]);
    let ask_as = |key: &str| {
        let request = String::from_utf8(request(Service::Private, &body(&[digest(1)]))).unwrap();
        let mut connection = Connection::open(&server);
        connection.send(request.replace("AKID/", &format!("{key}/")).as_bytes()).unwrap();
        connection.receive().unwrap().status
    };
    assert_eq!([ask_as("ONE"), ask_as("ONE"), ask_as("ONE"), ask_as("ONE")], [200, 200, 400, 400]);
    assert_eq!([ask_as("TWO"), ask_as("TWO"), ask_as("TWO")], [200, 200, 400]);
    assert_eq!(server.counters().faults(FaultKind::ExpiredKey), 3);
    assert_eq!(server.calls()[2].outcome, "ExpiredTokenException");
}

#[test]
fn poison_affects_only_calls_that_ask_for_it() {
    let server = server([FaultSpec::Poison { digests: [digest(7)].into() }]);
    assert_eq!(ask(&server, &digests(8..20)).unwrap().status, 200);
    assert_eq!(ask(&server, &digests(0..8)).unwrap().status, 400);
    assert_eq!(server.counters().faults(FaultKind::Poison), 1);
}

#[test]
fn pages_and_wrong_types_have_status_200() {
    let answer = answered_with(FaultSpec::Html);
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
    let answer = answered_with(FaultSpec::WrongTypes);
    assert_eq!(answer.status, 200);
    assert!(answer.json()["failures"].is_object());
}

#[test]
fn a_shuffled_answer_has_the_same_entries() {
    let mut layers = answered_with(FaultSpec::Shuffle).layers();
    assert_ne!(layers, truth());
    layers.sort();
    assert_eq!(layers, truth());
}

#[test]
fn omitted_digests_are_missing_and_the_rest_is_true() {
    let layers = answered_with(FaultSpec::Omit { share: 0.2 }).layers();
    assert_eq!(layers.len(), 80);
    assert!(layers.iter().all(|layer| truth().contains(layer)));
}

#[test]
fn repeated_entries_agree_and_contradicting_ones_do_not() {
    let counts = |layers: &[(String, String)]| {
        let mut words: HashMap<String, Vec<String>> = HashMap::new();
        for (digest, word) in layers {
            words.entry(digest.clone()).or_default().push(word.clone());
        }
        let twice: Vec<_> = words.into_values().filter(|words| words.len() == 2).collect();
        (twice.len(), twice.iter().filter(|words| words[0] == words[1]).count())
    };
    assert_eq!(counts(&answered_with(FaultSpec::Repeat { share: 0.3 }).layers()), (30, 30));
    assert_eq!(counts(&answered_with(FaultSpec::Contradict { share: 0.3 }).layers()), (30, 0));
}

#[test]
fn foreign_entries_are_outside_the_request() {
    let layers = answered_with(FaultSpec::Foreign { share: 0.1 }).layers();
    let foreign = layers.iter().filter(|layer| !truth().contains(layer));
    assert_eq!((layers.len(), foreign.count()), (110, 10));
}

#[test]
fn upper_case_changes_the_digits_alone() {
    // Digests with letters, because the digests of small numbers have few.
    let asked: Vec<_> =
        (0..10).map(|number| format!("sha256:{}", format!("{number}abcdef0").repeat(8))).collect();
    let server = server([FaultSpec::UpperCase { share: 1.0 }]);
    for ((said, _), asked) in ask(&server, &asked).unwrap().layers().iter().zip(&asked) {
        assert_eq!(*said, asked.to_uppercase().replace("SHA256", "sha256"));
    }
}

#[test]
fn unknown_words_replace_known_ones() {
    let layers = answered_with(FaultSpec::UnknownAvailability { share: 0.5, word: "MOVED".into() }).layers();
    assert_eq!(layers.iter().filter(|(_, word)| word == "MOVED").count(), 50);
    let answer = answered_with(FaultSpec::UnknownFailure { share: 0.5, word: "Moved".into() });
    assert_eq!(answer.failures().iter().filter(|(_, word)| word == "Moved").count(), 50);
    assert_eq!(answer.layers().len(), 50);
}

#[test]
fn faults_of_content_add_up() {
    let server = server([
        FaultSpec::Omit { share: 0.5 },
        FaultSpec::UnknownAvailability { share: 1.0, word: "X".into() },
    ]);
    let layers = ask(&server, &digests(0..100)).unwrap().layers();
    assert_eq!(layers.len(), 50);
    assert!(layers.iter().all(|(_, word)| word == "X"));
}

#[test]
fn truncated_json_is_a_complete_message() {
    let answer = answered_with(FaultSpec::Truncate);
    assert!(!answer.body.is_empty());
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
}

#[test]
fn each_way_of_closing_is_seen_by_the_client() {
    for (spec, expected) in [
        (FaultSpec::Disconnect, io::ErrorKind::UnexpectedEof),
        (FaultSpec::Reset, io::ErrorKind::ConnectionReset),
        (FaultSpec::Cut, io::ErrorKind::UnexpectedEof),
        (FaultSpec::ResetHead, io::ErrorKind::ConnectionReset),
        (FaultSpec::ResetBody, io::ErrorKind::ConnectionReset),
    ] {
        let kind = spec.kind();
        let server = server([spec]);
        let error = ask(&server, &digests(0..100)).err().expect("there is no whole answer");
        assert_eq!(error.kind(), expected, "{kind:?}");
        assert_eq!(server.counters().faults(kind), 1);
        server.set_faults(vec![]).unwrap();
        assert_eq!(ask(&server, &digests(0..100)).unwrap().layers(), truth());
    }
}

#[test]
fn a_slow_body_arrives_complete() {
    let started = std::time::Instant::now();
    let answer = answered_with(FaultSpec::Slow { bytes_per_ms: 200 });
    // At least as slow as the fault says; a busy machine may be slower.
    assert!(started.elapsed().as_millis() as usize >= answer.body.len() / 200 - 1);
    assert_eq!(answer.layers(), truth());
}

#[test]
fn a_padded_body_has_the_given_size_and_is_still_correct() {
    let answer = answered_with(FaultSpec::Padding { bytes: 5_000_001 });
    assert!(answer.body.len() > 5_000_001);
    assert_eq!(answer.json()["padding"].as_str().unwrap().len(), 5_000_001);
    assert_eq!(answer.layers(), truth());
}

#[test]
fn an_endless_body_ends_when_the_client_closes() {
    let server = server([FaultSpec::Endless]);
    let mut connection = Connection::open(&server);
    connection.send(&request(Service::Private, &body(&digests(0..10)))).unwrap();
    assert_eq!(connection.receive_head().unwrap().status, 200);
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0;
    while received < 20_000_000 {
        received += connection.read_some(&mut buffer).unwrap();
    }
    drop(connection);
    server.set_faults(vec![]).unwrap();
    assert_eq!(ask(&server, &digests(0..100)).unwrap().layers(), truth());
    // The server notices on its next write; further calls give it time to run.
    while server.in_flight() > 0 {
        ask(&server, &[digest(1)]).unwrap();
    }
    assert!(server.counters().response_bytes >= 20_000_000);
}

#[test]
fn latency_delays_one_answer_and_not_the_others() {
    let slow = Fault { last: Some(1), ..FaultSpec::Latency { ms: 200.0, jitter_ms: 50.0 }.into() };
    let server = scripted(vec![slow], 0);
    let started = std::time::Instant::now();
    let mut first = Connection::open(&server);
    first.send(&request(Service::Private, &body(&[digest(1)]))).unwrap();
    while server.counters().calls == 0 {
        std::thread::yield_now();
    }
    // Answered while the first call still waits, so both are in flight.
    ask(&server, &[digest(1)]).unwrap();
    first.receive().unwrap();
    assert!(started.elapsed().as_millis() >= 200);
    assert_eq!(server.counters().max_in_flight, 2);
}

#[test]
fn a_script_chooses_calls_and_the_seed_repeats_the_random_faults() {
    let faults = || {
        vec![
            Fault { first: 3, last: Some(4), ..FaultSpec::ExpiredToken.into() },
            Fault { probability: 0.3, ..FaultSpec::ServerError.into() },
            Fault { probability: 0.5, ..FaultSpec::Shuffle.into() },
        ]
    };
    let run = |seed| -> Vec<Vec<u8>> {
        let server = scripted(faults(), seed);
        let mut connection = Connection::open(&server);
        let asked = body(&digests(0..20));
        (0..40).map(|_| connection.ask(Service::Private, &asked).unwrap().body).collect()
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
    let expired = |body: &Vec<u8>| String::from_utf8_lossy(body).contains("ExpiredToken");
    let at: Vec<_> = (1..=40).filter(|&call| expired(&first[call - 1])).collect();
    assert_eq!(at, [3, 4]);
}

/// All bytes of one call's connection, up to its end, and how it ended.
fn transcript(spec: FaultSpec, digests: &[String]) -> (String, io::Result<()>) {
    let kind = spec.kind();
    let server = server([spec]);
    let mut connection = Connection::open(&server);
    connection.send(&request(Service::Private, &body(digests))).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let end = loop {
        match connection.read_some(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(server.counters().faults(kind), 1, "{kind:?}");
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn answers_ten_digests(json: &str) -> bool {
    let answer = Answer { status: 200, headers: Vec::new(), body: json.as_bytes().to_vec() };
    answer.layers() == truth()[..10]
}

#[test]
fn a_head_that_is_cut_has_no_end() {
    let (bytes, end) = transcript(FaultSpec::CutHead, &digests(0..10));
    assert!("HTTP/1.1 200 OK\r\ncontent-type: ".starts_with(&bytes[..bytes.len().min(10)]));
    assert!(!bytes.is_empty() && !bytes.contains("\r\n\r\n"));
    end.unwrap();
}

#[test]
fn an_unfinished_body_lacks_only_its_last_chunk() {
    let (bytes, end) = transcript(FaultSpec::Unfinished, &digests(0..10));
    let (head, body) = bytes.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"));
    let (size, chunk) = body.split_once("\r\n").unwrap();
    let json = chunk.strip_suffix("\r\n").unwrap();
    assert_eq!(usize::from_str_radix(size, 16).unwrap(), json.len());
    assert!(answers_ten_digests(json));
    end.unwrap();
}

#[test]
fn an_answer_in_http_1_0_ends_with_its_connection() {
    let (bytes, end) = transcript(FaultSpec::Http10, &digests(0..10));
    let (head, json) = bytes.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && !head.contains("content-length"));
    assert!(answers_ten_digests(json));
    end.unwrap();
}

#[test]
fn a_connection_closes_with_and_without_notice() {
    for (spec, announced) in [(FaultSpec::Close, true), (FaultSpec::IdleClose { ms: 0.0 }, false)] {
        let (bytes, end) = transcript(spec, &digests(0..10));
        let (head, json) = bytes.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.contains("connection: close"), announced);
        assert!(answers_ten_digests(json));
        end.unwrap();
    }
}

#[test]
fn a_connection_that_is_used_in_time_is_not_idle() {
    let server = server([FaultSpec::IdleClose { ms: 3_600_000.0 }]);
    let mut connection = Connection::open(&server);
    for _ in 0..5 {
        assert_eq!(connection.ask(Service::Private, &body(&digests(0..100))).unwrap().layers(), truth());
    }
    assert_eq!(server.counters().connections, 1);
}

#[test]
fn garbage_is_not_http() {
    let (bytes, end) = transcript(FaultSpec::Garbage, &digests(0..10));
    assert!(!bytes.is_empty() && !bytes.starts_with("HTTP"));
    end.unwrap();
}

#[test]
fn a_chunked_answer_has_more_than_one_chunk() {
    let server = server([FaultSpec::Chunked]);
    let mut connection = Connection::open(&server);
    connection.send(&request(Service::Private, &body(&digests(0..10)))).unwrap();
    let head = connection.receive_head().unwrap();
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    let (mut json, mut chunks) = (Vec::new(), 0);
    while let Some(chunk) = connection.receive_chunk().unwrap() {
        json.extend(chunk);
        chunks += 1;
    }
    assert!(chunks > 1);
    assert!(answers_ten_digests(std::str::from_utf8(&json).unwrap()));
}

#[test]
fn bytes_before_or_after_an_answer_leave_the_connection_usable() {
    let server = server([]);
    let mut connection = Connection::open(&server);
    let asked = body(&digests(0..100));
    for (spec, statuses) in [
        (FaultSpec::SlowHead { bytes_per_ms: 10 }, &[200][..]),
        (FaultSpec::Informational { status: 103 }, &[103, 200]),
        (FaultSpec::Twice { ms: 0.0 }, &[200, 200]),
    ] {
        server.set_faults(vec![spec.into()]).unwrap();
        connection.send(&request(Service::Private, &asked)).unwrap();
        for &status in statuses {
            let answer =
                if status == 103 { connection.receive_head() } else { connection.receive() }.unwrap();
            assert_eq!(answer.status, status);
            if status == 200 {
                assert_eq!(answer.layers(), truth());
            }
        }
    }
    server.set_faults(vec![]).unwrap();
    assert_eq!(connection.ask(Service::Private, &asked).unwrap().layers(), truth());
    assert_eq!(server.counters().connections, 1);
}

#[test]
fn every_kind_of_fault_takes_effect_and_is_counted_under_its_name() {
    let share = 0.5;
    let all = [
        FaultSpec::Latency { ms: 1.0, jitter_ms: 1.0 },
        FaultSpec::Throttle { form: None },
        FaultSpec::ServerError,
        FaultSpec::ServiceUnavailable,
        FaultSpec::ErrorPage { status: 502 },
        FaultSpec::AccessDenied,
        FaultSpec::ExpiredToken,
        FaultSpec::ExpiredKey { uses: 0, ms: 0.000_001 },
        FaultSpec::RepositoryDeleted,
        FaultSpec::Error { code: "X".into(), status: 400, message: String::new() },
        FaultSpec::Disconnect,
        FaultSpec::Reset,
        FaultSpec::Garbage,
        FaultSpec::Html,
        FaultSpec::Empty,
        FaultSpec::WrongTypes,
        FaultSpec::TokenExpired,
        FaultSpec::Poison { digests: [digest(1)].into() },
        FaultSpec::Shuffle,
        FaultSpec::Omit { share },
        FaultSpec::Repeat { share },
        FaultSpec::Contradict { share },
        FaultSpec::Foreign { share },
        FaultSpec::UpperCase { share },
        FaultSpec::UnknownAvailability { share, word: "X".into() },
        FaultSpec::UnknownFailure { share, word: "X".into() },
        FaultSpec::PageRepeat { share },
        FaultSpec::PageNull { share },
        FaultSpec::TokenLoop,
        FaultSpec::TokenEndless,
        FaultSpec::TagRepeat,
        FaultSpec::ImageDeleted { share: 0.01 },
        FaultSpec::FailureCode { share, code: "X".into() },
        FaultSpec::FailureWithoutDigest,
        FaultSpec::WrongManifest { share },
        FaultSpec::Converted { share },
        FaultSpec::BigAnswer { bytes: 10 },
        FaultSpec::Truncate,
        FaultSpec::Cut,
        FaultSpec::CutHead,
        FaultSpec::ResetHead,
        FaultSpec::ResetBody,
        FaultSpec::Unfinished,
        FaultSpec::Slow { bytes_per_ms: 1000 },
        FaultSpec::SlowHead { bytes_per_ms: 1000 },
        FaultSpec::Padding { bytes: 10 },
        FaultSpec::Endless,
        FaultSpec::Twice { ms: 0.0 },
        FaultSpec::Informational { status: 100 },
        FaultSpec::Chunked,
        FaultSpec::Http10,
        FaultSpec::Close,
        FaultSpec::IdleClose { ms: 1.0 },
    ];
    let kinds: Vec<_> = all.iter().map(FaultSpec::kind).collect();
    assert_eq!(kinds, FaultKind::ALL);
    let server = server([]);
    server.set_image_rule("app", Some(ImageRule::default())).unwrap();
    let two = Push { tags: vec!["one".into(), "two".into()], force: true, ..Push::default() };
    server.put_image("app", two).unwrap();
    let tags = (0..50).map(|number| format!("v{number}")).chain(["absent".into()]);
    let ids: Vec<_> = tags.map(|tag| json!({"imageTag": tag})).collect();
    let named = json!({"repositoryName": "app", "imageIds": ids});
    // A call for each kind of answer, the last with a token.
    let calls = [
        request(Service::Private, &body(&[digest(1)])),
        operation(Service::Private, "DescribeImages", r#"{"repositoryName":"app","maxResults":5}"#),
        operation(Service::Private, "BatchGetImage", &named.to_string()),
        operation(Service::Private, "ListImages", r#"{"repositoryName":"app","nextToken":"x"}"#),
    ];
    for spec in all {
        let kind = spec.kind();
        server.set_faults(vec![spec.into()]).unwrap();
        for asked in calls.iter().cycle().take(100) {
            if server.counters().faults(kind) > 0 {
                break;
            }
            let mut connection = Connection::open(&server);
            connection.send(asked).unwrap();
            // The server has decided when the first byte or the end arrives.
            let _ = connection.read_some(&mut [0]);
        }
        assert!(server.counters().faults(kind) > 0, "{kind:?}");
    }
}
