//! The eight verdicts of images, and the codes beside them.

/// The state of one listed image. The codes are those of `layercheck.ImageVerdict` in Python.
///
/// Zero is [`ImageVerdict::NotChecked`], so that memory that was never written cannot read as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ImageVerdict {
    /// The run ended first.
    NotChecked = 0,
    /// The manifest was read, and the repository has every part that the image needs.
    Complete = 1,
    /// A part that the image needs is missing, or cannot be pulled.
    Incomplete = 2,
    /// The manifest could not be had or understood.
    Unreadable = 3,
    /// Children are not listed, where that is normal or may be.
    Partial = 4,
    /// The image itself is archived.
    Archived = 5,
    /// Listed, but deleted before the run looked at it again.
    Gone = 6,
    /// Nothing is known to be missing, but a part has no answer.
    Undecided = 7,
}

impl ImageVerdict {
    /// All verdicts, in the order of their codes.
    pub const ALL: [Self; 8] = [
        Self::NotChecked,
        Self::Complete,
        Self::Incomplete,
        Self::Unreadable,
        Self::Partial,
        Self::Archived,
        Self::Gone,
        Self::Undecided,
    ];

    /// The words of all verdicts, in the order of their codes.
    pub const NAMES: [&'static str; 8] =
        ["not_checked", "complete", "incomplete", "unreadable", "partial", "archived", "gone", "undecided"];

    /// Returns the verdict's word in tables, files and counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Returns the verdict with this code, if the code is known.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Why an image has its verdict, in a word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Nothing to say.
    None,
    /// The code that [`Graph::fail`](super::Graph::fail) or reading the manifest gave.
    Noted,
    /// The repository does not have a layer.
    MissingLayer,
    /// The repository does not have the config.
    MissingConfig,
    /// The repository does not have a child of the index.
    MissingChild,
    /// A child of the index is incomplete.
    IncompleteChild,
    /// A blob or a child is archived, so that a pull fails.
    ArchivedParts,
    /// The size in the manifest is not that of the blob in the repository.
    SizeMismatch,
    /// A part's digest is not a digest.
    MalformedDigest,
    /// The index contains itself, or an index that contains itself.
    CyclicIndex,
    /// Indexes in indexes beyond [`MAX_DEPTH`](super::MAX_DEPTH).
    NestedTooDeep,
    /// Two operations of the service contradict each other about a blob.
    Contradiction,
    /// A part has a digest of another algorithm than sha256, which ECR cannot be asked about.
    UnsupportedAlgorithm,
    /// A blob has no answer.
    UndecidedParts,
    /// A child of the index is undecided.
    UndecidedChild,
    /// A child of the index is unreadable.
    UnreadableChild,
    /// A child was not in the listing, or archived there, but is in the repository.
    ChildFoundLater,
    /// Children are not listed, and the repository belongs to a pull-through cache.
    PullThrough,
    /// Children are not listed, and it is not known whether the repository belongs to a pull-through cache.
    PullThroughUnknown,
    /// Children are not listed, and the listing is incomplete.
    ListingIncomplete,
    /// A child of the index is partial.
    PartialChild,
}

impl Code {
    /// Returns the code's word; empty for [`Code::None`] and [`Code::Noted`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None | Self::Noted => "",
            Self::MissingLayer => "MissingLayer",
            Self::MissingConfig => "MissingConfig",
            Self::MissingChild => "MissingChild",
            Self::IncompleteChild => "IncompleteChild",
            Self::ArchivedParts => "ArchivedParts",
            Self::SizeMismatch => "SizeMismatch",
            Self::MalformedDigest => "MalformedDigest",
            Self::CyclicIndex => "CyclicIndex",
            Self::NestedTooDeep => "NestedTooDeep",
            Self::Contradiction => "Contradiction",
            Self::UnsupportedAlgorithm => "UnsupportedAlgorithm",
            Self::UndecidedParts => "UndecidedParts",
            Self::UndecidedChild => "UndecidedChild",
            Self::UnreadableChild => "UnreadableChild",
            Self::ChildFoundLater => "ChildFoundLater",
            Self::PullThrough => "PullThrough",
            Self::PullThroughUnknown => "PullThroughUnknown",
            Self::ListingIncomplete => "ListingIncomplete",
            Self::PartialChild => "PartialChild",
        }
    }
}
