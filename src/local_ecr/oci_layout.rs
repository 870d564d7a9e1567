//! The blobs and manifests of an image layout or an archive, for a repository of the endpoint.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::error::Error;
use super::operations::push::Push;
use super::operations::request::check_tag;
use super::service::key::Key;
use crate::layout::{self, Layout, LayoutError, Options, ProblemKind, State};
use crate::manifest::DigestFault;

/// A blob that a registry holds for an image: its config or a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its sha256.
    pub key: Key,
    /// Bytes, from the manifest; None if the manifest gives no size, and the blob is not there.
    pub size: Option<u64>,
    /// From the manifest.
    pub media_type: String,
    /// Whether the layout has the blob.
    pub on_disk: bool,
}

/// Reads a layout folder, an archive or a manifest with [`layout::read_path`], and returns every config and
/// layer once, in the order of their appearance.
///
/// With `existing_only`, manifests and blobs that are not there are skipped, because a copy of one platform
/// keeps the index of all platforms. Parts with a digest of another algorithm are skipped, because ECR cannot
/// hold them.
///
/// # Errors
/// If the path cannot be read or is none of these, or a document is not there, does not hash to its name,
/// cannot be read or names a part by a malformed digest; or if it is an archive of plain layers without a
/// manifest, whose digests in a registry are not known. The error names the path.
pub fn read_oci_layout(path: &Path, existing_only: bool) -> Result<Vec<Blob>, Error> {
    Ok(blobs_of(&read(path, existing_only, false)?, existing_only))
}

/// Returns the blobs and the images of a layout: every manifest and index that is there, with the tags that the
/// layout gives. Errors are those of [`read_oci_layout`].
pub(super) fn read_contents(path: &Path, existing_only: bool) -> Result<(Vec<Blob>, Vec<Push>), Error> {
    let layout = read(path, existing_only, true)?;
    Ok((blobs_of(&layout, existing_only), images_of(&layout)))
}

fn read(path: &Path, existing_only: bool, keep_content: bool) -> Result<Layout, Error> {
    let mut go_on = || Ok(());
    let mut options = Options { blobs: None, verify: None, keep_content, check: &mut go_on };
    let layout = layout::read_path(path, &mut options).map_err(|error| match error {
        LayoutError::Io(place, error) => Error::Read(place.into(), error),
        other => Error::Invalid(other.to_string()),
    })?;
    check(path, &layout, existing_only)?;
    Ok(layout)
}

fn blobs_of(layout: &Layout, existing_only: bool) -> Vec<Blob> {
    let blobs = layout.blobs.iter().filter_map(|blob| {
        // In a file with one document, nothing else is there or lacking.
        let on_disk = matches!(blob.state, State::Present | State::Unknown);
        let media_type = layout.media_type(blob.media_type).to_owned();
        (on_disk || !existing_only).then_some(Blob {
            key: blob.digest.0,
            size: blob.size,
            media_type,
            on_disk,
        })
    });
    blobs.collect()
}

/// The documents of a layout as forced pushes, because a layout may lack platforms and layers.
fn images_of(layout: &Layout) -> Vec<Push> {
    let mut tags: HashMap<u32, Vec<String>> = HashMap::new();
    for image in &layout.images {
        let named = image.names.iter().filter_map(|name| tag_of(name));
        tags.entry(image.document).or_default().extend(named);
    }
    let images = (0u32..).zip(&layout.documents).filter_map(|(number, document)| {
        let text = std::str::from_utf8(document.content.as_deref()?).ok()?;
        let mut tags = tags.remove(&number).unwrap_or_default();
        tags.dedup();
        let media_type = layout.media_type(document.media_type);
        Some(Push {
            manifest: text.to_owned(),
            media_type: (!media_type.is_empty()).then(|| media_type.to_owned()),
            digest: Some(document.digest?.0),
            tags,
            force: true,
        })
    });
    images.collect()
}

/// The tag in a name, which is a tag or a reference such as `docker.io/library/app:v1`.
fn tag_of(name: &str) -> Option<String> {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let last = name.rsplit('/').next()?;
    let tag = match last.split_once(':') {
        Some((_, tag)) => tag,
        None => (last == name).then_some(name)?,
    };
    check_tag(tag).is_none().then(|| tag.to_owned())
}

/// Refuses a layout with which a registry could not be filled.
fn check(path: &Path, layout: &Layout, existing_only: bool) -> Result<(), Error> {
    let accepted = |kind| match kind {
        ProblemKind::Lacking => existing_only,
        ProblemKind::Digest(fault) => fault == DigestFault::UnsupportedAlgorithm,
        ProblemKind::Damaged | ProblemKind::Unreadable | ProblemKind::Name => false,
    };
    if let Some(problem) = layout.problems.iter().find(|problem| !accepted(problem.kind)) {
        if problem.kind == ProblemKind::Lacking {
            let error = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(Error::Read(path.join(&problem.place), error));
        }
        return Err(Error::Layout(path.to_owned(), problem.to_string()));
    }
    let without_manifest = layout.documents.iter().any(|document| document.digest.is_none());
    if without_manifest && layout.blobs.iter().any(|blob| blob.is_unpacked) {
        let text = "its layers are plain tars, which are compressed when they are pushed, so their digests in a registry \
         are not known; write an OCI archive, with: skopeo copy docker-archive:FILE oci-archive:FILE";
        return Err(Error::Layout(path.to_owned(), text.to_owned()));
    }
    Ok(())
}
