//! Compares the reader of manifests with a slow reader over a tree of `serde_json`.

use layercheck::manifest::{
    Descriptor, ImageConfig, Kind, MAX_DESCRIPTORS, Manifest, ManifestErrorKind, digest_of, sha256, verify,
};
use serde_json::Value;

/// Digest or its text, size and media type of a part.
type Part = (Result<String, String>, Option<u64>, String);

/// Compares both readers.
pub fn check(document: &[u8]) {
    let read = Manifest::read(document, None);
    // serde_json rejects half a surrogate pair in any text.
    let halves = document
        .windows(4)
        .any(|four| matches!(four, [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F']));
    match (&read, serde_json::from_slice::<Value>(document)) {
        (Ok(manifest), Ok(tree)) => compare(manifest, &tree),
        (Ok(_), Err(error)) => assert!(halves, "read, though {error}"),
        (Err(error), Ok(tree)) => refused(error.kind, &tree, document),
        (Err(error), Err(_)) => assert!(error.offset <= document.len()),
    }
    // Any bytes have a digest, and are verified by it.
    let digest = digest_of(document);
    assert!(verify(document, &digest));
    assert!(verify(document, &sha256(document)));
    if let Ok(config) = ImageConfig::read(document) {
        assert!(config.diff_ids.len() <= MAX_DESCRIPTORS);
    }
    for declared in ["application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"]
    {
        if let Ok(manifest) = Manifest::read(document, Some(declared)) {
            assert_eq!(
                manifest.kind == Kind::Index,
                !manifest.children.is_empty() || manifest.kind == Kind::Index
            );
        }
    }
}

fn compare(manifest: &Manifest<'_>, tree: &Value) {
    let list = |key: &str| -> Vec<Part> {
        let list = tree.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .map(|part| slow(part, if key == "fsLayers" { "blobSum" } else { "digest" }))
            .collect()
    };
    let layers = ["layers", "fsLayers", "blobs"].map(list).concat();
    assert_eq!(manifest.layers.iter().map(fast).collect::<Vec<_>>(), layers);
    assert_eq!(manifest.children.iter().map(fast).collect::<Vec<_>>(), list("manifests"));
    let config = tree.get("config").filter(|config| config.is_object()).map(|config| slow(config, "digest"));
    assert_eq!(manifest.config.as_ref().map(fast), config);
    assert_eq!(manifest.documents().count() + manifest.blobs().count(), {
        manifest.children.len() + manifest.layers.len() + usize::from(manifest.config.is_some())
    });
}

fn fast(part: &Descriptor<'_>) -> Part {
    let digest = part.digest.as_ref();
    let digest = digest.map(ToString::to_string).map_err(|unusable| unusable.text.clone().into_owned());
    (digest, part.size, part.media_type.text().to_owned())
}

fn slow(part: &Value, key: &str) -> Part {
    let text = |key: &str| part.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let digest = text(key);
    let is_digest = digest.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    let size = part.get("size").and_then(Value::as_number).map(ToString::to_string).unwrap_or_default();
    let size =
        if size == "-0" { Some(0) } else { size.parse::<i64>().ok().and_then(|size| size.try_into().ok()) };
    (if is_digest { Ok(digest) } else { Err(digest) }, size, text("mediaType"))
}

/// Says whether a document that is JSON may be refused so.
fn refused(kind: ManifestErrorKind, tree: &Value, document: &[u8]) {
    let lists = ["layers", "fsLayers", "blobs", "manifests"];
    match kind {
        ManifestErrorKind::NotAnObject => assert!(!tree.is_object()),
        // An earlier one of two equal keys may be at fault, so the tree does not tell.
        ManifestErrorKind::NotAList | ManifestErrorKind::Contradiction => assert!(tree.is_object()),
        ManifestErrorKind::NoParts => {
            assert!(lists.iter().all(|list| tree.get(*list).is_none()));
            assert!(!tree.get("config").is_some_and(Value::is_object));
        }
        ManifestErrorKind::TooManyDescriptors | ManifestErrorKind::TooLong => {
            assert!(document.len() > 100_000)
        }
        ManifestErrorKind::Json(kind) => {
            use layercheck::json::JsonErrorKind;
            assert!(
                matches!(kind, JsonErrorKind::TooDeep | JsonErrorKind::NumberTooLong),
                "{kind:?} in JSON"
            );
        }
        ManifestErrorKind::NoMemory => panic!("memory"),
    }
}
