//! The digest of a document: of its bytes, or for signed schema 1 of its payload.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use layercheck::manifest::{Kind, Manifest, digest_of, sha256, verify};
use serde_json::json;

const PAYLOAD: &str = "{\n   \"schemaVersion\": 1,\n   \"fsLayers\": [],\n   \"history\": []\n}";

/// Signs as libtrust does: the signatures stand before the last brace, and the header says what is left out.
fn signed(header: &str) -> String {
    let kept = PAYLOAD.strip_suffix("\n}").unwrap();
    let header = URL_SAFE_NO_PAD.encode(header);
    format!(
        "{kept},\n   \"signatures\": [\n      {{\"header\": {{\"alg\": \"ES256\"}}, \"signature\": \"x\",\
             \n       \"protected\": \"{header}\"}}\n   ]\n}}"
    )
}

fn header() -> String {
    json!({"formatLength": PAYLOAD.len() - 2, "formatTail": "Cn0", "time": "2016-01-01T00:00:00Z"})
        .to_string()
}

#[test]
fn a_document_is_verified_by_the_hash_of_its_bytes() {
    let document = b"{\"layers\": []}";
    assert!(verify(document, &sha256(document)));
    assert!(!verify(document, &sha256(b"{\"layers\":[]}")));
    assert_eq!(digest_of(document), sha256(document));
    // Whatever it is.
    assert!(verify(b"", &sha256(b"")));
}

#[test]
fn a_signed_schema_1_manifest_is_verified_by_its_payload() {
    let document = signed(&header());
    assert_eq!(Manifest::read(document.as_bytes(), None).unwrap().kind, Kind::Schema1);
    assert_eq!(digest_of(document.as_bytes()), sha256(PAYLOAD.as_bytes()));
    assert!(verify(document.as_bytes(), &sha256(PAYLOAD.as_bytes())));
    assert!(!verify(document.as_bytes(), &sha256(b"something else")));
    assert!(verify(PAYLOAD.as_bytes(), &sha256(PAYLOAD.as_bytes())));
}

#[test]
fn hostile_signatures_are_no_payload() {
    let long = format!("{{\"x\": \"{}\"}}", "y".repeat(5_000));
    let rows = [
        "",
        "not json",
        "{}",
        "{\"formatLength\": 99999999, \"formatTail\": \"Cn0\"}",
        "{\"formatLength\": -1, \"formatTail\": \"Cn0\"}",
        "{\"formatLength\": 10}",
        "{\"formatLength\": 10, \"formatTail\": \"!!\"}",
        "{\"formatLength\": 10, \"formatTail\": 7}",
        &long,
    ];
    for header in rows {
        let document = signed(header);
        assert_eq!(digest_of(document.as_bytes()), sha256(document.as_bytes()), "{header:.60}");
    }
    // Signatures in a document of another kind are a member like any other.
    let other = signed(&header()).replace("fsLayers", "layers");
    assert_eq!(digest_of(other.as_bytes()), sha256(other.as_bytes()));
}

#[test]
fn what_follows_the_signed_bytes_of_a_document_is_not_read_under_their_digest() {
    let blob = format!("sha256:{}", "ee".repeat(32));
    let forged = |payload: &str| {
        let kept = payload.strip_suffix('}').unwrap();
        let header = json!({"formatLength": kept.len(), "formatTail": "fQ"}).to_string();
        let header = URL_SAFE_NO_PAD.encode(header);
        format!(
            "{kept},\"config\":null,\"layers\":null,\"fsLayers\":[{{\"blobSum\":\"{blob}\"}}],\
             \"signatures\":[{{\"protected\":\"{header}\"}}]}}"
        )
    };
    // The signed bytes are another manifest, or one of schema 1 with other layers.
    for payload in [r#"{"schemaVersion": 2, "layers": []}"#, r#"{"schemaVersion": 1, "fsLayers": []}"#] {
        let document = forged(payload);
        assert!(Manifest::read(document.as_bytes(), None).is_ok());
        assert!(!verify(document.as_bytes(), &sha256(payload.as_bytes())), "{payload}");
        assert_eq!(digest_of(document.as_bytes()), sha256(document.as_bytes()));
    }
}
