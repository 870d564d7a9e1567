//! What a layout holds: images, the documents that make them, the blobs that these name.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::{DigestFault, Kind, Platform, Role};

/// What kind of source was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// A folder with `index.json` and `blobs`.
    Folder,
    /// The same, packed by tar.
    Archive,
    /// An archive of `docker save` and its like, without documents of OCI: `manifest.json` names the files.
    DockerArchive,
    /// An archive of Docker before 1.10: `repositories` and a folder for each layer.
    OldDockerArchive,
    /// One manifest or index alone.
    Document,
}

impl Form {
    /// Returns the form in words, with its article.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Folder => "an OCI image layout",
            Self::Archive => "an OCI archive",
            Self::DockerArchive => "a docker archive",
            Self::OldDockerArchive => "a docker archive of before 2016",
            Self::Document => "a manifest",
        }
    }

    /// Returns the form's word in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folder => "oci-layout",
            Self::Archive => "oci-archive",
            Self::DockerArchive => "docker-archive",
            Self::OldDockerArchive => "docker-archive-v1",
            Self::Document => "manifest",
        }
    }
}

/// Whether the source has a document or a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum State {
    /// It is there. Whether its content was hashed depends on the source and on `verify`.
    Present,
    /// It is named, but not there. The specification allows that.
    Lacking,
    /// It is there, but its size or its hash is not the one that names it.
    Damaged,
    /// It is there, but is not a manifest or an index that can be read.
    Unreadable,
    /// The source is one document, so nobody can tell.
    Unknown,
}

impl State {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 5] = [Self::Present, Self::Lacking, Self::Damaged, Self::Unreadable, Self::Unknown];

    /// Returns the state's word in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Lacking => "lacking",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
        }
    }
}

/// A document at the top of a layout, and the names that the layout gives to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Tags or references, in the order of the layout; empty for an image without a name.
    pub names: Vec<String>,
    /// Its number among the documents.
    pub document: u32,
}

/// A manifest or an index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Its digest; None for an image of a docker archive, which has no manifest before it is pushed.
    pub digest: Option<Digest>,
    /// What it is. `Unknown` for a document that is not there or unreadable.
    pub kind: Kind,
    /// Number of its media type.
    pub media_type: u32,
    /// Its size in bytes: of what is there, or else what its descriptor says.
    pub size: Option<u64>,
    /// Whether it is there.
    pub state: State,
    /// Whether an index lists it as an attestation, or it is one by its content.
    pub is_attestation: bool,
    /// Its platform: of the descriptor, or else of its config.
    pub platform: Option<Box<Platform<'static>>>,
    /// The documents that it lists, by number.
    pub children: Vec<u32>,
    /// The blobs that it names, in their order. The same blob may come several times.
    pub parts: Vec<Part>,
    /// Parts whose digest cannot be used; each is a [`Problem`].
    pub unusable: u32,
    /// Its content, if it was asked for.
    #[serde(skip)]
    pub content: Option<Arc<[u8]>>,
}

/// A blob in its role for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The blob, or what stands in its place.
    pub target: Target,
    /// What it is to the document.
    pub role: Role,
}

impl Part {
    /// Returns the number of the blob, if its digest can be used.
    #[must_use]
    pub const fn blob(self) -> Option<u32> {
        if let Target::Blob(blob) = self.target { Some(blob) } else { None }
    }
}

/// What a document names as a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The blob with this number.
    Blob(u32),
    /// A digest that cannot be used: the text with this number.
    Unusable(u32),
}

/// A config or a layer, once for the whole layout.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes: of its descriptor, or else of what is there.
    pub size: Option<u64>,
    /// Number of its media type.
    pub media_type: u32,
    /// Whether it is there.
    pub state: State,
    /// Whether a document has it as its config.
    pub is_config: bool,
    /// Whether a document has it as a layer.
    pub is_layer: bool,
    /// Whether it is a layer that is not to be distributed, which a push leaves out.
    pub is_foreign: bool,
    /// Whether its descriptor has `urls`.
    pub has_urls: bool,
    /// Whether it is a plain tar that Docker compresses when it pushes: then the digest in the registry is
    /// another one, which is not known before.
    pub is_unpacked: bool,
}

/// What kind of thing is wrong with one part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProblemKind {
    /// A document or a file of an image is named, and not there.
    Lacking,
    /// A document or a blob is not the one that its name says.
    Damaged,
    /// A document cannot be read.
    Unreadable,
    /// A document names a part by a digest that cannot be used.
    Digest(DigestFault),
    /// An entry of the archive has a name that leaves the archive.
    Name,
}

/// What is wrong with one part of a layout, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// The file or entry, and in a document the offset.
    pub place: String,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Everything that one source holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Layout {
    /// What kind of source it is.
    pub form: Form,
    /// The documents at the top, each once.
    pub images: Vec<Image>,
    /// All documents that these lead to, each once.
    pub documents: Vec<Document>,
    /// All blobs that the documents name, each once, in the order of their appearance.
    pub blobs: Vec<Blob>,
    /// The texts of digests that cannot be used.
    pub unusable: Vec<Box<str>>,
    /// What is wrong, at most [`MAX_PROBLEMS`](super::MAX_PROBLEMS) of it.
    pub problems: Vec<Problem>,
    /// Problems that are not in the list.
    pub more_problems: usize,
    /// What a reader should know beside the content, in sentences.
    pub notes: Vec<String>,
    /// The texts of media types; number 0 is the empty one.
    pub media_types: Vec<Box<str>>,
}

impl Layout {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            images: Vec::new(),
            documents: Vec::new(),
            blobs: Vec::new(),
            unusable: Vec::new(),
            problems: Vec::new(),
            more_problems: 0,
            notes: Vec::new(),
            media_types: vec!["".into()],
        }
    }

    /// Returns the text of a media type.
    #[must_use]
    pub fn media_type(&self, number: u32) -> &str {
        &self.media_types[number as usize]
    }

    /// Returns the numbers of a document and of all documents below it, each once, parents before children.
    #[must_use]
    pub fn below(&self, document: u32) -> Vec<u32> {
        let mut order = vec![document];
        let mut seen = HashSet::from([document]);
        let mut next = 0;
        while let Some(&at) = order.get(next) {
            next += 1;
            for &child in &self.documents[at as usize].children {
                if seen.insert(child) {
                    order.push(child);
                }
            }
        }
        order
    }

    /// Returns whether the images name documents and blobs more than `most` times.
    pub(in crate::layout) fn names_more_than(&self, most: usize) -> bool {
        let of = |document: &Document| 1 + document.children.len() + document.parts.len();
        let once: usize = self.documents.iter().map(of).sum();
        if self.images.len().saturating_mul(once) <= most {
            return false;
        }
        let mut left = most;
        for image in &self.images {
            for document in self.below(image.document) {
                match left.checked_sub(of(&self.documents[document as usize])) {
                    Some(rest) => left = rest,
                    None => return true,
                }
            }
        }
        false
    }

    /// Returns whether a push of everything could succeed from this source alone: nothing is lacking, damaged
    /// or unreadable, except layers that are not to be distributed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_whole = |state| matches!(state, State::Present | State::Unknown);
        self.documents.iter().all(|document| is_whole(document.state) && document.unusable == 0)
            && self.blobs.iter().all(|blob| is_whole(blob.state) || blob.is_foreign)
    }
}
