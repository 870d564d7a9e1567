//! Tells what a source is by its content, and reads it.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use super::archive::Archive;
use super::docker;
use super::error::LayoutError;
use super::folder::{Folder, read_document};
use super::model::{Form, Layout, ProblemKind, State};
use super::store::{Check, Found, Options, Store};
use super::tar::is_header;
use super::walk::{Walk, not_an_index};
use crate::digest::Digest;
use crate::input::decompress::Unpacked;
use crate::input::{Quoted, foreign};
use crate::manifest::{MAX_DOCUMENT, Manifest, digest_of};

/// First bytes, unpacked, that tell what a source is.
const HEAD: usize = 512;

/// What the first bytes of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// A tar archive.
    Archive,
    /// JSON, perhaps a manifest.
    Json,
    /// Neither.
    Neither,
}

/// Tells what a file may be by its first bytes, unpacked; 512 of them are enough.
#[must_use]
pub fn guess(head: &[u8]) -> Guess {
    if is_header(head) || head.len() >= HEAD && head.iter().all(|byte| *byte == 0) {
        return Guess::Archive;
    }
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Guess::Json,
        _ => Guess::Neither,
    }
}

/// Reads a layout folder, an archive or a manifest at a path.
///
/// # Errors
/// If the path cannot be read, is none of these, or is beyond a limit. The error names the file or entry.
pub fn read_path(path: &Path, options: &mut Options<'_>) -> Result<Layout, LayoutError> {
    if path.is_dir() {
        return read_folder(path, options);
    }
    let file = File::open(path).map_err(|error| LayoutError::Io(path.display().to_string(), error))?;
    read_file(file, path, options)
}

/// Reads an archive or a manifest that was opened at a path.
///
/// # Errors
/// As [`read_path`].
pub fn read_file(file: impl Read, path: &Path, options: &mut Options<'_>) -> Result<Layout, LayoutError> {
    read_stream(file, options).map_err(|error| within(path, error))
}

/// Puts the path in front of what is wrong with a file.
fn within(path: &Path, error: LayoutError) -> LayoutError {
    let path = path.display().to_string();
    let joined = |place: String| if place.is_empty() { path.clone() } else { format!("{path}, {place}") };
    match error {
        LayoutError::Io(place, error) => LayoutError::Io(joined(place), error),
        LayoutError::Unusable(place, text) => LayoutError::Unusable(joined(place), text),
        LayoutError::Memory(error) => LayoutError::Memory(error),
    }
}

fn read_folder(path: &Path, options: &mut Options<'_>) -> Result<Layout, LayoutError> {
    let index = path.join("index.json");
    if !index.exists() {
        return Err(LayoutError::unusable(path.display().to_string(), not_a_layout(path)));
    }
    let content = read_document(&index)?;
    let place = index.display().to_string();
    if content.len() > MAX_DOCUMENT {
        return Err(LayoutError::unusable(place, "larger than the 4 MiB of a manifest"));
    }
    let check = Check::new(&mut *options.check);
    let store = Folder::new(path, options.blobs, options.verify == Some(true), check.clone())?;
    let mut walk = Walk::new(&store, Form::Folder, options.keep_content, check);
    walk.index(&place, &content)?;
    walk.finish()
}

/// Says what a folder without `index.json` looks like.
fn not_a_layout(path: &Path) -> String {
    let has = |name: &str| path.join(name).exists();
    let shown = path.display();
    if has("manifest.json") || has("repositories") {
        return format!(
            "not an OCI image layout: it looks like an unpacked archive of docker save; pack it again, with: \
             tar -C {shown} -cf image.tar ."
        );
    }
    if ["etc", "usr", "bin"].iter().all(|name| has(name)) {
        return "not an OCI image layout: it looks like the root file system of a container; an image is written \
                by: skopeo copy docker://IMAGE oci:FOLDER"
            .to_owned();
    }
    "not an OCI image layout: it has no index.json; such a folder is written by: skopeo copy docker://IMAGE \
     oci:FOLDER"
        .to_owned()
}

/// Reads an archive or a manifest from front to back, plain, gzip or zstd.
///
/// # Errors
/// As [`read_path`].
pub fn read_stream(file: impl Read, options: &mut Options<'_>) -> Result<Layout, LayoutError> {
    let failed = |error| LayoutError::Io(String::new(), error);
    let mut file = Unpacked::open(file).map_err(failed)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    // A file that ended is not read again: a terminal would wait for a second end.
    let rest = if head.len() < HEAD { 0 } else { u64::MAX };
    match guess(&head) {
        Guess::Archive => read_archive(Cursor::new(head).chain(file.take(rest)), options),
        Guess::Json => {
            file.take(rest.min(MAX_DOCUMENT as u64)).read_to_end(&mut head).map_err(failed)?;
            read_manifest(&head, options)
        }
        Guess::Neither => Err(LayoutError::whole(looks_like(&head))),
    }
}

/// Says what a file that is not an archive of images looks like.
fn looks_like(head: &[u8]) -> String {
    const HOW: &str =
        "an archive is written by: docker save IMAGE, or skopeo copy docker://IMAGE oci-archive:FILE";
    if head.is_empty() {
        return format!("not an image: it is empty; {HOW}");
    }
    if let Err(error) = foreign::check(head) {
        return format!("not an image: {error}");
    }
    if head.first() == Some(&b'[') {
        return format!(
            "not an image: it looks like the list of docker inspect or the manifest.json of an archive; {HOW}"
        );
    }
    let is_text = !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31));
    if is_text {
        return format!(
            "not an image: it looks like text, perhaps a list of digests for layercheck plan; {HOW}"
        );
    }
    format!("not an image: it is neither a tar archive, plain, gzip or zstd, nor a manifest; {HOW}")
}

fn read_archive(file: impl Read, options: &mut Options<'_>) -> Result<Layout, LayoutError> {
    let mut archive = Archive::read(file, options)?;
    let index = archive.document_named(b"index.json");
    let manifest = archive.document_named(docker::MANIFEST.as_bytes());
    let entries = manifest.as_deref().map(docker::entries).transpose();
    // A broken manifest.json does not matter beside an index.json.
    let (entries, trouble) = match entries {
        Ok(entries) => (entries, None),
        Err(error) => (None, Some(error)),
    };
    let repositories = archive.document_named(docker::REPOSITORIES.as_bytes());
    let form = match (&index, &entries, &repositories) {
        (Some(_), ..) => Form::Archive,
        (None, Some(_), _) => Form::DockerArchive,
        (None, None, _) if trouble.is_some() => return Err(trouble.unwrap_or_else(|| LayoutError::whole(""))),
        (None, None, Some(_)) => Form::OldDockerArchive,
        (None, None, None) => return Err(LayoutError::whole(not_of_images(&archive))),
    };
    let problems = std::mem::take(&mut archive.problems);
    let check = Check::new(&mut *options.check);
    let shared = match options.blobs {
        Some(shared) => Some(Folder::shared(shared, options.verify == Some(true), check.clone())?),
        None => None,
    };
    let store = WithShared { archive: &archive, shared };
    let mut walk = Walk::new(&store, form, options.keep_content, check);
    walk.problems.append(problems);
    walk.layout.notes.clone_from(&archive.notes);
    match (form, &index, &entries, &repositories) {
        (Form::Archive, Some(index), entries, _) => {
            walk.index("index.json", index)?;
            if let Some(entries) = entries {
                docker::complete(&mut walk, &archive, entries)?;
            }
        }
        (_, _, Some(entries), _) => {
            for entry in entries {
                docker::add(&mut walk, &archive, entry)?;
            }
            if entries.is_empty() {
                return Err(LayoutError::unusable(docker::MANIFEST, "it names no image"));
            }
        }
        (_, _, _, Some(repositories)) => docker::add_old(&mut walk, &archive, repositories)?,
        _ => {}
    }
    walk.finish()
}

/// Says what an archive without images looks like.
fn not_of_images(archive: &Archive) -> String {
    if archive.is_empty() {
        return "not an archive of images: it is empty; such an archive is written by: docker save IMAGE"
            .to_owned();
    }
    if let Some(folder) = archive.folder_of_layout() {
        let shown = Quoted(folder.as_bytes());
        return format!(
            "not an archive of images: it holds a layout in the folder {shown}; pack the content of the folder, \
             with: tar -C FOLDER -cf image.tar ."
        );
    }
    if archive.has_folder_of_system {
        return "not an archive of images: it looks like the files of a container, of docker export; an image is \
                written by: docker save IMAGE"
            .to_owned();
    }
    "not an archive of images: it has no index.json and no manifest.json; such an archive is written by: docker \
     save IMAGE, or skopeo copy docker://IMAGE oci-archive:FILE"
        .to_owned()
}

/// An archive, and a folder for what it lacks.
struct WithShared<'a> {
    archive: &'a Archive,
    shared: Option<Folder<'a>>,
}

impl WithShared<'_> {
    fn or_shared(
        &self,
        found: Found,
        find: impl FnOnce(&Folder<'_>) -> Result<Found, LayoutError>,
    ) -> Result<Found, LayoutError> {
        match (&found, &self.shared) {
            (Found::Nothing, Some(shared)) => find(shared),
            _ => Ok(found),
        }
    }
}

impl Store for WithShared<'_> {
    fn document(&self, digest: &Digest) -> Result<Found, LayoutError> {
        self.or_shared(self.archive.document(digest)?, |shared| shared.document(digest))
    }

    fn blob(&self, digest: &Digest) -> Result<Found, LayoutError> {
        self.or_shared(self.archive.blob(digest)?, |shared| shared.blob(digest))
    }
}

/// Nothing beside a document alone.
struct Nowhere;

impl Store for Nowhere {
    fn document(&self, _: &Digest) -> Result<Found, LayoutError> {
        Ok(Found::Nothing)
    }

    fn blob(&self, _: &Digest) -> Result<Found, LayoutError> {
        Ok(Found::Nothing)
    }
}

/// Reads a manifest or an index alone. What it names may be anywhere, so its state is unknown, unless there is a
/// folder of blobs.
fn read_manifest(content: &[u8], options: &mut Options<'_>) -> Result<Layout, LayoutError> {
    Manifest::read(content, None).map_err(|error| LayoutError::whole(not_an_index(error)))?;
    let check = Check::new(&mut *options.check);
    let shared = match options.blobs {
        Some(shared) => Some(Folder::shared(shared, options.verify == Some(true), check.clone())?),
        None => None,
    };
    let is_alone = shared.is_none();
    let store: &dyn Store = shared.as_ref().map_or(&Nowhere, |shared| shared);
    let mut walk = Walk::new(store, Form::Document, options.keep_content, check);
    let document = walk.new_document(Some(digest_of(content)), State::Present)?;
    let top = &mut walk.layout.documents[document as usize];
    top.size = Some(content.len() as u64);
    top.content = options.keep_content.then(|| content.into());
    walk.read_into(document, "the manifest", content, None, 0)?;
    walk.image(document, Vec::new())?;
    let mut layout = walk.finish()?;
    if is_alone {
        // Nothing is lacking, because the source was never meant to hold it.
        layout.problems.retain(|problem| problem.kind != ProblemKind::Lacking);
        layout.documents[1..].iter_mut().for_each(|document| document.state = State::Unknown);
        layout.blobs.iter_mut().for_each(|blob| blob.state = State::Unknown);
    }
    Ok(layout)
}
