//! Why a document cannot be used, and where the fault is.

use std::fmt;

use crate::json::{JsonError, JsonErrorKind};

/// What is wrong with a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestErrorKind {
    /// Longer than [`MAX_DOCUMENT`](super::MAX_DOCUMENT).
    TooLong,
    /// More descriptors than [`MAX_DESCRIPTORS`](super::MAX_DESCRIPTORS).
    TooManyDescriptors,
    /// Not JSON, or beyond a limit of the reader of JSON.
    Json(JsonErrorKind),
    /// JSON, but not an object.
    NotAnObject,
    /// A member that must be a list is another value.
    NotAList,
    /// The document has none of the members of a manifest or an index.
    NoParts,
    /// The document is of several kinds at once: its media type and its members contradict each other.
    Contradiction,
    /// The system gives no more memory.
    NoMemory,
}

/// A document that cannot be used: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// What is wrong.
    pub kind: ManifestErrorKind,
    /// Byte offset of the fault.
    pub offset: usize,
}

impl ManifestErrorKind {
    pub(super) const fn at(self, offset: usize) -> ManifestError {
        ManifestError { kind: self, offset }
    }

    /// Returns the fault in words, for a sentence that begins with what the document is.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::TooLong => "is longer than the 4 MiB that registries take",
            Self::TooManyDescriptors => "names more than 100,000 parts",
            Self::Json(kind) => kind.says(),
            Self::NotAnObject => "is not a JSON object",
            Self::NotAList => "has another value in place of a list of parts",
            Self::NoParts => {
                "is neither a manifest nor an index: no config, layers, manifests, blobs or fsLayers"
            }
            Self::Contradiction => {
                "is of two kinds at once: its media type and its members contradict each other"
            }
            Self::NoMemory => "needs more memory than the system gives",
        }
    }
}

impl From<JsonError> for ManifestError {
    fn from(error: JsonError) -> Self {
        ManifestErrorKind::Json(error.kind).at(error.offset)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the document {} (byte {})", self.kind.says(), self.offset)
    }
}

impl std::error::Error for ManifestError {}
