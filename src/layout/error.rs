//! Why a layout or an archive cannot be read at all. What is wrong with a part of it is a
//! [`Problem`](super::Problem), and the rest is read.

use std::fmt;
use std::io;

use crate::memory::OutOfMemory;

/// A source that cannot be read.
#[derive(Debug)]
pub enum LayoutError {
    /// Reading failed, at this file or entry.
    Io(String, io::Error),
    /// What stands at this file, entry or offset is not a layout, or is broken or beyond a limit.
    Unusable(String, String),
    /// The system gives no more memory.
    Memory(OutOfMemory),
}

impl LayoutError {
    pub(super) fn unusable(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Unusable(place.into(), text.into())
    }

    /// Returns the error for what is wrong with the source as a whole.
    pub(super) fn whole(text: impl Into<String>) -> Self {
        Self::Unusable(String::new(), text.into())
    }
}

impl From<OutOfMemory> for LayoutError {
    fn from(error: OutOfMemory) -> Self {
        Self::Memory(error)
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, text) = match self {
            Self::Io(place, error) => (place, error.to_string()),
            Self::Unusable(place, text) => (place, text.clone()),
            Self::Memory(error) => return error.fmt(f),
        };
        if place.is_empty() { f.write_str(&text) } else { write!(f, "{place}: {text}") }
    }
}

impl std::error::Error for LayoutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Memory(error) => Some(error),
            Self::Unusable(..) => None,
        }
    }
}
