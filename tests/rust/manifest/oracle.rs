//! Random documents, read as the strict reader of `oci-spec` reads them: what it takes, this one reads alike.

use layercheck::manifest::{Descriptor, Kind, Manifest};
use oci_spec::image::{Descriptor as TheirDescriptor, ImageIndex, ImageManifest};
use proptest::prelude::*;
use serde_json::{Value, json};

const TYPES: [&str; 8] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "text/\"quoted\"\u{e9}",
];

fn digest() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[0-9a-f]{64}".prop_map(|hex| format!("sha256:{hex}")),
        1 => "[0-9a-f]{128}".prop_map(|hex| format!("sha512:{hex}")),
        1 => "sha256:[0-9A-Fg]{62,66}",
    ]
}

fn part() -> impl Strategy<Value = Value> {
    let platform = prop::option::of(("[a-z]{3,7}", "[a-z0-9]{3,7}", prop::option::of("v[0-9]")));
    (0..TYPES.len(), digest(), any::<u32>(), platform, any::<bool>()).prop_map(
        |(of, digest, size, platform, urls)| {
            let mut part = json!({"mediaType": TYPES[of], "digest": digest, "size": size});
            if let Some((os, architecture, variant)) = platform {
                part["platform"] = json!({"os": os, "architecture": architecture});
                if let Some(variant) = variant {
                    part["platform"]["variant"] = variant.into();
                }
            }
            if urls {
                part["urls"] = json!(["https://example.com/"]);
                part["annotations"] = json!({"a": "b"});
            }
            part
        },
    )
}

fn agree(ours: &Descriptor<'_>, theirs: &TheirDescriptor) {
    let digest = theirs.digest().to_string();
    match &ours.digest {
        Ok(ours) => assert_eq!(ours.to_string(), digest),
        // It takes upper case, which the specification forbids, and other algorithms.
        Err(unusable) => assert_eq!(unusable.text, digest),
    }
    assert_eq!(ours.size, Some(theirs.size()));
    assert_eq!(ours.media_type.text(), theirs.media_type().to_string());
    assert_eq!(ours.has_urls, theirs.urls().as_ref().is_some_and(|urls| !urls.is_empty()));
    if let (Some(ours), Some(theirs)) = (ours.platform(), theirs.platform()) {
        assert_eq!(ours.os, theirs.os().to_string());
        assert_eq!(ours.architecture, theirs.architecture().to_string());
        assert_eq!(ours.variant, theirs.variant().clone().unwrap_or_default());
    }
}

fn written(document: &Value, indent: bool) -> String {
    if indent { serde_json::to_string_pretty(document).unwrap() } else { document.to_string() }
}

proptest! {
    #[test]
    fn manifests_are_read_as_oci_spec_reads_them(
        config in part(), layers in prop::collection::vec(part(), 0..6), subject in prop::option::of(part()),
        indent: bool,
    ) {
        let mut document = json!({"schemaVersion": 2, "config": config, "layers": layers});
        if let Some(subject) = subject {
            document["subject"] = subject;
        }
        let text = written(&document, indent);
        let ours = Manifest::read(text.as_bytes(), None).unwrap();
        prop_assert!(matches!(ours.kind, Kind::Image | Kind::Artifact));
        if let Ok(theirs) = ImageManifest::from_reader(text.as_bytes()) {
            agree(ours.config.as_ref().unwrap(), theirs.config());
            prop_assert_eq!(ours.layers.len(), theirs.layers().len());
            for (ours, theirs) in ours.layers.iter().zip(theirs.layers()) {
                agree(ours, theirs);
            }
            prop_assert_eq!(ours.subject.is_some(), theirs.subject().is_some());
        }
    }

    #[test]
    fn indexes_are_read_as_oci_spec_reads_them(children in prop::collection::vec(part(), 0..6), indent: bool) {
        let text = written(&json!({"schemaVersion": 2, "mediaType": TYPES[0], "manifests": children}), indent);
        let ours = Manifest::read(text.as_bytes(), None).unwrap();
        prop_assert_eq!(ours.kind, Kind::Index);
        prop_assert_eq!(ours.documents().count() + ours.blobs().count(), children.len());
        if let Ok(theirs) = ImageIndex::from_reader(text.as_bytes()) {
            prop_assert_eq!(ours.children.len(), theirs.manifests().len());
            for (ours, theirs) in ours.children.iter().zip(theirs.manifests()) {
                agree(ours, theirs);
                prop_assert_eq!(ours.platform().is_some(), theirs.platform().is_some());
            }
        }
    }

    #[test]
    fn no_cut_document_is_read(children in prop::collection::vec(part(), 1..3), at in any::<prop::sample::Index>()) {
        let text = json!({"manifests": children}).to_string();
        let error = Manifest::read(&text.as_bytes()[..at.index(text.len())], None).unwrap_err();
        prop_assert!(error.offset <= text.len());
    }
}
