//! Tables of any columns: lines of cells, made block by block and never held as a whole.
//!
//! [`Records`] gives the lines of a layout's tables and of those of images; [`text`] writes them as CSV and JSON Lines, and `arrow` as record batches. The
//! report table of digests has a faster writer of its own ([`super::text`]).

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod made;
pub mod text;
mod time;

use std::borrow::Cow;
use std::ops::Range;

use crate::digest::Text as DigestText;
use crate::memory::OutOfMemory;

pub use time::iso;

/// A column: its name, and what its cells hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, as in files.
    pub name: &'static str,
    /// What a cell holds, if it is not null.
    pub kind: Kind,
}

/// What the cells of a column hold. Any cell may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Cell::Text`] or [`Cell::Digest`].
    Text,
    /// [`Cell::Word`]: one of these few words.
    Word(&'static [&'static str]),
    /// [`Cell::Int`].
    Int,
    /// [`Cell::Bool`].
    Bool,
    /// [`Cell::Time`].
    Time,
    /// [`Cell::List`].
    List,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing is known.
    Null,
    /// Text, which may come from outside.
    Text(Cow<'a, str>),
    /// A digest.
    Digest(DigestText),
    /// The number of a word of the column.
    Word(u8),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Milliseconds since 1970, UTC.
    Time(i64),
    /// Several texts, which may come from outside.
    List(Vec<Cow<'a, str>>),
}

impl<'a> Cell<'a> {
    /// Returns the cell with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Cell<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Cell::Null,
            Self::Text(text) => Cell::Text(own(text)),
            Self::Digest(digest) => Cell::Digest(digest),
            Self::Word(number) => Cell::Word(number),
            Self::Int(number) => Cell::Int(number),
            Self::Bool(yes) => Cell::Bool(yes),
            Self::Time(milliseconds) => Cell::Time(milliseconds),
            Self::List(texts) => Cell::List(texts.into_iter().map(own).collect()),
        }
    }

    /// Returns the text, or null if it is empty.
    #[must_use]
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }
}

/// A table: its columns and lines.
pub trait Records: Send + Sync {
    /// Returns the columns, in order.
    fn columns(&self) -> &'static [Column];

    /// Returns the number of lines.
    fn len(&self) -> usize;

    /// Returns true if the table has no lines.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of blocks in which the lines are made. A block may have any number of lines, also
    /// none.
    fn blocks(&self) -> usize;

    /// Returns a block in which, or before which, a line is, and the number of the first line of that block. A
    /// table whose blocks have a known number of lines saves a reader the blocks before.
    fn block_before(&self, line: usize) -> (usize, usize) {
        let _ = line;
        (0, 0)
    }

    /// Passes the lines of some blocks to `take`, until it returns false.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    fn lines(
        &self,
        blocks: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory>;
}
