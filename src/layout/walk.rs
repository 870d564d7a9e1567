//! From the documents at the top of a layout to everything that they name.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::archive::hex;
use super::error::LayoutError;
use super::model::{Blob, Document, Form, Image, Layout, Part, Problem, ProblemKind, State, Target};
use super::store::{Check, Content, Found, Store};
use super::{MAX_DEPTH, MAX_DOCUMENTS, MAX_NAMED, Problems, shortened};
use crate::digest::Digest;
use crate::manifest::{
    Child, Descriptor, ImageConfig, Kind, KnownType, Manifest, ManifestError, MediaType, Platform, Role,
    Unusable,
};
use crate::memory;

/// Most characters of a media type, a word of a platform, and a name that are kept.
const MAX_MEDIA_TYPE: usize = 255;
const MAX_WORD: usize = 128;
const MAX_NAME: usize = 1_024;

/// What is said of a document that the layout names and does not have.
pub(super) const NOT_THERE: &str = "named, but not in the layout";

/// What is said of a document or a blob whose hash is not its name.
pub(super) const NOT_ITS_NAME: &str = "its content does not hash to its name";

/// Reads documents and collects what they name.
pub(super) struct Walk<'a> {
    store: &'a dyn Store,
    pub(super) layout: Layout,
    documents: HashMap<Digest, u32>,
    blobs: HashMap<Digest, u32>,
    media_types: HashMap<Box<str>, u32>,
    images: HashMap<u32, usize>,
    names: HashSet<(u32, String)>,
    keep_content: bool,
    check: Check<'a>,
    pub(super) problems: Problems,
}

impl<'a> Walk<'a> {
    pub(super) fn new(store: &'a dyn Store, form: Form, keep_content: bool, check: Check<'a>) -> Self {
        Self {
            store,
            layout: Layout::new(form),
            documents: HashMap::new(),
            blobs: HashMap::new(),
            media_types: HashMap::from([("".into(), 0)]),
            images: HashMap::new(),
            names: HashSet::new(),
            keep_content,
            check,
            problems: Problems::default(),
        }
    }

    /// Returns the layout.
    ///
    /// # Errors
    /// If its images share so much that a table of them would have no bound.
    pub(super) fn finish(mut self) -> Result<Layout, LayoutError> {
        (self.layout.problems, self.layout.more_problems) = self.problems.finish();
        if self.layout.names_more_than(MAX_NAMED) {
            return Err(LayoutError::whole(format!(
                "its images name documents and blobs more than {MAX_NAMED} times"
            )));
        }
        Ok(self.layout)
    }

    /// Follows the documents that `index.json` lists. Blobs that it lists belong to no image.
    pub(super) fn index(&mut self, place: &str, content: &[u8]) -> Result<(), LayoutError> {
        let index = Manifest::read(content, None)
            .map_err(|error| LayoutError::unusable(place, not_an_index(error)))?;
        if index.kind != Kind::Index {
            // Some programs write the only manifest there; it is the image.
            let document = self.new_document(None, State::Present)?;
            let digest = crate::manifest::digest_of(content);
            self.documents.insert(digest, document);
            self.layout.documents[document as usize].digest = Some(digest);
            self.read_into(document, place, content, None, 0)?;
            return self.image(document, Vec::new());
        }
        for child in &index.children {
            if !child.is_document() {
                // The specification asks readers to ignore unknown types here.
                self.note(
                    "index.json lists blobs beside images; they belong to no image, so they are left out",
                );
                continue;
            }
            match self.child(child, 1)? {
                Some(document) => {
                    let names = names_of(child.child.as_deref());
                    self.image(document, names)?;
                }
                None => self.unusable(place, child),
            }
        }
        Ok(())
    }

    /// Adds a part to a document.
    pub(super) fn part(&mut self, document: u32, target: Target, role: Role) -> Result<(), LayoutError> {
        memory::push(&mut self.layout.documents[document as usize].parts, Part { target, role })?;
        Ok(())
    }

    /// Adds a part whose digest cannot be used.
    pub(super) fn unusable_part(&mut self, document: u32, text: &str, role: Role) -> Result<(), LayoutError> {
        let number = self.layout.unusable.len() as u32;
        memory::push(&mut self.layout.unusable, shortened(text, MAX_MEDIA_TYPE).into())?;
        self.layout.documents[document as usize].unusable += 1;
        self.part(document, Target::Unusable(number), role)
    }

    /// Adds a document at the top, or names to one that is there.
    pub(super) fn image(&mut self, document: u32, names: Vec<String>) -> Result<(), LayoutError> {
        let number = self.layout.images.len();
        let at = *self.images.entry(document).or_insert(number);
        if at == number {
            memory::push(&mut self.layout.images, Image { names: Vec::new(), document })?;
        }
        for name in names {
            if self.names.insert((document, name.clone())) {
                memory::push(&mut self.layout.images[at].names, name)?;
            }
        }
        Ok(())
    }

    /// Takes a document away from the top.
    pub(super) fn drop_image(&mut self, document: u32) {
        self.layout.images.retain(|image| image.document != document);
        self.images = self.layout.images.iter().enumerate().map(|(at, image)| (image.document, at)).collect();
    }

    /// Adds a sentence for people, once.
    pub(super) fn note(&mut self, note: &str) {
        if !self.layout.notes.iter().any(|known| known == note) {
            self.layout.notes.push(note.to_owned());
        }
    }

    /// Adds the document of a descriptor, and what it names; returns None if its digest cannot be used.
    fn child(&mut self, child: &Descriptor<'_>, depth: usize) -> Result<Option<u32>, LayoutError> {
        self.check.call()?;
        let Some(digest) = child.key() else {
            return Ok(None);
        };
        if let Some(&known) = self.documents.get(&digest) {
            self.describe(known, child);
            self.compare_size(known, child);
            return Ok(Some(known));
        }
        let document = self.new_document(Some(digest), State::Lacking)?;
        self.documents.insert(digest, document);
        let media_type = self.media_type(child.media_type.text())?;
        let here = &mut self.layout.documents[document as usize];
        here.media_type = media_type;
        here.size = child.size;
        self.describe(document, child);
        let place = place_of(&digest);
        if depth > MAX_DEPTH {
            self.state(document, State::Unreadable);
            self.problem(ProblemKind::Unreadable, &place, format!("indexes nest more than {MAX_DEPTH} deep"));
            return Ok(Some(document));
        }
        let (state, size, text) = match self.store.document(&digest)? {
            Found::Nothing => (State::Lacking, None, NOT_THERE.to_owned()),
            Found::Damaged(size) => (State::Damaged, Some(size), NOT_ITS_NAME.to_owned()),
            Found::TooLong(size) => {
                (State::Unreadable, Some(size), "larger than the 4 MiB of a manifest".to_owned())
            }
            Found::NotADocument(size) | Found::Blob(size) => {
                (State::Unreadable, Some(size), "not a manifest or an index: it is not JSON".to_owned())
            }
            Found::NotAFile => (State::Damaged, None, "not a regular file".to_owned()),
            Found::Content(content) => {
                let here = &mut self.layout.documents[document as usize];
                here.state = State::Present;
                here.size = Some(content.len() as u64);
                here.content = self.keep_content.then(|| content.clone());
                let declared = child.media_type.text();
                self.read_into(document, &place, &content, Some(declared), depth)?;
                self.compare_size(document, child);
                return Ok(Some(document));
            }
        };
        let here = &mut self.layout.documents[document as usize];
        here.state = state;
        here.size = size.or(here.size);
        let kind = match state {
            State::Lacking => ProblemKind::Lacking,
            State::Damaged => ProblemKind::Damaged,
            _ => ProblemKind::Unreadable,
        };
        self.problem(kind, &place, text);
        Ok(Some(document))
    }

    /// Reads the content of a document, and follows what it names.
    pub(super) fn read_into(
        &mut self,
        document: u32,
        place: &str,
        content: &[u8],
        declared: Option<&str>,
        depth: usize,
    ) -> Result<(), LayoutError> {
        let manifest = match Manifest::read(content, declared) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.state(document, State::Unreadable);
                self.problem(ProblemKind::Unreadable, place, not_an_index(error));
                return Ok(());
            }
        };
        let at = document as usize;
        if !manifest.media_type.is_absent() {
            self.layout.documents[at].media_type = self.media_type(manifest.media_type.text())?;
        }
        let is_attestation = manifest.kind == Kind::Attestation || self.layout.documents[at].is_attestation;
        self.layout.documents[at].kind = if is_attestation { Kind::Attestation } else { manifest.kind };
        self.layout.documents[at].is_attestation = is_attestation;
        for (role, blob) in manifest.blobs() {
            if let Some(blob) = self.blob(blob, role)? {
                self.part(document, Target::Blob(blob), role)?;
            } else {
                let text = blob.digest.as_ref().err().map(|unusable| &*unusable.text);
                self.unusable(place, blob);
                self.unusable_part(document, text.unwrap_or_default(), role)?;
            }
        }
        let mut listed = HashSet::new();
        for child in manifest.documents() {
            if let Some(child) = self.child(child, depth + 1)? {
                if listed.insert(child) {
                    memory::push(&mut self.layout.documents[at].children, child)?;
                }
            } else {
                self.layout.documents[at].unusable += 1;
                self.unusable(place, child);
            }
        }
        if manifest.kind == Kind::Image && self.layout.documents[at].platform.is_none() {
            let config = manifest.config.as_ref().and_then(Descriptor::key);
            self.layout.documents[at].platform = match config {
                Some(config) => self.platform_of(&config)?,
                None => None,
            };
        }
        Ok(())
    }

    /// Reads the platform in the config of an image.
    fn platform_of(&mut self, config: &Digest) -> Result<Option<Box<Platform<'static>>>, LayoutError> {
        let Found::Content(content) = self.store.document(config)? else {
            return Ok(None);
        };
        let read = ImageConfig::read(&content).ok();
        Ok(read.and_then(|config| config.platform).map(|platform| kept(&platform)))
    }

    /// Adds a blob, or another role of one that is there; returns None if its digest cannot be used.
    fn blob(&mut self, part: &Descriptor<'_>, role: Role) -> Result<Option<u32>, LayoutError> {
        let Some(digest) = part.key() else {
            return Ok(None);
        };
        let is_foreign = part.media_type.is_foreign();
        let number = if let Some(&known) = self.blobs.get(&digest) {
            let blob = &self.layout.blobs[known as usize];
            if blob.state == State::Present
                && let Some(fault) = other_size(blob.size, part.size)
            {
                self.layout.blobs[known as usize].state = State::Damaged;
                self.problem(ProblemKind::Damaged, &place_of(&digest), fault);
            }
            known
        } else {
            let blob = self.look_at(digest, part)?;
            self.new_blob(blob)?
        };
        let blob = &mut self.layout.blobs[number as usize];
        blob.is_config |= role == Role::Config;
        blob.is_layer |= role == Role::Layer;
        blob.has_urls |= part.has_urls;
        // What one image may push, another may need: it is foreign only if all say so.
        blob.is_foreign &= is_foreign;
        blob.size = blob.size.or(part.size);
        if blob.media_type == 0 && !part.media_type.is_absent() {
            let media_type = self.media_type(part.media_type.text())?;
            self.layout.blobs[number as usize].media_type = media_type;
        }
        Ok(Some(number))
    }

    /// Looks whether a blob is there, and whole as far as its size tells.
    fn look_at(&mut self, digest: Digest, part: &Descriptor<'_>) -> Result<Blob, LayoutError> {
        let (found, fault) = match self.store.blob(&digest)? {
            Found::Blob(size) => (Some(size), None),
            Found::Content(content) => (Some(content.len() as u64), None),
            Found::Nothing => (None, None),
            Found::Damaged(size) | Found::TooLong(size) | Found::NotADocument(size) => {
                (Some(size), Some(NOT_ITS_NAME.to_owned()))
            }
            Found::NotAFile => (None, Some("not a regular file".to_owned())),
        };
        let fault = fault.or_else(|| other_size(found, part.size));
        let state = match (&fault, found) {
            (Some(_), _) => State::Damaged,
            (None, Some(_)) => State::Present,
            (None, None) => State::Lacking,
        };
        if let Some(fault) = fault {
            self.problem(ProblemKind::Damaged, &place_of(&digest), fault);
        }
        Ok(Blob {
            digest,
            size: part.size.or(found),
            media_type: self.media_type(part.media_type.text())?,
            state,
            is_config: false,
            is_layer: false,
            is_foreign: part.media_type.is_foreign(),
            has_urls: part.has_urls,
            is_unpacked: false,
        })
    }

    /// Adds a blob of a docker archive by the hash of its file.
    pub(super) fn file(&mut self, blob: &Blob) -> Result<u32, LayoutError> {
        let number = match self.blobs.get(&blob.digest) {
            Some(&known) => known,
            None => self.new_blob(blob.clone())?,
        };
        let known = &mut self.layout.blobs[number as usize];
        known.is_config |= blob.is_config;
        known.is_layer |= blob.is_layer;
        Ok(number)
    }

    fn new_blob(&mut self, blob: Blob) -> Result<u32, LayoutError> {
        let number = self.layout.blobs.len() as u32;
        let digest = blob.digest;
        memory::push(&mut self.layout.blobs, blob)?;
        self.blobs.try_reserve(1).map_err(|_| memory::OutOfMemory { bytes: self.blobs.len() * 40 })?;
        self.blobs.insert(digest, number);
        Ok(number)
    }

    pub(super) fn new_document(&mut self, digest: Option<Digest>, state: State) -> Result<u32, LayoutError> {
        if self.layout.documents.len() >= MAX_DOCUMENTS {
            return Err(LayoutError::whole(format!(
                "more than {MAX_DOCUMENTS} indexes and manifests, which is the most of one layout; split it"
            )));
        }
        let number = self.layout.documents.len() as u32;
        let document = Document {
            digest,
            kind: Kind::Unknown,
            media_type: 0,
            size: None,
            state,
            is_attestation: false,
            platform: None,
            children: Vec::new(),
            parts: Vec::new(),
            unusable: 0,
            content: None,
        };
        memory::push(&mut self.layout.documents, document)?;
        Ok(number)
    }

    /// Keeps what a descriptor says of a document, where nothing is known yet.
    fn describe(&mut self, document: u32, child: &Descriptor<'_>) {
        let here = &mut self.layout.documents[document as usize];
        if child.is_attestation() {
            here.is_attestation = true;
            here.kind = Kind::Attestation;
        }
        if here.platform.is_none() {
            here.platform = child.platform().map(kept);
        }
    }

    /// Marks a document as damaged if a descriptor says another size than it has.
    ///
    /// The image specification says that such content should not be trusted. Its blobs are known nevertheless,
    /// because it hashes to its digest.
    fn compare_size(&mut self, document: u32, child: &Descriptor<'_>) {
        let here = &self.layout.documents[document as usize];
        // The digest of a signed schema 1 manifest is that of its payload, and so may be the size.
        if here.state != State::Present || here.kind == Kind::Schema1 {
            return;
        }
        if let (Some(fault), Some(digest)) = (other_size(here.size, child.size), here.digest) {
            self.state(document, State::Damaged);
            self.problem(ProblemKind::Damaged, &place_of(&digest), fault);
        }
    }

    pub(super) fn media_type(&mut self, text: &str) -> Result<u32, LayoutError> {
        if let Some(&known) = self.media_types.get(text) {
            return Ok(known);
        }
        let kept: Box<str> = shortened(text, MAX_MEDIA_TYPE).into();
        if let Some(&known) = self.media_types.get(&kept) {
            return Ok(known);
        }
        let number = self.layout.media_types.len() as u32;
        memory::push(&mut self.layout.media_types, kept.clone())?;
        self.media_types.insert(kept, number);
        Ok(number)
    }

    pub(super) fn state(&mut self, document: u32, state: State) {
        self.layout.documents[document as usize].state = state;
    }

    pub(super) fn problem(&mut self, kind: ProblemKind, place: &str, text: String) {
        self.problems.add(Problem { kind, place: place.to_owned(), text });
    }

    /// Says that a part of a document cannot be used.
    fn unusable(&mut self, place: &str, part: &Descriptor<'_>) {
        if let Err(unusable) = &part.digest {
            let place = format!("{place}, byte {}", part.offset);
            self.problem(ProblemKind::Digest(unusable.fault), &place, says(unusable));
        }
    }
}

/// Returns where a layout has a document or a blob.
pub(super) fn place_of(digest: &Digest) -> String {
    format!("blobs/sha256/{}", hex(digest))
}

/// Returns what is said of content whose descriptor gives another size; None if one of the two is not known.
fn other_size(found: Option<u64>, said: Option<u64>) -> Option<String> {
    let (found, said) = (found?, said?);
    (found != said).then(|| format!("it has {found} bytes, and its descriptor says {said}"))
}

fn says(unusable: &Unusable<'_>) -> String {
    use crate::manifest::DigestFault;
    let text = crate::input::Quoted(unusable.text.as_bytes());
    match unusable.fault {
        DigestFault::Missing => "a part without a digest".to_owned(),
        DigestFault::Malformed => format!("the digest {text} is malformed"),
        DigestFault::UpperCase => format!("the digest {text} has upper-case letters, which OCI forbids"),
        DigestFault::UnsupportedAlgorithm => {
            format!("the digest {text} is not a sha256, and ECR takes no other")
        }
    }
}

pub(super) fn not_an_index(error: ManifestError) -> String {
    format!("not a manifest or an index: it {} (byte {})", error.kind.says(), error.offset)
}

#[expect(clippy::unnecessary_box_returns, reason = "documents hold a box, because few have one")]
fn kept(platform: &Platform<'_>) -> Box<Platform<'static>> {
    let word = |text: &str| Cow::Owned(shortened(text, MAX_WORD).into_owned());
    Box::new(Platform {
        os: word(&platform.os),
        architecture: word(&platform.architecture),
        variant: word(&platform.variant),
        os_version: word(&platform.os_version),
    })
}

/// Returns the name of an image: the full reference that containerd gives, or else the specification's.
fn names_of(child: Option<&Child<'_>>) -> Vec<String> {
    let Some(child) = child else {
        return Vec::new();
    };
    let given = [&child.image_name, &child.ref_name].into_iter().flatten().find(|name| !name.is_empty());
    given.map(|name| shortened(name, MAX_NAME).into_owned()).into_iter().collect()
}

/// Returns the media type that a builder would give to a layer.
pub(super) const fn layer_type(content: Content) -> &'static str {
    match content {
        Content::Tar => KnownType::DockerTar.text(),
        Content::Gzip => KnownType::DockerTarGzip.text(),
        Content::Zstd => KnownType::DockerTarZstd.text(),
        Content::Json | Content::Other => "",
    }
}

/// Returns whether a media type is that of a plain tar.
pub(super) fn is_plain(media_type: &str) -> bool {
    let known = MediaType::of(Cow::Borrowed(media_type)).known();
    matches!(known, Some(KnownType::OciTar | KnownType::DockerTar))
}
