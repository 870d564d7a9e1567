//! Why a text is not JSON, or not within the limits, and where the fault is.

use std::fmt;

/// What is wrong with a text that should be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Not UTF-8.
    NotUtf8,
    /// The text ends too early.
    EndsEarly,
    /// A byte that JSON does not allow at this place.
    Unexpected,
    /// Nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// A number longer than [`MAX_NUMBER`](super::MAX_NUMBER).
    NumberTooLong,
}

/// A text that cannot be read: what is wrong, and where in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Byte offset of the fault.
    pub offset: usize,
}

impl JsonErrorKind {
    pub(super) const fn at(self, offset: usize) -> JsonError {
        JsonError { kind: self, offset }
    }

    /// Returns the fault in words, for a sentence that begins with what the text is.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::NotUtf8 => "is not UTF-8",
            Self::EndsEarly => "ends early",
            Self::Unexpected => "is not JSON",
            Self::TooDeep => "is nested too deep",
            Self::NumberTooLong => "has a number with too many digits",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text {} (byte {})", self.kind.says(), self.offset)
    }
}

impl std::error::Error for JsonError {}
