//! The blobs that an OCI image layout names: config and layers of each of its images.
//!
//! Source: the OCI image specification, `image-layout.md`, `image-index.md`, `manifest.md`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::service::key::{self, Key};

/// A blob that a registry holds for an image: its config or a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its sha256.
    pub key: Key,
    /// Bytes, from the manifest.
    pub size: u64,
    /// From the manifest.
    pub media_type: String,
    /// Whether the layout has the blob on disk.
    pub on_disk: bool,
}

/// Registries refuse larger manifests; `distribution` reads up to this size.
const MAX_DOCUMENT: u64 = 4 << 20;
/// Indexes may nest; real indexes nest once or twice.
const MAX_DEPTH: usize = 8;
/// Documents in one layout, so that a hostile layout cannot cause unbounded work.
const MAX_DOCUMENTS: usize = 100_000;

/// An index or a manifest, told apart by its members.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
}

/// Reads `index.json`, follows nested indexes and manifests, and returns every config and layer
/// once, in the order of their appearance.
///
/// With `existing_only`, manifests and blobs that are not on disk are skipped, because a copy of
/// one platform keeps the index of all platforms.
///
/// # Errors
/// If the folder is not a layout, or a document cannot be read, is not such JSON, is larger than
/// 4 MiB, does not hash to its name, or nests more than 8 deep. The error names the path.
pub fn read_oci_layout(folder: &Path, existing_only: bool) -> Result<Vec<Blob>, Error> {
    let index = folder.join("index.json");
    if !index.is_file() {
        return Err(Error::Layout(folder.to_owned(), "not an OCI image layout: it has no index.json".into()));
    }
    let mut walk = Walk { folder, existing_only, seen: HashSet::new(), documents: 0, blobs: Vec::new() };
    let document = parse(&index, &read(&index)?)?;
    walk.document(&index, document, 0)?;
    Ok(walk.blobs)
}

struct Walk<'a> {
    folder: &'a Path,
    existing_only: bool,
    seen: HashSet<Key>,
    documents: usize,
    blobs: Vec<Blob>,
}

impl Walk<'_> {
    fn document(&mut self, path: &Path, document: Document, depth: usize) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::Layout(path.to_owned(), text));
        if depth > MAX_DEPTH {
            return refuse(format!("indexes nest more than {MAX_DEPTH} deep"));
        }
        if document.manifests.is_none() && document.layers.is_none() && document.config.is_none() {
            return refuse("neither an index nor a manifest: no manifests, layers or config".into());
        }
        for blob in document.config.into_iter().chain(document.layers.unwrap_or_default()) {
            self.blob(path, blob)?;
        }
        for child in document.manifests.unwrap_or_default() {
            self.child(path, &child, depth + 1)?;
        }
        Ok(())
    }

    fn blob(&mut self, path: &Path, blob: Descriptor) -> Result<(), Error> {
        let key = key_of(path, &blob.digest)?;
        if self.seen.insert(key) {
            let on_disk = self.path(&key).is_file();
            if on_disk || !self.existing_only {
                self.blobs.push(Blob { key, size: blob.size, media_type: blob.media_type, on_disk });
            }
        }
        Ok(())
    }

    fn child(&mut self, parent: &Path, child: &Descriptor, depth: usize) -> Result<(), Error> {
        if !names_document(&child.media_type) {
            // The specification requires readers to ignore unknown media types in an index.
            return Ok(());
        }
        let key = key_of(parent, &child.digest)?;
        if !self.seen.insert(key) {
            return Ok(());
        }
        self.documents += 1;
        if self.documents > MAX_DOCUMENTS {
            let text = format!("more than {MAX_DOCUMENTS} indexes and manifests");
            return Err(Error::Layout(self.folder.to_owned(), text));
        }
        let path = self.path(&key);
        if self.existing_only && !path.is_file() {
            return Ok(());
        }
        let bytes = read(&path)?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != key {
            return Err(Error::Layout(path, "its content does not hash to its name".into()));
        }
        let document = parse(&path, &bytes)?;
        self.document(&path, document, depth)
    }

    fn path(&self, key: &Key) -> PathBuf {
        let text = key::text(key);
        // The text comes from 32 bytes, so it has 64 digits after the colon and cannot be a path.
        self.folder.join("blobs/sha256").join(&text["sha256:".len()..])
    }
}

/// Whether a descriptor in an index names an index or a manifest.
fn names_document(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/vnd.oci.image.index.v1+json"
            | "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
            | "application/vnd.docker.distribution.manifest.v2+json"
    )
}

fn key_of(path: &Path, digest: &str) -> Result<Key, Error> {
    key::parse(digest).ok_or_else(|| {
        let shown: String = digest.chars().take(100).collect();
        let text = format!("digest {shown:?} is not sha256: and 64 lower-case hexadecimal digits");
        Error::Layout(path.to_owned(), text)
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::Read(path.to_owned(), error);
    // Checked before opening, because opening a pipe waits for its other end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::Layout(path.to_owned(), "not a regular file".into()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(Error::Layout(path.to_owned(), "larger than the 4 MiB of a manifest".into()));
    }
    Ok(bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Document, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = format!("not an OCI index or manifest: {error}");
        Error::Layout(path.to_owned(), text)
    })
}
