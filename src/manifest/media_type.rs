//! Media types of documents, configs and layers: a small code for the known ones, the text for the others.
//!
//! Sources: the OCI image specification (`manifest.md`, `image-index.md`, `layer.md`), Docker's image manifest
//! version 2 schema 1 and schema 2, and BuildKit's attestations.

use std::borrow::Cow;

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A media type that this crate knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum KnownType {
            $($(#[$doc])* $name,)*
        }

        impl KnownType {
            /// All of them, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the type's text.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Finds the type of a text, which must be equal to the last letter.
            #[must_use]
            pub fn of(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

known! {
    /// An image index of OCI.
    OciIndex = "application/vnd.oci.image.index.v1+json",
    /// A manifest list of Docker.
    DockerList = "application/vnd.docker.distribution.manifest.list.v2+json",
    /// An image manifest of OCI.
    OciManifest = "application/vnd.oci.image.manifest.v1+json",
    /// An image manifest of Docker, schema 2.
    DockerManifest = "application/vnd.docker.distribution.manifest.v2+json",
    /// An image manifest of Docker, schema 1, without signatures.
    Schema1 = "application/vnd.docker.distribution.manifest.v1+json",
    /// An image manifest of Docker, schema 1, with signatures.
    Schema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws",
    /// The artifact manifest of the release candidates of OCI 1.1, later withdrawn.
    OciArtifact = "application/vnd.oci.artifact.manifest.v1+json",
    /// An image config of OCI.
    OciConfig = "application/vnd.oci.image.config.v1+json",
    /// An image config of Docker.
    DockerConfig = "application/vnd.docker.container.image.v1+json",
    /// The empty descriptor of artifacts, whose content is `{}`.
    OciEmpty = "application/vnd.oci.empty.v1+json",
    /// A layer of OCI, not compressed.
    OciTar = "application/vnd.oci.image.layer.v1.tar",
    /// A layer of OCI, gzip.
    OciTarGzip = "application/vnd.oci.image.layer.v1.tar+gzip",
    /// A layer of OCI, zstd.
    OciTarZstd = "application/vnd.oci.image.layer.v1.tar+zstd",
    /// A layer of OCI that is not to be distributed, not compressed.
    OciForeignTar = "application/vnd.oci.image.layer.nondistributable.v1.tar",
    /// A layer of OCI that is not to be distributed, gzip.
    OciForeignTarGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    /// A layer of OCI that is not to be distributed, zstd.
    OciForeignTarZstd = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    /// A layer of Docker, not compressed.
    DockerTar = "application/vnd.docker.image.rootfs.diff.tar",
    /// A layer of Docker, gzip.
    DockerTarGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip",
    /// A layer of Docker, zstd.
    DockerTarZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd",
    /// A layer of Docker that is not to be distributed, not compressed.
    DockerForeignTar = "application/vnd.docker.image.rootfs.foreign.diff.tar",
    /// A layer of Docker that is not to be distributed, gzip.
    DockerForeignTarGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    /// A statement of an attestation.
    InToto = "application/vnd.in-toto+json",
}

/// Starts of the types of layers that are not to be distributed, whatever their compression or encryption.
const FOREIGN: [&str; 2] =
    ["application/vnd.oci.image.layer.nondistributable.", "application/vnd.docker.image.rootfs.foreign."];

/// What kind of document a media type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `manifests`.
    Index,
    /// `config` and `layers`.
    Image,
    /// `fsLayers`.
    Schema1,
    /// `blobs`.
    Blobs,
}

impl KnownType {
    /// Returns what document the type stands for; None if it is the type of a blob.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::OciIndex | Self::DockerList => Some(Family::Index),
            Self::OciManifest | Self::DockerManifest => Some(Family::Image),
            Self::Schema1 | Self::Schema1Signed => Some(Family::Schema1),
            Self::OciArtifact => Some(Family::Blobs),
            _ => None,
        }
    }
}

/// A media type as a document gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaType<'a> {
    /// A type that this crate knows.
    Known(KnownType),
    /// Another type; empty if the document gives none.
    Other(Cow<'a, str>),
}

impl Default for MediaType<'_> {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl<'a> MediaType<'a> {
    /// No type.
    pub(super) const ABSENT: Self = Self::Other(Cow::Borrowed(""));

    /// Finds the code of a text, or keeps the text.
    #[must_use]
    pub fn of(text: Cow<'a, str>) -> Self {
        KnownType::of(&text).map_or(Self::Other(text), Self::Known)
    }

    /// Returns the text; empty if there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Known(known) => known.text(),
            Self::Other(text) => text,
        }
    }

    /// Returns the code, if the type is known.
    #[must_use]
    pub const fn known(&self) -> Option<KnownType> {
        if let Self::Known(known) = self { Some(*known) } else { None }
    }

    /// Returns true if the document gives no type.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.text().is_empty()
    }

    /// Returns what document the type stands for; None for the type of a blob, an unknown and no type.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        self.known().and_then(KnownType::family)
    }

    /// Returns true for a layer that is not to be pushed, because its licence forbids it. Only the type
    /// decides, as the specification says; `urls` do not.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        FOREIGN.iter().any(|start| self.text().starts_with(start))
    }

    /// Returns true for the config of an image that a container can be made from.
    #[must_use]
    pub fn is_image_config(&self) -> bool {
        matches!(self.known(), Some(KnownType::OciConfig | KnownType::DockerConfig))
    }
}
