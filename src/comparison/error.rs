//! What is wrong with a report: its file, a row, or rows that contradict each other.

use std::fmt;

use super::limits::{MAX_FIELDS, MAX_LINE};
use crate::digest::Digest;
use crate::input::{Names, Quoted};
use crate::memory::OutOfMemory;
use crate::verdict::Verdict;

/// Why a file is not a written report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportError {
    /// It lacks the columns "digest" and "verdict", each once; it has these columns.
    NoReport(Vec<String>),
    /// What ends in this line, counted from 1, is not a row of a report.
    NoRow(u64, RowError),
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReport(names) => write!(
                f,
                "not a report: a report has the columns \"digest\" and \"verdict\", each once; there are {}",
                Names(names)
            ),
            Self::NoRow(line, error) => write!(f, "line {line}: {error}"),
        }
    }
}

impl std::error::Error for ReportError {}

/// Why a line is not a row of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The line is longer than the limit.
    TooLong,
    /// The numbers of fields in the line and in the header.
    Fields(usize, usize),
    /// The quotes that the line opens are never closed.
    OpenQuotes,
    /// Why the line is not a JSON object with the two keys.
    Json(String),
    /// No verdict has this word.
    UnknownVerdict(Vec<u8>),
    /// This text is not a digest, so it cannot have this verdict.
    NoDigest(Vec<u8>, Verdict),
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "the line is longer than {MAX_LINE} bytes or has more than {MAX_FIELDS} fields")
            }
            Self::Fields(found, expected) => {
                write!(f, "fields: {found}, but {expected} in the header; is the file cut short?")
            }
            Self::OpenQuotes => {
                f.write_str("the line opens quotes that are never closed; is the file cut short?")
            }
            Self::Json(why) => f.write_str(why),
            Self::UnknownVerdict(word) => unknown_verdict(f, word),
            Self::NoDigest(text, verdict) => no_digest(f, text, *verdict),
        }
    }
}

impl std::error::Error for RowError {}

/// Why reports cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The rows of the report with this number, counted from 0, contradict each other.
    Contradiction(usize, Contradiction),
    /// The reports need more memory than there is.
    Memory(OutOfMemory),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction(_, contradiction) => contradiction.fmt(f),
            Self::Memory(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<OutOfMemory> for JoinError {
    fn from(refused: OutOfMemory) -> Self {
        Self::Memory(refused)
    }
}

/// Why rows of a report contradict each other. Rows are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Two rows give one digest different verdicts.
    TwoVerdicts {
        /// The digest.
        digest: Digest,
        /// The digest's first row, and the first row with another verdict.
        rows: (usize, usize),
        /// The verdicts of these rows.
        verdicts: (Verdict, Verdict),
    },
    /// A row without a digest has another verdict than `invalid`.
    NoDigest {
        /// The row.
        row: usize,
        /// The text in place of the digest.
        text: Vec<u8>,
        /// The verdict of the row.
        verdict: Verdict,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoVerdicts { digest, rows, verdicts } => write!(
                f,
                "rows {} and {}, counted from 0, say {} and {} of {digest}; a report of one run has one verdict \
                 for a digest",
                rows.0,
                rows.1,
                verdicts.0.name(),
                verdicts.1.name()
            ),
            Self::NoDigest { row, text, verdict } => {
                write!(f, "row {row}, counted from 0: ")?;
                no_digest(f, text, *verdict)
            }
        }
    }
}

impl std::error::Error for Contradiction {}

fn unknown_verdict(f: &mut fmt::Formatter<'_>, word: &[u8]) -> fmt::Result {
    write!(f, "unknown verdict {}; this version knows", Quoted(word))?;
    for (at, verdict) in Verdict::ALL.iter().enumerate() {
        write!(f, "{} {}", if at == 0 { "" } else { "," }, verdict.name())?;
    }
    f.write_str("; was the file written by a newer version?")
}

fn no_digest(f: &mut fmt::Formatter<'_>, text: &[u8], verdict: Verdict) -> fmt::Result {
    write!(f, "{} is not a digest, but its verdict is {}", Quoted(text), verdict.name())
}
