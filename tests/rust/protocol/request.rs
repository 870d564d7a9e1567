//! Digests to request bodies.

use layercheck::Digest;
use layercheck::protocol::request::Packer;

#[test]
fn a_request_body_is_the_json_that_the_service_expects() {
    let digests: Vec<Digest> = (0..100).map(|byte| Digest([byte; 32])).collect();
    let mut body = Vec::new();
    Packer::new("te\"am", Some("123456789012")).pack(&digests, &mut body);
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(value["registryId"], "123456789012");
    assert_eq!(value["repositoryName"], "te\"am");
    let texts: Vec<String> = digests.iter().map(Digest::to_string).collect();
    assert_eq!(value["layerDigests"], serde_json::Value::from(texts));
    Packer::new("app", None).pack(&digests[..1], &mut body);
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(value.get("registryId").is_none());
}
