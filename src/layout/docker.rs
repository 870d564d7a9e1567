//! Archives of `docker save` and of programs that write alike.
//!
//! Since Docker 1.10 `manifest.json` names the config and the layers of each image by their files. Before,
//! `repositories` named the last layer of each image, and each layer its parent. Docker 25 and later write an
//! OCI layout besides. Layers are plain tars, except those of builders such as kaniko, which are compressed as
//! in a registry.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::archive::{Archive, File, digest_of_hex};
use super::error::LayoutError;
use super::model::{Blob, Document, ProblemKind, State, Target};
use super::names::{clean, of_blob, told_hash};
use super::shortened;
use super::store::Content;
use super::walk::{Walk, is_plain, layer_type};
use crate::digest::Digest;
use crate::input::Quoted;
use crate::manifest::{ImageConfig, Kind, KnownType, Role};

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const REPOSITORIES: &str = "repositories";

/// Most layers of an image of old Docker, which allowed 127.
const MAX_LAYERS: usize = 10_000;

/// An image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    #[serde(default)]
    config: Option<String>,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Reads `manifest.json`; null counts as no images.
pub(super) fn entries(content: &[u8]) -> Result<Vec<Entry>, LayoutError> {
    let read: Option<Vec<Option<Entry>>> = serde_json::from_slice(content).map_err(|error| {
        LayoutError::unusable(MANIFEST, format!("not the list of images of a docker archive: {error}"))
    })?;
    Ok(read.unwrap_or_default().into_iter().flatten().collect())
}

/// Gives the names of `manifest.json` to the images of `index.json` with the same config, and tells which
/// layers Docker would compress. Adds the images that only `manifest.json` has, or has whole.
pub(super) fn complete(walk: &mut Walk<'_>, archive: &Archive, entries: &[Entry]) -> Result<(), LayoutError> {
    let (by_config, tops) = (documents_by_config(walk), tops(walk));
    for entry in entries {
        let config = entry.config.as_ref().and_then(|name| archive.find(name.as_bytes()));
        let found = config.and_then(|config| by_config.get(&config.digest)).copied();
        let wants_layers = entry.layers.as_ref().is_some_and(|layers| !layers.is_empty());
        let is_whole = |document: u32| {
            let parts = &walk.layout.documents[document as usize].parts;
            !wants_layers || parts.iter().any(|part| part.role == Role::Layer)
        };
        if let Some(document) = found.filter(|document| is_whole(*document)) {
            walk.image(tops[&document], names(entry))?;
            continue;
        }
        if let Some(document) = found {
            // Docker 25.0.0 wrote manifests without their layers.
            walk.drop_image(document);
            walk.note(
                "the manifest that index.json names has no layers and the one in manifest.json has, so \
                 manifest.json counts",
            );
        }
        add(walk, archive, entry)?;
    }
    for blob in &mut walk.layout.blobs {
        let media_type = &walk.layout.media_types[blob.media_type as usize];
        blob.is_unpacked |= blob.is_layer && is_plain(media_type);
    }
    Ok(())
}

/// Returns the documents by the digest of their config.
fn documents_by_config(walk: &Walk<'_>) -> HashMap<Digest, u32> {
    let layout = &walk.layout;
    let configs = |document: &Document| -> Option<Digest> {
        let config = document.parts.iter().find(|part| part.role == Role::Config)?;
        Some(layout.blobs[config.blob()? as usize].digest)
    };
    let documents = layout.documents.iter().enumerate();
    documents.filter_map(|(number, document)| Some((configs(document)?, number as u32))).collect()
}

/// Returns the document at the top that leads to each document.
fn tops(walk: &Walk<'_>) -> HashMap<u32, u32> {
    let layout = &walk.layout;
    let mut tops = HashMap::new();
    for image in &layout.images {
        let mut open = vec![image.document];
        while let Some(document) = open.pop() {
            if tops.insert(document, image.document).is_none() {
                open.extend(&layout.documents[document as usize].children);
            }
        }
    }
    tops
}

fn names(entry: &Entry) -> Vec<String> {
    let tags = entry.repo_tags.iter().flatten();
    tags.map(|tag| shortened(tag, 1_024).into_owned()).collect()
}

/// Adds an image by its files. It has no digest, because its manifest is made when it is pushed.
pub(super) fn add(walk: &mut Walk<'_>, archive: &Archive, entry: &Entry) -> Result<(), LayoutError> {
    let document = walk.new_document(None, State::Present)?;
    walk.layout.documents[document as usize].kind = Kind::Image;
    let mut diff_ids = Vec::new();
    if let Some(name) = &entry.config {
        let file = archive.find(name.as_bytes());
        if let Some(file) = file {
            let content = archive.document_of(&file.digest);
            match content.as_deref().map(ImageConfig::read) {
                Some(Ok(config)) => {
                    diff_ids = config.diff_ids;
                    let platform = config.platform.map(|platform| Box::new(platform.into_owned()));
                    walk.layout.documents[document as usize].platform = platform;
                }
                _ => walk.problem(
                    ProblemKind::Damaged,
                    &shown(name),
                    "not the config of an image: it is not JSON".to_owned(),
                ),
            }
        }
        part(walk, document, name, file, Role::Config, None)?;
    } else {
        walk.layout.documents[document as usize].unusable += 1;
        walk.problem(ProblemKind::Unreadable, MANIFEST, "an image without a config".to_owned());
    }
    for (number, name) in entry.layers.iter().flatten().enumerate() {
        let file = archive.find(name.as_bytes());
        part(walk, document, name, file, Role::Layer, diff_ids.get(number).copied())?;
    }
    walk.image(document, names(entry))
}

/// Adds a file of an image. `unpacked` is the digest of a layer before compression, by the config.
fn part(
    walk: &mut Walk<'_>,
    document: u32,
    name: &str,
    file: Option<File>,
    role: Role,
    unpacked: Option<Digest>,
) -> Result<(), LayoutError> {
    let clean = clean(name.as_bytes()).unwrap_or_default();
    let told = told_hash(&clean).and_then(digest_of_hex);
    // A file that is not there is known by the hash in its name, or by the config.
    let Some(digest) = file.map(|file| file.digest).or(told).or(unpacked) else {
        walk.problem(ProblemKind::Lacking, &shown(name), "not in the archive".to_owned());
        return walk.unusable_part(document, "", role);
    };
    let mut state = if file.is_some() { State::Present } else { State::Lacking };
    let content = file.map_or(Content::Tar, |file| file.content);
    let is_plain =
        role == Role::Layer && content == Content::Tar && (file.is_some() || of_blob(&clean).is_none());
    if file.is_none() {
        walk.problem(ProblemKind::Lacking, &shown(name), "not in the archive".to_owned());
    } else if told.is_some_and(|told| told != digest) {
        // The archive's pass named it already.
        state = State::Damaged;
    } else if let Some(unpacked) = unpacked
        && is_plain
        && unpacked != digest
    {
        state = State::Damaged;
        walk.problem(
            ProblemKind::Damaged,
            &shown(name),
            format!("its content does not hash to {unpacked}, as the config says"),
        );
    }
    let media_type = match role {
        Role::Config => KnownType::DockerConfig.text(),
        Role::Layer => layer_type(content),
    };
    let media_type = walk.media_type(media_type)?;
    let blob = walk.file(&Blob {
        digest,
        size: file.map(|file| file.size),
        media_type,
        state,
        is_config: role == Role::Config,
        is_layer: role == Role::Layer,
        is_foreign: false,
        has_urls: false,
        is_unpacked: is_plain,
    })?;
    walk.part(document, Target::Blob(blob), role)
}

/// Adds the images of an archive of Docker before 1.10: each tag names its last layer.
pub(super) fn add_old(
    walk: &mut Walk<'_>,
    archive: &Archive,
    repositories: &[u8],
) -> Result<(), LayoutError> {
    #[derive(Deserialize)]
    struct Layer {
        #[serde(default)]
        parent: Option<String>,
    }
    type Repositories = BTreeMap<String, BTreeMap<String, String>>;
    let read: Repositories = serde_json::from_slice(repositories).map_err(|error| {
        LayoutError::unusable(REPOSITORIES, format!("not the list of tags of a docker archive: {error}"))
    })?;
    let mut documents: BTreeMap<String, u32> = BTreeMap::new();
    for (repository, tags) in read {
        for (tag, id) in tags {
            let name = shortened(&format!("{repository}:{tag}"), 1_024).into_owned();
            if let Some(&known) = documents.get(&id) {
                walk.image(known, vec![name])?;
                continue;
            }
            let document = walk.new_document(None, State::Present)?;
            walk.layout.documents[document as usize].kind = Kind::Image;
            // From the last layer to the first.
            let mut layers = Vec::new();
            let mut seen = HashSet::new();
            let mut next = Some(id.clone());
            while let Some(layer) = next.take().filter(|layer| !layer.is_empty()) {
                if !seen.insert(layer.clone()) || layers.len() > MAX_LAYERS {
                    walk.problem(
                        ProblemKind::Unreadable,
                        &shown(&layer),
                        "its parents form a circle, or are too many".to_owned(),
                    );
                    break;
                }
                let json = archive.document_named(format!("{layer}/json").as_bytes());
                next = json
                    .and_then(|json| serde_json::from_slice::<Layer>(&json).ok())
                    .and_then(|layer| layer.parent);
                layers.push(layer);
            }
            for layer in layers.iter().rev() {
                let name = format!("{layer}/layer.tar");
                let file = archive.find(name.as_bytes());
                part(walk, document, &name, file, Role::Layer, None)?;
            }
            walk.image(document, vec![name])?;
            documents.insert(id, document);
        }
    }
    Ok(())
}

fn shown(name: &str) -> String {
    Quoted(name.as_bytes()).to_string()
}
