//! The images of the endpoint, over real sockets and through its owner's methods.

use crate::local_ecr_wire;

use std::collections::HashSet;

use layercheck::local_ecr::key::{self, Key};
use layercheck::local_ecr::{
    Availability, Error, Fault, FaultKind, FaultSpec, Holding, ImageRule, ImageStatus, LocalEcr, Operation,
    Options, Push, Service, Throttle, ThrottleForm,
};
use local_ecr_wire::{Answer, Connection, authorization, digest, operation, request_with};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn server() -> LocalEcr {
    LocalEcr::start(Options { log_calls: 10, ..Options::default() }).unwrap()
}

fn call(server: &LocalEcr, name: &str, body: &Value) -> Answer {
    let mut connection = Connection::open(server);
    connection.send(&operation(Service::Private, name, &body.to_string())).unwrap();
    connection.receive().unwrap()
}

fn manifest(layers: &[usize]) -> String {
    let blob = |number: usize| json!({"digest": digest(number), "size": number});
    let layers: Vec<Value> = layers.iter().map(|&number| blob(number)).collect();
    json!({"config": blob(1), "layers": layers}).to_string()
}

fn push(manifest: &str) -> Push {
    Push { manifest: manifest.to_owned(), ..Push::default() }
}

fn hold(server: &LocalEcr, numbers: &[usize]) {
    let keys = numbers.iter().map(|&number| (key::parse(&digest(number)).unwrap(), Holding::default()));
    server.put("app", keys).unwrap();
}

fn hash(text: &str) -> Key {
    Sha256::digest(text).into()
}

/// Every digest of a listing, page by page.
fn listed(server: &LocalEcr, size: usize) -> Vec<String> {
    let mut body = json!({"repositoryName": "app", "maxResults": size});
    let mut found = Vec::new();
    loop {
        let page = call(server, "DescribeImages", &body).json();
        let details = page["imageDetails"].as_array().unwrap();
        assert!(details.len() <= size);
        found.extend(details.iter().map(|detail| detail["imageDigest"].as_str().unwrap().to_owned()));
        match &page["nextToken"] {
            Value::Null => return found,
            token => body["nextToken"] = token.clone(),
        }
    }
}

#[test]
fn an_image_is_put_listed_read_and_lost() {
    let server = server();
    hold(&server, &[1, 2, 3]);
    let text = manifest(&[2, 3]);
    let key = server.put_image("app", Push { tags: vec!["v1".into()], ..push(&text) }).unwrap();
    assert_eq!(key, hash(&text));
    assert_eq!(listed(&server, 10), [key::text(&key)]);
    let ids = json!({"repositoryName": "app", "imageIds": [{"imageTag": "v1"}]});
    let answer = call(&server, "BatchGetImage", &ids).json();
    assert_eq!(answer["images"][0]["imageManifest"], text);
    assert_eq!(answer["failures"], json!([]));
    assert!(server.pull_time("app", &key).unwrap().is_some());
    assert!(server.drop_digest("app", &key, false).unwrap());
    assert!(!server.drop_digest("app", &key, true).unwrap());
    assert_eq!(call(&server, "BatchGetImage", &ids).json()["failures"][0]["failureCode"], "ImageNotFound");
    assert_eq!((server.counters().manifests, server.counters().calls_of(Operation::BatchGetImage)), (1, 2));
}

#[test]
fn a_push_that_the_service_would_refuse_needs_force() {
    let server = server();
    hold(&server, &[1, 2]);
    let code = |push: Push| match server.put_image("app", push) {
        Err(Error::Refused(code, _)) => code.into_owned(),
        other => format!("{other:?}"),
    };
    let sha512 = json!({"config": {"digest": digest(1)}, "layers": [{"digest": format!("sha512:{}", "0".repeat(128))}]});
    for (refused, expected) in [
        (push(&manifest(&[2, 9])), "LayersNotFoundException"),
        (
            push(&json!({"manifests": [{"digest": digest(9)}]}).to_string()),
            "ReferencedImagesNotFoundException",
        ),
        (Push { digest: Some([0; 32]), ..push(&manifest(&[2])) }, "ImageDigestDoesNotMatchException"),
        (push("[]"), "InvalidParameterException"),
        (push(&manifest(&[])), "InvalidParameterException"),
        (push(&sha512.to_string()), "InvalidParameterException"),
        (Push { tags: vec!["/".into()], ..push(&manifest(&[2])) }, "InvalidParameterException"),
    ] {
        assert_eq!(code(refused.clone()), expected, "{refused:?}");
        if refused.tags.is_empty() {
            server.put_image("app", Push { force: true, ..refused }).unwrap();
        }
    }
    assert_eq!(listed(&server, 2).len(), 6);
    assert!(server.put_image("Bad Name", push("{}")).is_err());
}

#[test]
fn made_up_images_are_the_same_for_every_size_of_a_page() {
    let server = server();
    let rule = ImageRule { images: 120, layers: 3, broken: 7, indexes: 20, seed: 3, ..ImageRule::default() };
    server.set_image_rule("app", Some(rule)).unwrap();
    let all: Vec<String> = server.images("app").unwrap().iter().map(key::text).collect();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 120);
    for size in [1, 7, 120, 1000] {
        assert_eq!(listed(&server, size), all);
    }
    let broken = server.incomplete_images("app").unwrap();
    assert!((7..=14).contains(&broken.len()), "{}", broken.len());
    // Read in another order than listed, on a server that has hashed nothing yet.
    let fresh = self::server();
    fresh.set_image_rule("app", Some(rule)).unwrap();
    for digest in [&all[119], &all[40], &all[0]] {
        let ids = json!({"repositoryName": "app", "imageIds": [{"imageDigest": digest}]});
        let text = call(&fresh, "BatchGetImage", &ids).json()["images"][0]["imageManifest"].clone();
        assert_eq!(key::text(&hash(text.as_str().unwrap())), *digest);
    }
    fresh.set_image_rule("app", None).unwrap();
    assert_eq!(fresh.images("app").unwrap(), Vec::<Key>::new());
    assert!(server.set_image_rule("app", Some(ImageRule { images: 0, ..rule })).is_err());
}

#[test]
fn archiving_an_image_archives_the_layers_that_it_alone_needs() {
    let server = server();
    hold(&server, &[1, 2, 3]);
    let one = server.put_image("app", push(&manifest(&[2]))).unwrap();
    server.put_image("app", push(&manifest(&[3]))).unwrap();
    assert!(server.set_status("app", &one, ImageStatus::Archived, false).unwrap());
    let keys: Vec<Key> = (1..4).map(|number| key::parse(&digest(number)).unwrap()).collect();
    let (here, archived) = (Availability::Available, Availability::Archived);
    assert_eq!(server.availability("app", &keys).unwrap(), [here, archived, here]);
    assert_eq!(server.incomplete_images("app").unwrap(), Vec::<Key>::new());
    assert!(server.set_status("app", &one, ImageStatus::Active, false).unwrap());
    assert_eq!(server.availability("app", &keys).unwrap(), [here; 3]);
    assert!(!server.set_status("app", &[9; 32], ImageStatus::Active, false).unwrap());
}

#[test]
fn faults_and_throttles_are_by_operation() {
    let server = server();
    server.set_image_rule("app", Some(ImageRule { images: 4, ..ImageRule::default() })).unwrap();
    let deletion = Fault {
        operations: vec![Operation::BatchGetImage],
        last: Some(1),
        ..FaultSpec::ImageDeleted { share: 1.0 }.into()
    };
    server.set_faults(vec![deletion, FaultSpec::TokenLoop.into()]).unwrap();
    let body = json!({"repositoryName": "app", "maxResults": 4});
    let first = call(&server, "ListImages", &body).json();
    assert_eq!(first["imageIds"].as_array().unwrap().len(), 4);
    assert!(first["nextToken"].is_string());
    let ids = json!({"repositoryName": "app", "imageIds": [first["imageIds"][0]]});
    assert_eq!(call(&server, "BatchGetImage", &ids).json()["images"], json!([]));
    assert_eq!(server.images("app").unwrap().len(), 3);
    assert_eq!(server.counters().faults(FaultKind::ImageDeleted), 1);
    assert_eq!(server.counters().faults(FaultKind::TokenLoop), 1);
    let none = Throttle { rate: 0.0, burst: 1.0, form: ThrottleForm::default() };
    server.set_throttle(Some(&none), &[Operation::ListImages]).unwrap();
    assert_eq!(call(&server, "ListImages", &body).status, 200);
    assert_eq!(call(&server, "ListImages", &body).error().1, "ThrottlingException");
    assert_eq!(call(&server, "DescribeImages", &body).status, 200);
}

#[test]
fn sts_answers_in_xml_and_checks_the_scope_of_the_credentials() {
    let arn = Some("arn:aws:iam::123456789012:user/a&b".to_owned());
    let server = LocalEcr::start(Options { caller_arn: arn, ..Options::default() }).unwrap();
    let ask = |service| {
        let authorization = authorization(service, "us-east-1");
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("Authorization", authorization.as_str()),
        ];
        let form = "Action=GetCallerIdentity&Version=2011-06-15";
        let mut connection = Connection::open(&server);
        connection.send(&request_with("POST / HTTP/1.1", &headers, form)).unwrap();
        connection.receive().unwrap()
    };
    let answer = ask(Service::Sts);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml")));
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("<Arn>arn:aws:iam::123456789012:user/a&amp;b</Arn>"), "{text}");
    assert!(text.contains("<Account>123456789012</Account>"));
    assert_eq!(ask(Service::Private).error().1, "InvalidSignatureException");
}
