//! Reads the bytes of a file as rows.
//!
//! A [`Format`] takes a file in blocks of any size and passes the rows of one column to a planner. The
//! format of a written report stands in `comparison` and passes two columns. A format keeps only what the
//! next block may continue, and that is bounded.

pub(crate) mod blocks;
pub mod content;
pub mod csv;
pub(crate) mod csv_head;
pub mod decompress;
pub mod foreign;
mod gzip;
pub mod jsonl;
mod jsonl_head;
pub mod lines;

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read};

use decompress::TextSource;

use crate::digest::TEXT_LEN;
use crate::plan::planner::Planner;

/// Most names that a message shows.
const SHOWN_NAMES: usize = 20;

/// Most characters of a name, or of another text of a file, that a message shows.
const SHOWN_LETTERS: usize = 80;

/// Finds the rows of a file of one format, and passes them to a `T`.
pub trait Format<T = Planner> {
    /// What can be wrong in a file of this format.
    type Error;

    /// Takes the next block of the file.
    ///
    /// # Errors
    /// If the file is not of this format, or lacks the column.
    fn feed(&mut self, block: &[u8], rows: &mut T) -> Result<(), Self::Error>;

    /// Ends the file.
    ///
    /// # Errors
    /// If the file lacks the column, or ends too early.
    fn end(&mut self, rows: &mut T) -> Result<(), Self::Error>;

    /// After the end: what the reader decided on its own, and what the file lacks, for people. Each is a part
    /// of a sentence that ends in "of" and the name of the file.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Bytes of the most frequent row of a file: a digest's text and a line end.
const FREQUENT_ROW: u64 = TEXT_LEN as u64 + 1;

/// Returns about how many rows a text file of so many bytes has.
#[must_use]
pub fn rows_of(bytes: u64) -> usize {
    usize::try_from(bytes / FREQUENT_ROW).unwrap_or(usize::MAX)
}

/// Returns about how many rows are left in a file of so many bytes, if `taken` bytes of it had `rows` rows.
#[must_use]
pub fn rows_left(bytes: u64, taken: u64, rows: usize) -> usize {
    let left = u128::from(bytes.saturating_sub(taken));
    let rows = left * rows as u128 / u128::from(taken.max(1));
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// Reads the next block of a file; returns false at the end of the file.
///
/// # Errors
/// The errors of the file and of its format.
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
    /// The only column of the file. In a file of several, the only one that is named `digest` or holds digests.
    Only,
    /// The column with this name.
    Name(String),
    /// The column with this number, counted from 0.
    Number(usize),
}

/// Why the rows of a file cannot be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The file has no column of this name; it has these columns.
    NoSuchName(String, Vec<String>),
    /// The file has no column of this number; it has these columns.
    NoSuchNumber(usize, Vec<String>),
    /// The file has several columns, the caller chose none, and not exactly one of them seems to hold digests.
    Several(Vec<String>),
    /// The columns with these numbers, counted from 0, have the name that the caller chose.
    NameTaken(String, Vec<usize>),
    /// The first record of a CSV file is too long for a header.
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
                write!(f, "which column holds the digests? choose one of {} by column=", Names(names))?;
                let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
                match twice {
                    Some((at, _)) => write!(f, ", or by its number, counted from 0, such as column={at}"),
                    None => Ok(()),
                }
            }
            Self::NameTaken(name, numbers) => {
                let (count, last) = (numbers.len(), numbers.last().unwrap_or(&0));
                write!(
                    f,
                    "{count} columns are named {name:?}; choose one by its number, counted from 0, such as \
                     column={last}"
                )
            }
            Self::LongHeader => f.write_str("the first record is too long for a header; is this a CSV file?"),
            Self::OpenQuotes(record) => write!(f, "the quotes opened in record {record} are never closed"),
        }
    }
}

impl std::error::Error for FormatError {}

/// Names with commas between them: at most as many as a person can read, because a file may be hostile.
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

/// The start of a file's text in quotes, with the characters escaped that a terminal would act on.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A character has at most four bytes. One character more than is shown tells that the text goes on.
        let text = String::from_utf8_lossy(&self.0[..self.0.len().min(4 * (SHOWN_LETTERS + 1))]);
        let mut shown: String = text.chars().take(SHOWN_LETTERS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        write!(f, "{shown:?}")
    }
}

/// What went wrong while a file was read: the reading itself, or the content.
#[derive(Debug)]
pub enum ReadError<E> {
    /// The reading.
    Io(io::Error),
    /// The content.
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
