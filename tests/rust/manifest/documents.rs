//! Documents to parts: every kind, and what is wrong with the document or with one part of it.

use layercheck::Digest;
use layercheck::manifest::{
    Descriptor, DigestFault, ImageConfig, Kind, MAX_DESCRIPTORS, MAX_DOCUMENT, Manifest, ManifestErrorKind,
    Role,
};
use serde_json::{Value, json};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn digest(byte: u8) -> String {
    Digest([byte; 32]).to_string()
}

fn part(media_type: &str, byte: u8) -> Value {
    json!({"mediaType": media_type, "digest": digest(byte), "size": u64::from(byte) * 10})
}

fn image() -> Value {
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": part(CONFIG, 1),
           "layers": [part(LAYER, 2), part(LAYER, 3)]})
}

fn kind(document: &Value, declared: Option<&str>) -> Result<Kind, ManifestErrorKind> {
    let text = document.to_string();
    Manifest::read(text.as_bytes(), declared).map(|manifest| manifest.kind).map_err(|error| error.kind)
}

/// Returns role, first byte, size and media type of each blob.
fn blobs(document: &Value) -> Vec<(Role, u8, Option<u64>, String)> {
    let text = document.to_string();
    let manifest = Manifest::read(text.as_bytes(), None).expect("a manifest");
    let first = |part: &Descriptor<'_>| part.key().map_or(0, |digest| digest.0[0]);
    manifest
        .blobs()
        .map(|(role, part)| (role, first(part), part.size, part.media_type.text().to_owned()))
        .collect()
}

#[test]
fn the_blobs_of_an_image_are_its_config_and_its_layers_in_their_order() {
    let found = blobs(&image());
    assert_eq!(found[0], (Role::Config, 1, Some(10), CONFIG.to_owned()));
    assert_eq!(
        found[1..],
        [(Role::Layer, 2, Some(20), LAYER.into()), (Role::Layer, 3, Some(30), LAYER.into())]
    );
    // As Docker indents documents, and in another order of keys.
    let docker = json!({"layers": [part(LAYER, 2)], "config": part(CONFIG, 1), "mediaType": DOCKER});
    let text = serde_json::to_string_pretty(&docker).unwrap().replace("  ", "   ");
    assert_eq!(Manifest::read(text.as_bytes(), Some(DOCKER)).unwrap().blobs().count(), 2);
}

#[test]
fn a_document_without_a_media_type_is_told_by_its_members() {
    let rows = [
        (json!({"config": part(CONFIG, 1), "layers": []}), Kind::Image),
        (json!({"layers": []}), Kind::Image),
        (json!({"manifests": []}), Kind::Index),
        (json!({"manifests": null}), Kind::Index),
        (json!({"fsLayers": [], "schemaVersion": 1}), Kind::Schema1),
        (json!({"blobs": []}), Kind::Artifact),
    ];
    for (document, expected) in rows {
        assert_eq!(kind(&document, None), Ok(expected), "{document}");
    }
}

#[test]
fn artifacts_and_attestations_are_told_from_images() {
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let statement = "application/vnd.in-toto+json";
    let rows = [
        (json!({"config": part(helm, 1), "layers": [part(LAYER, 2)]}), Kind::Artifact),
        (json!({"config": part(CONFIG, 1), "layers": [], "artifactType": "text/sbom"}), Kind::Artifact),
        (json!({"config": part("application/vnd.oci.empty.v1+json", 1), "layers": []}), Kind::Artifact),
        (
            json!({"config": part(CONFIG, 1), "layers": [part(statement, 2), part(statement, 3)]}),
            Kind::Attestation,
        ),
        (json!({"config": part(CONFIG, 1), "layers": [part(LAYER, 2), part(statement, 3)]}), Kind::Image),
        (
            json!({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": [part(LAYER, 2)]}),
            Kind::Artifact,
        ),
    ];
    for (document, expected) in rows {
        assert_eq!(kind(&document, None), Ok(expected), "{document}");
    }
}

#[test]
fn the_type_of_the_answer_counts_for_a_document_without_one_and_must_fit_its_members() {
    let bare = json!({"config": part(CONFIG, 1), "layers": []});
    assert_eq!(kind(&bare, Some(DOCKER)), Ok(Kind::Image));
    assert_eq!(kind(&bare, Some("application/json")), Ok(Kind::Image));
    assert_eq!(kind(&bare, Some(INDEX)), Err(ManifestErrorKind::Contradiction));
    assert_eq!(kind(&json!({"fsLayers": []}), Some(MANIFEST)), Err(ManifestErrorKind::Contradiction));
    // The two forms of one kind do not contradict each other.
    assert_eq!(kind(&image(), Some(DOCKER)), Ok(Kind::Image));
    assert_eq!(kind(&image(), Some(LIST)), Err(ManifestErrorKind::Contradiction));
}

#[test]
fn a_document_of_two_kinds_at_once_is_an_error() {
    let both = json!({"manifests": [], "layers": []});
    for media_type in [None, Some(INDEX), Some(MANIFEST), Some("text/plain")] {
        let mut document = both.clone();
        if let Some(media_type) = media_type {
            document["mediaType"] = media_type.into();
        }
        assert_eq!(kind(&document, None), Err(ManifestErrorKind::Contradiction), "{document}");
    }
    assert_eq!(kind(&json!({"mediaType": INDEX, "layers": []}), None), Err(ManifestErrorKind::Contradiction));
    assert_eq!(
        kind(&json!({"mediaType": SCHEMA1, "layers": []}), None),
        Err(ManifestErrorKind::Contradiction)
    );
    // What is null is not there, if something else is.
    assert_eq!(kind(&json!({"manifests": [], "layers": null, "config": null}), None), Ok(Kind::Index));
}

#[test]
fn an_unknown_kind_is_read_by_its_members() {
    let strange =
        |member: &str| json!({"mediaType": "application/vnd.example.v9+json", member: [part(LAYER, 2)]});
    for member in ["layers", "blobs", "manifests"] {
        let document = strange(member);
        assert_eq!(kind(&document, None), Ok(Kind::Unknown));
        assert_eq!(blobs(&document).len(), 1, "{document}");
    }
    let nothing = json!({"mediaType": "application/vnd.example.v9+json", "parts": []});
    assert_eq!(kind(&nothing, None), Err(ManifestErrorKind::NoParts));
    assert_eq!(kind(&json!({}), Some(MANIFEST)), Err(ManifestErrorKind::NoParts));
}

#[test]
fn an_index_tells_platforms_attestations_and_blobs_that_it_lists_directly() {
    let mut windows = part(MANIFEST, 1);
    windows["platform"] = json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.1"});
    let mut arm = part(DOCKER, 2);
    arm["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8", "os.features": ["x"]});
    let mut attestation = part(MANIFEST, 3);
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
                                        "vnd.docker.reference.digest": digest(1), "other": "x"});
    let untyped = json!({"digest": digest(4)});
    let nested = part(INDEX, 5);
    let cache = part("application/vnd.buildkit.cacheconfig.v0", 7);
    let index = json!({"mediaType": INDEX, "manifests":
        [windows, arm, attestation, untyped, nested, part(LAYER, 6), cache, part(LAYER, 6)]});
    let text = index.to_string();
    let index = Manifest::read(text.as_bytes(), Some(INDEX)).unwrap();

    let platforms: Vec<_> =
        index.documents().map(|child| child.platform().map(ToString::to_string)).collect();
    let expected = ["windows/amd64", "linux/arm64/v8", "unknown/unknown"].map(|text| Some(text.to_owned()));
    assert_eq!(platforms, [&expected[..], &[None, None]].concat());
    assert_eq!(index.children[0].platform().unwrap().os_version, "10.0.1");
    assert!(index.children[2].platform().unwrap().is_unknown());
    let attestations: Vec<_> = index.children.iter().map(Descriptor::is_attestation).collect();
    assert_eq!(attestations.iter().position(|is| *is), Some(2));
    assert_eq!(attestations.iter().filter(|is| **is).count(), 1);
    let about = index.children[2].child.as_ref().unwrap().reference_digest.as_deref();
    assert_eq!(about, Some(&*digest(1)));
    assert_eq!(index.blobs().map(|(_, blob)| blob.key().unwrap().0[0]).collect::<Vec<_>>(), [6, 7, 6]);
}

#[test]
fn a_child_is_an_artifact_by_its_artifact_type_unless_that_is_the_type_of_an_image() {
    let child = |kind: Value| {
        let mut child = part(MANIFEST, 1);
        child["artifactType"] = kind;
        child
    };
    let children: Vec<_> = [
        (json!("application/vnd.example.sbom"), true),
        (json!("application/vnd.oci.empty.v1+json"), true),
        (json!(CONFIG), false),
        (json!("application/vnd.docker.container.image.v1+json"), false),
        (json!(""), false),
        (json!(null), false),
        (json!(["x"]), false),
    ]
    .into();
    let listed: Vec<_> = children.iter().map(|(kind, _)| child(kind.clone())).collect();
    let text = json!({"mediaType": INDEX, "manifests": listed, "subject": child(json!("x"))}).to_string();
    let index = Manifest::read(text.as_bytes(), None).unwrap();
    let found: Vec<_> = index.children.iter().map(|child| child.is_artifact).collect();
    assert_eq!(found, children.iter().map(|(_, is_artifact)| *is_artifact).collect::<Vec<_>>());
    assert!(!index.subject.unwrap().is_artifact, "only children have it");
}

#[test]
fn names_of_a_layout_are_those_of_its_annotations() {
    let mut child = part(MANIFEST, 1);
    child["annotations"] = json!({"org.opencontainers.image.ref.name": "v1",
                                  "io.containerd.image.name": "docker.io/library/app:v1"});
    let text = json!({"manifests": [child]}).to_string();
    let index = Manifest::read(text.as_bytes(), None).unwrap();
    let child = index.children[0].child.as_ref().unwrap();
    assert_eq!(child.ref_name.as_deref(), Some("v1"));
    assert_eq!(child.image_name.as_deref(), Some("docker.io/library/app:v1"));
}

#[test]
fn schema_1_has_layers_without_sizes_and_without_a_config() {
    let empty = json!({"blobSum": digest(0xa3)});
    let document = json!({"schemaVersion": 1, "name": "team/app", "tag": "v1",
        "fsLayers": [empty, {"blobSum": digest(2), "digest": "ignored"}, empty], "history": [{"v1Compatibility": "{}"}]});
    let found: Vec<_> =
        blobs(&document).into_iter().map(|(role, byte, size, _)| (role, byte, size)).collect();
    assert_eq!(found, [0xa3, 2, 0xa3].map(|byte| (Role::Layer, byte, None)));
    assert_eq!(kind(&document, Some(SCHEMA1)), Ok(Kind::Schema1));
}

#[test]
fn layers_that_are_not_to_be_distributed_are_told_by_their_type_alone() {
    let rows = [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted", true),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar", true),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
        (LAYER, false),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", false),
    ];
    for (media_type, expected) in rows {
        let mut layer = part(media_type, 2);
        layer["urls"] = json!(["https://example.com/layer"]);
        let text = json!({"layers": [layer]}).to_string();
        let manifest = Manifest::read(text.as_bytes(), None).unwrap();
        assert_eq!(manifest.layers[0].media_type.is_foreign(), expected, "{media_type}");
        assert!(manifest.layers[0].has_urls);
    }
    let text = json!({"layers": [{"digest": digest(1), "urls": []}, {"urls": "no list"}]}).to_string();
    let manifest = Manifest::read(text.as_bytes(), None).unwrap();
    assert!(!manifest.layers.iter().any(|layer| layer.has_urls));
}

#[test]
fn a_part_with_an_unusable_digest_keeps_its_place_and_reason_and_the_others_stay() {
    let upper = digest(0xab).to_uppercase().replace("SHA256", "sha256");
    let rows: [(Value, DigestFault); 15] = [
        (json!(format!("sha512:{}", "ab".repeat(64))), DigestFault::UnsupportedAlgorithm),
        (json!(format!("blake3:{}", "ab".repeat(32))), DigestFault::UnsupportedAlgorithm),
        (json!(format!("sha384:{}", "ab".repeat(48))), DigestFault::UnsupportedAlgorithm),
        (
            json!("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"),
            DigestFault::UnsupportedAlgorithm,
        ),
        (json!(format!("sha512:{}", "ab".repeat(32))), DigestFault::Malformed),
        (json!(format!("blake3:{}", "AB".repeat(32))), DigestFault::Malformed),
        (json!(upper), DigestFault::UpperCase),
        (json!(digest(1).to_uppercase()), DigestFault::UpperCase),
        (json!("sha256:00"), DigestFault::Malformed),
        (json!("ab".repeat(32)), DigestFault::Malformed),
        (json!("a..b:00"), DigestFault::Malformed),
        (json!(""), DigestFault::Malformed),
        (json!(7), DigestFault::Missing),
        (json!(null), DigestFault::Missing),
        (json!({"sha256": "00"}), DigestFault::Missing),
    ];
    for (bad, fault) in rows {
        let document = json!({"layers": [part(LAYER, 1), {"digest": bad}, part(LAYER, 3)]}).to_string();
        let manifest = Manifest::read(document.as_bytes(), None).unwrap();
        let unusable = manifest.layers[1].digest.as_ref().unwrap_err();
        assert_eq!(unusable.fault, fault, "{bad}");
        assert_eq!(unusable.text, bad.as_str().unwrap_or_default());
        assert_eq!(document.as_bytes()[manifest.layers[1].offset as usize..][..10], *b"{\"digest\":");
        assert_eq!(manifest.layers[0].key(), Some(Digest([1; 32])));
        assert_eq!(manifest.layers[2].key(), Some(Digest([3; 32])));
    }
    // Elements that are not descriptors are parts too, which nobody can have.
    let text = json!({"layers": [null, 7, [], part(LAYER, 1)]}).to_string();
    let manifest = Manifest::read(text.as_bytes(), None).unwrap();
    assert_eq!(manifest.layers.iter().filter(|layer| layer.key().is_none()).count(), 3);
}

#[test]
fn a_digest_may_be_written_with_escapes() {
    let document = format!(r#"{{"layers":[{{"\u0064igest":"sha256\u003a{}"}}]}}"#, "ab".repeat(32));
    let manifest = Manifest::read(document.as_bytes(), None).unwrap();
    assert_eq!(manifest.layers[0].key(), Some(Digest([0xab; 32])));
}

#[test]
fn a_size_that_is_negative_or_not_an_integer_is_unknown() {
    for (size, expected) in [
        ("0", Some(0)),
        ("12345678901234567", Some(12_345_678_901_234_567)),
        ("9223372036854775807", Some(i64::MAX as u64)),
        ("9223372036854775808", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("\"12\"", None),
        ("null", None),
        ("{}", None),
    ] {
        let document = format!(r#"{{"layers":[{{"size":{size},"digest":"{}"}}]}}"#, digest(1));
        let manifest = Manifest::read(document.as_bytes(), None).unwrap();
        assert_eq!(
            (manifest.layers[0].size, manifest.layers[0].key()),
            (expected, Some(Digest([1; 32]))),
            "{size}"
        );
    }
}

#[test]
fn subject_artifact_type_and_embedded_content_are_kept() {
    let mut config = part("application/vnd.oci.empty.v1+json", 1);
    config["data"] = "e30=".into();
    let text = json!({"artifactType": "application/spdx+json", "config": config, "layers": [part(LAYER, 2)],
                      "subject": part(MANIFEST, 9)})
    .to_string();
    let manifest = Manifest::read(text.as_bytes(), Some(MANIFEST)).unwrap();
    assert_eq!(manifest.artifact_type.as_deref(), Some("application/spdx+json"));
    assert_eq!(manifest.subject.as_ref().unwrap().key(), Some(Digest([9; 32])));
    assert!(manifest.config.as_ref().unwrap().is_embedded);
    // The subject is not a part.
    assert_eq!(manifest.blobs().count() + manifest.documents().count(), 2);
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    let document = json!({"layers": [part(LAYER, 1)]}).to_string();
    let document = format!(r#"{{"layers":[{{}},{{}}],{}"#, &document[1..]);
    assert_eq!(Manifest::read(document.as_bytes(), None).unwrap().layers.len(), 1);
}

#[test]
fn what_is_not_a_document_is_an_error_with_its_place() {
    use layercheck::json::JsonErrorKind as Json;
    let deep = format!(r#"{{"layers":[],"x":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let rows: [(&[u8], ManifestErrorKind, usize); 9] = [
        (b"", ManifestErrorKind::Json(Json::EndsEarly), 0),
        (b"<html>", ManifestErrorKind::Json(Json::Unexpected), 0),
        (b"{\"layers\":[", ManifestErrorKind::Json(Json::EndsEarly), 11),
        (b"{\"layers\":[]} x", ManifestErrorKind::Json(Json::Unexpected), 14),
        (b"[]", ManifestErrorKind::NotAnObject, 0),
        (b"{\"layers\":7}", ManifestErrorKind::NotAList, 10),
        (b"{\"manifests\":{}}", ManifestErrorKind::NotAList, 13),
        (b"{\"x\xff\":1}", ManifestErrorKind::Json(Json::NotUtf8), 3),
        (deep.as_bytes(), ManifestErrorKind::Json(Json::TooDeep), 17 + 31),
    ];
    for (document, kind, offset) in rows {
        let error = Manifest::read(document, None).unwrap_err();
        assert_eq!((error.kind, error.offset), (kind, offset), "{}", String::from_utf8_lossy(document));
        assert!(error.to_string().starts_with("the document "));
    }
}

#[test]
fn documents_beyond_the_limits_are_refused() {
    let mut long = json!({"layers": []}).to_string().into_bytes();
    long.resize(MAX_DOCUMENT, b' ');
    assert!(Manifest::read(&long, None).is_ok());
    long.push(b' ');
    assert_eq!(Manifest::read(&long, None).unwrap_err().kind, ManifestErrorKind::TooLong);
    assert_eq!(ImageConfig::read(&long).unwrap_err().kind, ManifestErrorKind::TooLong);

    let many = |count: usize| format!(r#"{{"layers":[{}1]}}"#, "1,".repeat(count - 1));
    assert_eq!(Manifest::read(many(MAX_DESCRIPTORS).as_bytes(), None).unwrap().layers.len(), MAX_DESCRIPTORS);
    let error = Manifest::read(many(MAX_DESCRIPTORS + 1).as_bytes(), None).unwrap_err();
    assert_eq!(error.kind, ManifestErrorKind::TooManyDescriptors);
    // Lists that a later key replaces count too, or else the work had no bound.
    let twice = format!("{{{},{}", &many(60_000)[1..many(60_000).len() - 1], &many(60_000)[1..]);
    assert_eq!(
        Manifest::read(twice.as_bytes(), None).unwrap_err().kind,
        ManifestErrorKind::TooManyDescriptors
    );
}

#[test]
fn a_config_tells_platform_and_unpacked_layers() {
    let document = json!({"os": "linux", "architecture": "arm64", "variant": "v8", "config": {"os": "no"},
                          "rootfs": {"type": "layers", "diff_ids": [digest(1), "sha512:00", digest(2)]}});
    let text = document.to_string();
    let config = ImageConfig::read(text.as_bytes()).unwrap();
    assert_eq!(config.platform.unwrap().to_string(), "linux/arm64/v8");
    assert_eq!(config.diff_ids, [Digest([1; 32]), Digest([2; 32])]);
    assert_eq!(ImageConfig::read(b"{}").unwrap(), ImageConfig::default());
    assert!(ImageConfig::read(b"[]").is_err());
}
