//! An image that was put: its manifest, and what the listings say of it.

use super::life::Life;
use super::{Part, Parts};
use crate::local_ecr::service::key::Key;
use crate::manifest::{Descriptor, Kind, Manifest, digest_of};

/// A stored image.
#[derive(Debug, Default)]
pub(crate) struct StoredImage {
    pub(crate) manifest: String,
    /// As the manifest says, else as the push said; may be empty.
    pub(crate) media_type: String,
    /// `artifactType` or the media type of the config.
    pub(crate) artifact_type: Option<String>,
    pub(crate) subject: Option<String>,
    /// In the order in which they were given.
    pub(crate) tags: Vec<String>,
    pub(crate) parts: Parts,
    /// Bytes of config and layers, as the manifest says.
    pub(crate) size: u64,
    pub(crate) life: Life,
}

/// `vnd.docker.reference.type` of `BuildKit`'s attestations.
const ATTESTATION: &str = "attestation-manifest";

impl StoredImage {
    /// Reads a manifest; returns its digest too. `declared` is the media type that the push gives. What cannot be
    /// read has no parts.
    pub(crate) fn read(text: String, declared: Option<&str>, tags: Vec<String>, now: f64) -> (Key, Self) {
        let key = digest_of(text.as_bytes()).0;
        let Ok(manifest) = Manifest::read(text.as_bytes(), declared) else {
            let media_type = declared.unwrap_or_default().to_owned();
            return (
                key,
                Self { manifest: text, media_type, tags, life: Life::pushed(now), ..Self::default() },
            );
        };
        let media_type = match manifest.media_type.text() {
            "" => declared.unwrap_or_default(),
            own => own,
        };
        let config = manifest.config.as_ref().map(|config| config.media_type.text());
        let artifact_type =
            manifest.artifact_type.as_deref().or(config).filter(|text| !text.is_empty()).map(str::to_owned);
        let subject = manifest.subject.as_ref().and_then(|subject| subject.digest.as_ref().ok());
        let image = Self {
            media_type: media_type.to_owned(),
            artifact_type,
            subject: subject.map(ToString::to_string),
            tags,
            size: manifest.blobs().filter_map(|(_, blob)| blob.size).sum(),
            parts: parts_of(&manifest),
            life: Life::pushed(now),
            manifest: String::new(),
        };
        drop(manifest);
        (key, Self { manifest: text, ..image })
    }
}

fn parts_of(manifest: &Manifest<'_>) -> Parts {
    let part = |descriptor: &Descriptor<'_>, required: bool| {
        // What has another algorithm or is malformed cannot be in this repository, and cannot be missing either.
        let key = descriptor.digest.as_ref().ok()?.0;
        Some(Part { key, required })
    };
    let mut blobs: Vec<Part> = manifest
        .blobs()
        .filter_map(|(_, blob)| part(blob, manifest.kind == Kind::Schema1 || !blob.media_type.is_foreign()))
        .collect();
    let mut children: Vec<Part> =
        manifest.documents().filter_map(|child| part(child, !is_extra(child))).collect();
    for parts in [&mut blobs, &mut children] {
        parts.sort_unstable_by_key(|part| (part.key, !part.required));
        parts.dedup_by_key(|part| part.key);
    }
    Parts { blobs, children }
}

/// Returns true for a child that a pull does not need.
fn is_extra(child: &Descriptor<'_>) -> bool {
    child.is_artifact
        || child.child.as_ref().is_some_and(|child| child.reference_type.as_deref() == Some(ATTESTATION))
}
