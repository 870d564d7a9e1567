//! The text of made-up manifests, as `BuildKit` writes them: compact, members in the usual order.

use crate::local_ecr::service::key::Key;
use crate::local_ecr::service::store::{Availability, Found, LAYER_MEDIA_TYPE, made_size};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Bytes of a descriptor, at most.
const DESCRIPTOR: usize = 170;

/// The bytes of a blob, as the layer check tells them.
pub(super) fn blob_size(key: &Key) -> u64 {
    made_size(key)
}

/// What the repository holds for a blob.
pub(super) fn found(key: &Key, is_config: bool) -> Found<'static> {
    Found {
        availability: Availability::Available,
        size: blob_size(key),
        media_type: if is_config { CONFIG } else { LAYER_MEDIA_TYPE },
    }
}

/// A manifest; the first blob is its config.
pub(super) fn image(blobs: impl Iterator<Item = Key>) -> String {
    let mut text = String::with_capacity(200 + blobs.size_hint().0 * DESCRIPTOR);
    open(&mut text, MANIFEST);
    for (index, key) in blobs.enumerate() {
        text.push_str(match index {
            0 => r#""config":"#,
            1 => r#","layers":["#,
            _ => ",",
        });
        descriptor(&mut text, if index == 0 { CONFIG } else { LAYER_MEDIA_TYPE }, &key, blob_size(&key));
        text.push('}');
    }
    text.push_str("]}");
    text
}

/// An index of two platforms, each with its digest and its bytes.
pub(super) fn index(platforms: [(Key, u64); 2]) -> String {
    let mut text = String::with_capacity(200 + 2 * (DESCRIPTOR + 60));
    open(&mut text, INDEX);
    text.push_str(r#""manifests":["#);
    for ((key, size), architecture) in platforms.into_iter().zip(["amd64", "arm64"]) {
        if !text.ends_with('[') {
            text.push(',');
        }
        descriptor(&mut text, MANIFEST, &key, size);
        text.extend([r#","platform":{"architecture":""#, architecture, r#"","os":"linux"}}"#]);
    }
    text.push_str("]}");
    text
}

fn open(text: &mut String, media_type: &str) {
    text.extend([r#"{"schemaVersion":2,"mediaType":""#, media_type, r#"","#]);
}

/// A descriptor without its closing brace.
fn descriptor(text: &mut String, media_type: &str, key: &Key, size: u64) {
    let mut hex = [0; 64];
    // The length fits, and hexadecimal digits are text.
    let hex = faster_hex::hex_encode(key, &mut hex).map_or("", |hex| &*hex);
    text.extend([r#"{"mediaType":""#, media_type, r#"","digest":"sha256:"#, hex, r#"","size":"#]);
    text.push_str(itoa::Buffer::new().format(size));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CONFIG, INDEX, LAYER_MEDIA_TYPE, MANIFEST, blob_size, image, index};
    use crate::local_ecr::service::key;

    #[test]
    fn manifests_are_json_with_the_members_of_the_specification() {
        let keys = [[1; 32], [2; 32], [3; 32]];
        let read: Value = serde_json::from_str(&image(keys.into_iter())).unwrap();
        let blob = |index: usize, media_type: &str| {
            let key = &keys[index];
            json!({"mediaType": media_type, "digest": key::text(key), "size": blob_size(key)})
        };
        assert_eq!(
            read,
            json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": blob(0, CONFIG),
                "layers": [blob(1, LAYER_MEDIA_TYPE), blob(2, LAYER_MEDIA_TYPE)],
            })
        );
        let read: Value = serde_json::from_str(&index([([1; 32], 7), ([2; 32], 8)])).unwrap();
        assert_eq!(read["mediaType"], INDEX);
        assert_eq!(read["manifests"][1]["digest"], key::text(&[2; 32]));
        assert_eq!(read["manifests"][1]["platform"], json!({"architecture": "arm64", "os": "linux"}));
    }
}
