//! Reads the documents of images: manifests, indexes, manifest lists, schema 1, artifacts, attestations.
//!
//! The interface: [`Manifest::read`] takes the bytes of one document and gives its parts as
//! [`Descriptor`]s; [`verify`] and [`digest_of`] join a document and its digest; [`ImageConfig::read`] reads
//! the config of an image. There is no input or output here, and texts are borrowed from the document.
//!
//! The reader is lenient for each part and strict for the whole. A part with a digest that ECR cannot have (of
//! another algorithm, malformed, upper case) is kept with the reason and its offset, and the other parts stay
//! usable; a size that is negative, absent or not an integer is unknown; a value of the wrong type counts as
//! absent, `"manifests": null` as an empty list; unknown members are skipped; the last of two equal keys
//! counts, as in Go and Python. But a document that one client reads as an index and another as a manifest is
//! an error, because no answer about it is true for both.
//!
//! Sources: the OCI image specification (`manifest.md`, `image-index.md`, `descriptor.md`), Docker's image
//! manifest version 2 schema 1 and schema 2. Tests compare the reader with `oci-spec` and with a slow reader
//! over a tree of `serde_json` (`tests/rust/manifest`, `tests/fuzz`).

mod config;
mod descriptor;
mod error;
mod media_type;
mod sha256;
mod verify;

use std::borrow::Cow;

pub use config::ImageConfig;
pub use descriptor::{Child, Descriptor, DigestFault, Platform, Unusable};
pub use error::{ManifestError, ManifestErrorKind};
pub use media_type::{Family, KnownType, MediaType};
pub use sha256::{sha256, sha256_all, sha256_kernel};
pub use verify::{digest_of, verify, verify_hashed};

use serde::{Deserialize, Serialize};

use crate::json::{self, Scanner, Text};
use crate::memory;
use descriptor::Place;

/// Longest document that is read, in bytes. The distribution specification asks registries to take 4 MB, and
/// ECR takes 4,194,304 characters (botocore shape `ImageManifest`).
pub const MAX_DOCUMENT: usize = 4 << 20;

/// Most descriptors of one document.
pub const MAX_DESCRIPTORS: usize = 100_000;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// An image for one platform.
    Image,
    /// A list of other documents: OCI's index, Docker's manifest list.
    Index,
    /// What somebody says about an image, as BuildKit attaches it.
    Attestation,
    /// Content that is not an image: a Helm chart, an SBOM, a signature.
    Artifact,
    /// An image in Docker's first format, which has no config.
    Schema1,
    /// A document with a media type that this crate does not know, read by its members.
    Unknown,
}

impl Kind {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 6] =
        [Self::Image, Self::Index, Self::Attestation, Self::Artifact, Self::Schema1, Self::Unknown];

    /// Returns the kind's word in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Index => "index",
            Self::Attestation => "attestation",
            Self::Artifact => "artifact",
            Self::Schema1 => "schema1",
            Self::Unknown => "unknown",
        }
    }
}

/// What a blob is to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Role {
    /// The config of an image or an artifact.
    Config,
    /// A layer, a blob of an artifact, or a blob that an index lists as a child.
    Layer,
}

impl Role {
    /// Returns the role's word in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Layer => "layer",
        }
    }
}

/// One document of an image. Texts without escapes are borrowed from it.
#[derive(Clone, Debug)]
pub struct Manifest<'a> {
    /// What the document is.
    pub kind: Kind,
    /// `mediaType`, as the document gives it.
    pub media_type: MediaType<'a>,
    /// `artifactType`.
    pub artifact_type: Option<Cow<'a, str>>,
    /// `config`; None for an index and for schema 1, and if the document gives null.
    pub config: Option<Descriptor<'a>>,
    /// `layers`, or `fsLayers` of schema 1 (newest first, the empty layer repeated), or `blobs` of an artifact.
    pub layers: Vec<Descriptor<'a>>,
    /// `manifests`: of an index. [`Descriptor::is_document`] tells children from blobs.
    pub children: Vec<Descriptor<'a>>,
    /// `subject`: another document that this one is about. It may not exist, by the specification.
    pub subject: Option<Descriptor<'a>>,
}

impl<'a> Manifest<'a> {
    /// Reads a document. `declared` is the media type that its descriptor, or the answer that it came with,
    /// gives; it counts for a document without one of its own.
    ///
    /// ```
    /// use layercheck::manifest::{Kind, Manifest};
    ///
    /// let document = br#"{"manifests": [{"digest": "sha512:00", "size": -1}, {"digest": "md5:ff"}]}"#;
    /// let index = Manifest::read(document, None).unwrap();
    /// assert_eq!((index.kind, index.children.len()), (Kind::Index, 2));
    /// assert_eq!(index.children[0].digest.as_ref().unwrap_err().fault.name(), "malformed_digest");
    /// assert_eq!(index.children[1].offset, 52);
    /// ```
    ///
    /// # Errors
    /// If the document is beyond a limit, is not a JSON object, has none of the members of a manifest or an
    /// index, or is of two kinds at once.
    pub fn read(document: &'a [u8], declared: Option<&str>) -> Result<Self, ManifestError> {
        if document.len() > MAX_DOCUMENT {
            return Err(ManifestErrorKind::TooLong.at(MAX_DOCUMENT));
        }
        let mut json = Scanner::new(json::checked(document)?);
        let mut members = Members::default();
        if !json.document(|json| members.read(json))? {
            return Err(ManifestErrorKind::NotAnObject.at(0));
        }
        members.finish(declared, document.len())
    }

    /// Returns the blobs that the document itself names: its config, its layers, and children of an index that
    /// are blobs. A blob may come several times.
    pub fn blobs(&self) -> impl Iterator<Item = (Role, &Descriptor<'a>)> {
        let config = self.config.iter().map(|config| (Role::Config, config));
        let blobs = self.children.iter().filter(|child| !child.is_document());
        config.chain(self.layers.iter().chain(blobs).map(|layer| (Role::Layer, layer)))
    }

    /// Returns the documents that an index lists. A document may come several times.
    pub fn documents(&self) -> impl Iterator<Item = &Descriptor<'a>> {
        self.children.iter().filter(|child| child.is_document())
    }
}

/// The members of a document, before it is known what the document is.
#[derive(Default)]
struct Members<'a> {
    media_type: MediaType<'a>,
    artifact_type: Option<Cow<'a, str>>,
    config: Option<Descriptor<'a>>,
    subject: Option<Descriptor<'a>>,
    layers: List<'a>,
    fs_layers: List<'a>,
    blobs: List<'a>,
    manifests: List<'a>,
    /// Descriptors of all lists, also of those that a later key replaced.
    read: usize,
}

/// A list of descriptors.
#[derive(Default)]
struct List<'a> {
    /// Whether the document has the member, be it null.
    is_there: bool,
    /// Whether the document has a list.
    is_array: bool,
    items: Vec<Descriptor<'a>>,
}

impl<'a> Members<'a> {
    fn read(&mut self, json: &mut Scanner<'a>) -> Result<(), ManifestError> {
        let key = json.key()?;
        if key.is("layers") {
            self.layers.read(json, Place::Part, &mut self.read)
        } else if key.is("config") {
            self.config = one(json)?;
            Ok(())
        } else if key.is("mediaType") {
            self.media_type = descriptor::media_type(json)?;
            Ok(())
        } else if key.is("manifests") {
            self.manifests.read(json, Place::Child, &mut self.read)
        } else if key.is("artifactType") {
            self.artifact_type = json.text()?.map(Text::unescape).filter(|text| !text.is_empty());
            Ok(())
        } else if key.is("subject") {
            self.subject = one(json)?;
            Ok(())
        } else if key.is("fsLayers") {
            self.fs_layers.read(json, Place::Schema1Layer, &mut self.read)
        } else if key.is("blobs") {
            self.blobs.read(json, Place::Part, &mut self.read)
        } else {
            Ok(json.skip()?)
        }
    }

    fn finish(self, declared: Option<&str>, end: usize) -> Result<Manifest<'a>, ManifestError> {
        let contradiction = Err(ManifestErrorKind::Contradiction.at(end));
        let own = self.media_type.family();
        let declared = declared.and_then(KnownType::of).and_then(KnownType::family);
        if let (Some(own), Some(declared)) = (own, declared)
            && own != declared
        {
            return contradiction;
        }
        let is_image = self.layers.is_array || self.config.is_some();
        let found = [
            (Family::Index, self.manifests.is_array),
            (Family::Image, is_image),
            (Family::Schema1, self.fs_layers.is_array),
            (Family::Blobs, self.blobs.is_array),
        ];
        // A list that is null says what the document is if nothing else does.
        let named = [
            (Family::Index, self.manifests.is_there),
            (Family::Image, self.layers.is_there),
            (Family::Schema1, self.fs_layers.is_there),
            (Family::Blobs, self.blobs.is_there),
        ];
        let mut families = found.iter().filter(|(_, is)| *is).map(|(family, _)| *family);
        let by_members = match (families.next(), families.next()) {
            (Some(family), None) => family,
            (Some(_), Some(_)) => return contradiction,
            (None, _) => match named.iter().find(|(_, is)| *is) {
                Some((family, _)) => *family,
                None => return Err(ManifestErrorKind::NoParts.at(end)),
            },
        };
        if own.or(declared).is_some_and(|family| family != by_members) {
            return contradiction;
        }
        let layers = match by_members {
            Family::Index | Family::Image => self.layers.items,
            Family::Schema1 => self.fs_layers.items,
            Family::Blobs => self.blobs.items,
        };
        let mut manifest = Manifest {
            kind: Kind::Unknown,
            media_type: self.media_type,
            artifact_type: self.artifact_type,
            config: self.config,
            layers,
            children: self.manifests.items,
            subject: self.subject,
        };
        if own.is_some() || manifest.media_type.is_absent() {
            manifest.kind = match by_members {
                Family::Index => Kind::Index,
                Family::Image => manifest.kind_of_image(),
                Family::Schema1 => Kind::Schema1,
                Family::Blobs => Kind::Artifact,
            };
        }
        Ok(manifest)
    }
}

impl Manifest<'_> {
    /// Tells an image from an artifact and an attestation, which have the same form.
    fn kind_of_image(&self) -> Kind {
        let is_statement = |layer: &Descriptor<'_>| layer.media_type == MediaType::Known(KnownType::InToto);
        if self.artifact_type.as_deref() == Some("application/vnd.docker.attestation.manifest.v1+json")
            || !self.layers.is_empty() && self.layers.iter().all(is_statement)
        {
            return Kind::Attestation;
        }
        let config = self.config.as_ref().map(|config| &config.media_type);
        let is_image = config.is_none_or(|config| config.is_absent() || config.is_image_config());
        if is_image && self.artifact_type.is_none() { Kind::Image } else { Kind::Artifact }
    }
}

impl<'a> List<'a> {
    fn read(&mut self, json: &mut Scanner<'a>, place: Place, read: &mut usize) -> Result<(), ManifestError> {
        let at = json.at();
        *self = Self { is_there: true, ..Self::default() };
        if json.null()? {
            return Ok(());
        }
        let items = &mut self.items;
        self.is_array = json.list(|json| {
            let at = json.at();
            *read += 1;
            if *read > MAX_DESCRIPTORS {
                return Err(ManifestErrorKind::TooManyDescriptors.at(at));
            }
            let before = items.last().and_then(|before: &Descriptor<'_>| before.media_type.known());
            // The descriptor is filled in place, because moving it takes as long as reading it.
            memory::push(items, Descriptor::EMPTY).map_err(|_| ManifestErrorKind::NoMemory.at(at))?;
            let last = items.len() - 1;
            items[last].offset = at as u32;
            descriptor::read(json, place, before, &mut items[last])
        })?;
        if self.is_array { Ok(()) } else { Err(ManifestErrorKind::NotAList.at(at)) }
    }
}

/// Reads `config` or `subject`: null and other values than an object count as absent.
fn one<'a>(json: &mut Scanner<'a>) -> Result<Option<Descriptor<'a>>, ManifestError> {
    let at = json.at();
    let mut one = Descriptor { offset: at as u32, ..Descriptor::EMPTY };
    descriptor::read(json, Place::Part, None, &mut one)?;
    // Nothing but an object starts with a brace.
    Ok(json.was_object(at).then_some(one))
}
