//! The endpoint without faults, over real sockets.

use crate::local_ecr_wire;

use std::sync::Arc;

use layercheck::local_ecr::{
    Availability, Holding, LocalEcr, Options, Rule, Service, Throttle, ThrottleForm, key,
};
use local_ecr_wire::{Connection, ask, authorization, body, digest, digests, request, request_with};
use serde_json::json;

fn server() -> LocalEcr {
    let server = LocalEcr::start(Options { log_calls: 10, ..Options::default() }).unwrap();
    server.put("app", [(key::parse(&digest(1)).unwrap(), Holding::default())]).unwrap();
    server
}

fn holding(availability: Availability) -> Holding {
    Holding { availability, size: Some(u64::MAX), media_type: Some(Arc::from("text/\"plain\"")) }
}

#[test]
fn both_services_answer_each_digest_as_held_or_not() {
    let server = server();
    for service in [Service::Private, Service::Public] {
        let answer = Connection::open(&server).ask(service, &body(&digests(0..2))).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
        assert_eq!(
            answer.json(),
            json!({
                "layers": [
                    {"layerDigest": digest(0), "layerAvailability": "UNAVAILABLE"},
                    {
                        "layerDigest": digest(1),
                        "layerAvailability": "AVAILABLE",
                        "layerSize": 1,
                        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    },
                ],
                "failures": [],
            })
        );
    }
}

#[test]
fn only_private_registries_have_archived() {
    let server = server();
    server.put("app", [(key::parse(&digest(5)).unwrap(), holding(Availability::Archived))]).unwrap();
    let said = |service| Connection::open(&server).ask(service, &body(&[digest(5)])).unwrap().json();
    let layer = &said(Service::Private)["layers"][0];
    assert_eq!(layer["layerAvailability"], "ARCHIVED");
    assert_eq!(layer["layerSize"], u64::MAX);
    assert_eq!(layer["mediaType"], "text/\"plain\"");
    assert_eq!(
        said(Service::Public)["layers"],
        json!([{"layerDigest": digest(5), "layerAvailability": "UNAVAILABLE"}])
    );
    assert_eq!(server.counters().archived, 1);
}

#[test]
fn ill_formed_digests_fail_one_by_one() {
    let server = server();
    let bad =
        [String::new(), "nonsense".into(), digest(1).replace("sha256", "sha512"), "\"\\\n\u{e9}".into()];
    let answer = ask(&server, &bad).unwrap();
    let codes: Vec<_> = answer.failures().into_iter().collect();
    assert_eq!(codes[0], (bad[0].clone(), "MissingLayerDigest".into()));
    for (failure, digest) in codes.iter().zip(&bad).skip(1) {
        assert_eq!(*failure, (digest.clone(), "InvalidLayerDigest".to_owned()));
    }
    assert_eq!(answer.json()["layers"], json!([]));
}

#[test]
fn absent_digests_are_failures_on_request() {
    let server = LocalEcr::start(Options { absent_as_failure: true, ..Options::default() }).unwrap();
    server.put("app", []).unwrap();
    let answer = ask(&server, &[digest(1)]).unwrap();
    assert_eq!(answer.failures(), [(digest(1), "MissingLayerDigest".to_owned())]);
}

#[test]
fn whole_calls_are_refused_with_the_codes_of_the_service() {
    let server = server();
    let one = digest(1);
    let rows = [
        (body(&digests(0..101)), "InvalidParameterException"),
        (body(&[]), "InvalidParameterException"),
        (body(&["x".repeat(1001)]), "InvalidParameterException"),
        (json!({"repositoryName": "App", "layerDigests": [one]}).to_string(), "InvalidParameterException"),
        (
            json!({"registryId": "12345", "repositoryName": "app", "layerDigests": [one]}).to_string(),
            "InvalidParameterException",
        ),
        (
            json!({"registryId": "210987654321", "repositoryName": "app", "layerDigests": [one]}).to_string(),
            "RepositoryNotFoundException",
        ),
        (
            json!({"repositoryName": "other", "layerDigests": [one]}).to_string(),
            "RepositoryNotFoundException",
        ),
        ("{\"repositoryName\"".into(), "SerializationException"),
        ("[]".into(), "SerializationException"),
    ];
    let mut connection = Connection::open(&server);
    for (body, code) in &rows {
        let answer = connection.ask(Service::Private, body).unwrap();
        assert_eq!(answer.error(), (400, (*code).to_owned()), "{body}");
    }
    // All on one connection, which still works.
    assert_eq!(connection.ask(Service::Private, &body(&digests(0..100))).unwrap().layers().len(), 100);
    assert_eq!(server.counters().connections, 1);
    assert_eq!(server.counters().refused, rows.len() as u64);
}

#[test]
fn a_repository_that_does_not_exist_is_named_with_its_registry() {
    let answer = Connection::open(&server())
        .ask(Service::Private, &json!({"repositoryName": "other", "layerDigests": ["x"]}).to_string())
        .unwrap();
    assert_eq!(
        answer.json()["message"],
        "The repository with name 'other' does not exist in the registry with id '123456789012'"
    );
}

#[test]
fn public_registries_have_aliases_and_an_error_of_their_own() {
    let server =
        LocalEcr::start(Options { registry_alias: Some("mine".into()), ..Options::default() }).unwrap();
    server.put("app", []).unwrap();
    let ask = |id: &str| {
        let body =
            json!({"registryId": id, "repositoryName": "app", "layerDigests": [digest(1)]}).to_string();
        Connection::open(&server).ask(Service::Public, &body).unwrap()
    };
    assert_eq!(ask("mine").layers().len(), 1);
    assert_eq!(ask("123456789012").layers().len(), 1);
    assert_eq!(ask("theirs").error(), (400, "RegistryNotFoundException".into()));
}

#[test]
fn requests_that_are_not_calls_have_the_error_of_the_protocol() {
    let server = server();
    let good = authorization(Service::Private, "us-east-1");
    let ask = |line: &str, target: &str, content_type: &str, authorization: Option<&str>| {
        let mut headers = vec![("X-Amz-Target", target), ("Content-Type", content_type)];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        let mut connection = Connection::open(&server);
        connection.send(&request_with(line, &headers, &body(&[digest(1)]))).unwrap();
        connection.receive().unwrap().error()
    };
    let post = "POST / HTTP/1.1";
    let target = "AmazonEC2ContainerRegistry_V20150921.BatchCheckLayerAvailability";
    let json = "application/x-amz-json-1.1";
    let wrong_region = authorization(Service::Private, "eu-west-1");
    let wrong_service = authorization(Service::Public, "us-east-1");
    let unknown = "UnknownOperationException";
    assert_eq!(
        ask(post, "AmazonEC2ContainerRegistry_V20150921.DeleteRepository", json, Some(&good)),
        (400, unknown.into())
    );
    let form = "application/x-www-form-urlencoded";
    assert_eq!(ask(post, target, form, Some(&good)), (404, unknown.into()));
    assert_eq!(ask("GET / HTTP/1.1", target, json, Some(&good)), (404, unknown.into()));
    assert_eq!(ask("POST /v2/ HTTP/1.1", target, json, Some(&good)), (404, unknown.into()));
    assert_eq!(ask(post, target, "text/xml", Some(&good)), (404, unknown.into()));
    assert_eq!(ask(post, target, json, None), (400, "MissingAuthenticationTokenException".into()));
    assert_eq!(ask(post, target, json, Some("Bearer x")), (400, "IncompleteSignatureException".into()));
    assert_eq!(ask(post, target, json, Some(&wrong_region)), (400, "InvalidSignatureException".into()));
    assert_eq!(ask(post, target, json, Some(&wrong_service)), (400, "InvalidSignatureException".into()));
    assert_eq!(server.counters().calls, 0);
}

#[test]
fn bodies_beyond_25_mebibytes_are_refused_with_or_without_a_length() {
    let server = server();
    let mut connection = Connection::open(&server);
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 26214401\r\n\r\n").unwrap();
    assert_eq!(connection.receive().unwrap().status, 413);

    let mut connection = Connection::open(&server);
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    // The server may answer and close before the test has sent everything.
    for _ in 0..401 {
        if connection.send(&chunk).is_err() {
            break;
        }
    }
    // If it closed early, the answer may be lost. The server must still answer the next call.
    if let Ok(answer) = connection.receive() {
        assert_eq!(answer.status, 413);
    }
    assert_eq!(ask(&server, &[digest(1)]).unwrap().layers().len(), 1);
}

#[test]
fn bytes_that_are_not_http_do_not_stop_the_server() {
    let server = server();
    for noise in [b"\x16\x03\x01\x02\x00".as_slice(), b"\r\n\r\n", &[0xff; 5000], b"GET"] {
        Connection::open(&server).send(noise).unwrap();
    }
    assert_eq!(ask(&server, &[digest(1)]).unwrap().layers().len(), 1);
}

#[test]
fn requests_sent_at_once_are_answered_in_order() {
    let server = server();
    let mut connection = Connection::open(&server);
    let both =
        [request(Service::Private, &body(&[digest(1)])), request(Service::Private, &body(&[digest(2)]))];
    connection.send(&both.concat()).unwrap();
    assert_eq!(connection.receive().unwrap().layers()[0].0, digest(1));
    assert_eq!(connection.receive().unwrap().layers()[0].0, digest(2));
}

#[test]
fn a_rule_answers_without_stored_digests() {
    let server = server();
    server.set_rule("ruled", Some(Rule::Even)).unwrap();
    let keys: Vec<_> = digests(0..100).iter().map(|text| key::parse(text).unwrap()).collect();
    let truth = server.availability("ruled", &keys).unwrap();
    let body = json!({"repositoryName": "ruled", "layerDigests": digests(0..100)}).to_string();
    let answer = Connection::open(&server).ask(Service::Private, &body).unwrap();
    for (number, ((_, said), truth)) in answer.layers().iter().zip(truth).enumerate() {
        assert_eq!(said, truth.word());
        assert_eq!(truth == Availability::Available, number % 2 == 0);
    }
}

#[test]
fn the_bucket_throttles_what_exceeds_the_burst() {
    let throttle = Throttle { rate: 0.0, burst: 3.0, form: ThrottleForm::default() };
    let server = LocalEcr::start(Options { throttle: Some(throttle), ..Options::default() }).unwrap();
    server.put("app", []).unwrap();
    let mut connection = Connection::open(&server);
    let mut statuses = || -> Vec<u16> {
        (0..5).map(|_| connection.ask(Service::Private, &body(&[digest(1)])).unwrap().status).collect()
    };
    assert_eq!(statuses(), [200, 200, 200, 400, 400]);
    assert_eq!(server.counters().throttled, 2);
    assert_eq!(
        ask(&server, &[digest(1)]).unwrap().json(),
        json!({"__type": "ThrottlingException", "message": "Rate exceeded"})
    );

    let mut bare = Throttle { rate: 0.0, burst: 1.0, form: ThrottleForm::default() };
    bare.form.code = None;
    bare.form.status = 429;
    server.set_throttle(Some(&bare), &[]).unwrap();
    assert_eq!(statuses(), [200, 429, 429, 429, 429]);
    server.set_throttle(None, &[]).unwrap();
    assert_eq!(statuses(), [200; 5]);
}

#[test]
fn counters_and_log_record_the_requests() {
    let server = server();
    for _ in 0..12 {
        ask(&server, &digests(0..3)).unwrap();
    }
    let counters = server.counters();
    assert_eq!((counters.calls, counters.requests, counters.connections), (12, 12, 12));
    assert_eq!((counters.digests, counters.available, counters.unavailable), (36, 12, 24));
    assert_eq!(counters.request_bytes, 12 * body(&digests(0..3)).len() as u64);

    let calls = server.calls();
    // The log keeps ten calls, so the first two are gone.
    assert_eq!(calls.iter().map(|call| call.number).collect::<Vec<_>>(), (3..=12).collect::<Vec<_>>());
    assert!(calls.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let call = &calls[0];
    assert_eq!((call.service, call.repository_name.as_str()), (Service::Private, "app"));
    assert_eq!(call.digests, digests(0..3));
    assert_eq!((call.outcome.as_str(), call.user_agent.as_deref()), ("answered", Some("wire-test")));
    server.reset();
    assert_eq!((server.counters().calls, server.calls().len()), (0, 0));
}

#[test]
fn closing_ends_open_connections_and_frees_the_port() {
    let server = server();
    let mut connection = Connection::open(&server);
    connection.ask(Service::Private, &body(&[digest(1)])).unwrap();
    server.close();
    server.close();
    assert!(server.is_closed());
    assert!(connection.ask(Service::Private, &body(&[digest(1)])).is_err());
    let options = Options { port: server.address().port(), ..Options::default() };
    LocalEcr::start(options).unwrap();
}

#[test]
fn invalid_options_are_refused_by_name() {
    let throttle = |rate, burst| Some(Throttle { rate, burst, form: ThrottleForm::default() });
    let rows = [
        ("account_id", Options { account_id: "12".into(), ..Options::default() }),
        ("registry_alias", Options { registry_alias: Some("x".into()), ..Options::default() }),
        ("latency", Options { latency_ms: -1.0, ..Options::default() }),
        ("throttle", Options { throttle: throttle(f64::NAN, 1.0), ..Options::default() }),
        ("throttle", Options { throttle: throttle(1.0, 0.0), ..Options::default() }),
    ];
    for (name, options) in rows {
        let error = LocalEcr::start(options).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(server().put("Not A Name", []).is_err());
    let too_much = Some(Rule::Fraction { fraction: 1.5, seed: 0 });
    assert!(server().set_rule("app", too_much).is_err());
}
