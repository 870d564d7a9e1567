//! What is wrong with a report that is read, and why rows of an audit do not fit together.

use std::fmt;

use super::limits::{MAX_FIELDS, MAX_LINE};
use crate::digest::Digest;
use crate::input::{Names, Quoted};
use crate::verdict::Verdict;

/// Why a file is not a written report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportError {
    /// It has these columns, and not "digest" and "verdict", each once.
    NoReport(Vec<String>),
    /// What ends in this line, counted from 1, is not a row of a report.
    NoRow(u64, RowError),
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReport(names) => write!(
                f,
                "no report: it has not the columns \"digest\" and \"verdict\", each once; there are {}",
                Names(names)
            ),
            Self::NoRow(line, error) => write!(f, "line {line}: {error}"),
        }
    }
}

impl std::error::Error for ReportError {}

/// Why what stands in a line is no row of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// It is longer than a line is read.
    TooLong,
    /// It has so many fields, and the header has so many.
    Fields(usize, usize),
    /// The quotes that are opened in it are never closed.
    OpenQuotes,
    /// It is no JSON object with the keys, and why.
    Json(String),
    /// No verdict has this word.
    UnknownVerdict(Vec<u8>),
    /// This text is no digest, so it can have no such verdict.
    NoDigest(Vec<u8>, Verdict),
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "it is longer than {MAX_LINE} bytes or has more than {MAX_FIELDS} fields")
            }
            Self::Fields(found, expected) => {
                write!(f, "fields: {found}, but {expected} in the header; is the file cut short?")
            }
            Self::OpenQuotes => {
                f.write_str("quotes are opened in it and never closed; is the file cut short?")
            }
            Self::Json(why) => f.write_str(why),
            Self::UnknownVerdict(word) => unknown_verdict(f, word),
            Self::NoDigest(text, verdict) => no_digest(f, text, *verdict),
        }
    }
}

impl std::error::Error for RowError {}

/// Why the rows of an audit do not fit together; rows are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Two rows with one digest say different things of it.
    TwoVerdicts {
        /// The digest.
        digest: Digest,
        /// Its first row, and the first one that says something else.
        rows: (usize, usize),
        /// What they say.
        verdicts: (Verdict, Verdict),
    },
    /// A row without a digest has another verdict than that it is invalid.
    NoDigest {
        /// The row.
        row: usize,
        /// What stands in the digest's place.
        text: Vec<u8>,
        /// What is said of it.
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
    f.write_str("; was it written by a newer one?")
}

fn no_digest(f: &mut fmt::Formatter<'_>, text: &[u8], verdict: Verdict) -> fmt::Result {
    write!(f, "{} is no digest, but its verdict is {}", Quoted(text), verdict.name())
}
