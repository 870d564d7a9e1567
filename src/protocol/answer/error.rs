//! Why the body of an answer cannot be used, and where the fault is.

use std::fmt;

use crate::json::{JsonError, JsonErrorKind};

/// What is wrong with the body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerErrorKind {
    /// Longer than [`MAX_BODY`](super::MAX_BODY).
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// The body ends too early.
    EndsEarly,
    /// A byte that JSON does not allow at this place.
    Unexpected,
    /// Nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// More entries in one list than [`MAX_ENTRIES`](super::MAX_ENTRIES).
    TooManyEntries,
    /// A number longer than [`MAX_NUMBER`](super::MAX_NUMBER).
    NumberTooLong,
    /// JSON, but not an object.
    NotAnObject,
    /// `layers` or `failures` is not a list.
    NotAList,
    /// An element of `layers` or `failures` is neither an object nor null.
    NotAnEntry,
    /// The body has neither `layers` nor `failures`.
    NoLists,
}

/// A body that cannot be used: what is wrong, and where in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerError {
    /// What is wrong.
    pub kind: AnswerErrorKind,
    /// Byte offset of the fault.
    pub offset: usize,
}

impl From<JsonError> for AnswerError {
    fn from(error: JsonError) -> Self {
        let kind = match error.kind {
            JsonErrorKind::NotUtf8 => AnswerErrorKind::NotUtf8,
            JsonErrorKind::EndsEarly => AnswerErrorKind::EndsEarly,
            JsonErrorKind::Unexpected => AnswerErrorKind::Unexpected,
            JsonErrorKind::TooDeep => AnswerErrorKind::TooDeep,
            JsonErrorKind::NumberTooLong => AnswerErrorKind::NumberTooLong,
        };
        kind.at(error.offset)
    }
}

impl AnswerErrorKind {
    pub(super) const fn at(self, offset: usize) -> AnswerError {
        AnswerError { kind: self, offset }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::TooLong => "the body is longer than any answer",
            Self::NotUtf8 => "the body is not UTF-8",
            Self::EndsEarly => "the body ends early",
            Self::Unexpected => "the body is not JSON",
            Self::TooDeep => "the body is nested too deep",
            Self::TooManyEntries => "the answer has more entries than any call asks for",
            Self::NumberTooLong => "the body has a number with too many digits",
            Self::NotAnObject => "the body is not a JSON object",
            Self::NotAList => "layers or failures is not a list",
            Self::NotAnEntry => "an entry of layers or failures is not an object",
            Self::NoLists => "the body has neither layers nor failures",
        }
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.kind.message(), self.offset)
    }
}

impl std::error::Error for AnswerError {}
