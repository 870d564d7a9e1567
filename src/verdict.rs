//! The eight verdicts.

/// The state of one digest, and so of each of its rows. The codes are those of
/// `layercheck.Verdict` in Python.
///
/// Zero is [`Verdict::NotChecked`], so that memory that was never written cannot read as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Never asked.
    NotChecked = 0,
    /// The service said AVAILABLE.
    Available = 1,
    /// The service said UNAVAILABLE, or failed the digest with `MissingLayerDigest`.
    Unavailable = 2,
    /// The service said ARCHIVED.
    Archived = 3,
    /// Any other failure of this one digest.
    Refused = 4,
    /// A word that this version does not know.
    Other = 5,
    /// Rejected locally, never sent.
    Invalid = 6,
    /// Asked, without a usable answer.
    Unanswered = 7,
}

impl Verdict {
    /// All verdicts, in the order of their codes.
    pub const ALL: [Self; 8] = [
        Self::NotChecked,
        Self::Available,
        Self::Unavailable,
        Self::Archived,
        Self::Refused,
        Self::Other,
        Self::Invalid,
        Self::Unanswered,
    ];

    /// Returns the verdict's word in tables, files and counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotChecked => "not_checked",
            Self::Available => "available",
            Self::Unavailable => "unavailable",
            Self::Archived => "archived",
            Self::Refused => "refused",
            Self::Other => "other",
            Self::Invalid => "invalid",
            Self::Unanswered => "unanswered",
        }
    }

    /// Returns the verdict with this code, if the code is known.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}
