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

#[test]
fn a_request_body_may_hold_any_number_of_digests() {
    // Digests of which no two bytes are equal, so that a digit in the wrong place is seen.
    let digests: Vec<Digest> =
        (0..=130_u8).map(|number| Digest(std::array::from_fn(|at| number ^ (at as u8 * 7)))).collect();
    let packer = Packer::new("app", None);
    let mut body = Vec::new();
    for count in 0..=digests.len() {
        packer.pack(&digests[..count], &mut body);
        let texts: Vec<String> = digests[..count].iter().map(Digest::to_string).collect();
        let wanted = serde_json::json!({ "repositoryName": "app", "layerDigests": texts });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), wanted);
        assert_eq!(body.len(), packer.len(count));
    }
}
