//! Files with more structure than a row in each line: which part of them is the row.
//!
//! Each format takes a file in blocks, however they are cut, and hands the rows of one column to a
//! planner; that of a written report, which is with the audits, hands on those of two. Nothing is kept of a
//! file but what the next block may continue, and that is bounded.

pub(crate) mod blocks;
pub mod csv;
pub mod decompress;
pub mod jsonl;
pub mod lines;

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read};

use decompress::TextSource;

use crate::plan::planner::Planner;

/// Names shown in a message before it is cut.
const SHOWN_NAMES: usize = 20;

/// Letters of a name, or of another text of a file, that are shown.
const SHOWN_LETTERS: usize = 80;

/// One way to find the rows of a file, and to hand them to who takes them.
pub trait Format<T = Planner> {
    /// What can be wrong in such a file.
    type Error;

    /// Takes the next block of the file.
    ///
    /// # Errors
    /// If the file lacks the column.
    fn feed(&mut self, block: &[u8], rows: &mut T) -> Result<(), Self::Error>;

    /// Ends the file.
    ///
    /// # Errors
    /// If the file lacks the column, or ends where it must not.
    fn end(&mut self, rows: &mut T) -> Result<(), Self::Error>;
}

/// Takes the next block of a file; gives false once the file has ended.
///
/// # Errors
/// Those of the file and of its format.
pub fn read_block<R: Read, T, F: Format<T>>(
    source: &mut TextSource<R>,
    format: &mut F,
    rows: &mut T,
) -> Result<bool, ReadError<F::Error>> {
    match source.block(|block| format.feed(block, rows))? {
        Some(taken) => taken.map(|()| true),
        None => format.end(rows).map(|()| false),
    }
    .map_err(ReadError::Format)
}

/// Which column of a file holds the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The only one there is.
    Only,
    /// The one with this name.
    Name(String),
    /// The one with this number, counted from 0.
    Number(usize),
}

/// Why a file has no rows to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// No column of that name; these are there.
    NoSuchName(String, Vec<String>),
    /// No column of that number; these are there.
    NoSuchNumber(usize, Vec<String>),
    /// Several columns, and none was chosen.
    Several(Vec<String>),
    /// As many columns have the name that was chosen.
    NameTaken(String, usize),
    /// A CSV file's first record is too long to be a header.
    LongHeader,
    /// The quotes opened in this record, counted from 1, are never closed.
    OpenQuotes(u64),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName(name, names) => write!(f, "no column {name:?}; there are {}", Names(names)),
            Self::NoSuchNumber(number, names) => {
                write!(f, "no column {number}, counted from 0; there are {}", Names(names))
            }
            Self::Several(names) => {
                write!(f, "which column holds the digests? choose one of {} by column=", Names(names))
            }
            Self::NameTaken(name, count) => {
                write!(f, "{count} columns are named {name:?}; choose one by its number, counted from 0")
            }
            Self::LongHeader => f.write_str("the first record is too long for a header; is this a CSV file?"),
            Self::OpenQuotes(record) => write!(f, "the quotes opened in record {record} are never closed"),
        }
    }
}

impl std::error::Error for FormatError {}

/// Names between commas: not more of a hostile file than a person can read.
pub(crate) struct Names<'a>(pub(crate) &'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().take(SHOWN_NAMES).enumerate() {
            let between = if at == 0 { "" } else { ", " };
            write!(f, "{between}{}", Quoted(name.as_bytes()))?;
        }
        if self.0.len() > SHOWN_NAMES {
            write!(f, " and {} more", self.0.len() - SHOWN_NAMES)?;
        }
        if self.0.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

/// A text of a file between quotes: its start, and nothing in it that a terminal would act on.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A character has at most four bytes, and one behind the last that is shown tells that there is more.
        let text = String::from_utf8_lossy(&self.0[..self.0.len().min(4 * (SHOWN_LETTERS + 1))]);
        let mut shown: String = text.chars().take(SHOWN_LETTERS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        write!(f, "{shown:?}")
    }
}

/// What went wrong while a file was read: the file, or what is in it.
#[derive(Debug)]
pub enum ReadError<E> {
    /// The file.
    Io(io::Error),
    /// What is in it.
    Format(E),
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ReadError<E> {}

impl From<ReadError<Infallible>> for io::Error {
    fn from(error: ReadError<Infallible>) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Format(never) => match never {},
        }
    }
}

impl<E> From<io::Error> for ReadError<E> {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
