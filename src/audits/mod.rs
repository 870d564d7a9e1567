//! Several audits joined by digest: what each of them says of every digest.
//!
//! All of them go into one planner, which numbers digests as they come for the first time: that is the
//! join. Beside it stands one byte a row. What each audit says of each digest is settled at the end,
//! because only then has every row its number.

mod csv;
mod jsonl;
mod text;

use std::fmt;

pub use text::ReportText;

use crate::digest::Digest;
use crate::formats::Quoted;
use crate::parse;
use crate::plan::{Plan, Planner};
use crate::verdict::Verdict;

/// Stands where an audit does not have a digest: the code behind those of the verdicts.
pub const ABSENT: u8 = Verdict::ALL.len() as u8;

/// Takes the rows of one audit after another.
#[derive(Debug)]
pub struct Audits {
    planner: Planner,
    /// The verdict of each row.
    verdicts: Vec<Verdict>,
    /// Where each audit starts in them.
    starts: Vec<usize>,
}

impl Audits {
    /// Without any; `threads` as in [`Planner::threads`].
    #[must_use]
    pub fn new(threads: Option<usize>) -> Self {
        let planner = Planner::new(false).threads(threads);
        Self { planner, verdicts: Vec::new(), starts: Vec::new() }
    }

    /// Starts an audit: the rows to come are its.
    pub fn begin(&mut self) {
        self.starts.push(self.verdicts.len());
    }

    /// Takes a row of text, as a report has it.
    ///
    /// # Errors
    /// If it can be no row of a report.
    pub fn row(&mut self, digest: &[u8], verdict: &[u8]) -> Result<(), RowError> {
        let verdict = read_verdict(verdict).ok_or_else(|| RowError::UnknownVerdict(verdict.to_vec()))?;
        match parse::parse(digest) {
            Ok((digest, spelling)) => self.planner.accept(&digest, spelling),
            Err(_) if verdict == Verdict::Invalid => self.planner.not_text(None),
            Err(_) => return Err(RowError::NoDigest(digest.to_vec(), verdict)),
        }
        self.verdicts.push(verdict);
        Ok(())
    }

    /// Takes a row for each raw digest.
    ///
    /// # Panics
    /// If there are not as many verdicts.
    pub fn raw(&mut self, digests: &[Digest], verdicts: &[Verdict]) {
        assert_eq!(digests.len(), verdicts.len(), "one verdict for each digest");
        self.planner.raw(digests);
        self.verdicts.extend_from_slice(verdicts);
    }

    /// For rows that are given to the planner elsewhere, as many as there are `verdicts`.
    #[cfg(feature = "python")]
    pub(crate) fn beside(&mut self, verdicts: &[Verdict]) -> &mut Planner {
        self.verdicts.extend_from_slice(verdicts);
        &mut self.planner
    }

    /// Joins them.
    ///
    /// # Errors
    /// If an audit, whose number is given, says two things of one digest, or something of what is none.
    pub fn finish(self) -> Result<Joined, (usize, Contradiction)> {
        let plan = self.planner.finish(1);
        let mut audits = Vec::with_capacity(self.starts.len());
        for (number, start) in self.starts.iter().copied().enumerate() {
            let stop = self.starts.get(number + 1).copied().unwrap_or(self.verdicts.len());
            let rows = &plan.row_index()[start..stop];
            let said = said(rows, &self.verdicts[start..stop], plan.unique());
            audits
                .push(said.map_err(|row| (number, contradiction(&plan, start, rows, row, &self.verdicts)))?);
        }
        Ok(Joined { plan, audits })
    }
}

/// The digests of all audits, and what each audit says of them.
#[derive(Debug)]
pub struct Joined {
    /// The digests, those of the first audit first.
    pub plan: Plan,
    /// For each audit one code for each digest: of a verdict, or [`ABSENT`].
    pub audits: Vec<Vec<u8>>,
}

/// What an audit says of each digest, or the first of its rows that cannot stand beside those before.
fn said(rows: &[i64], verdicts: &[Verdict], unique: usize) -> Result<Vec<u8>, usize> {
    let mut said = vec![ABSENT; unique];
    for (row, (index, verdict)) in rows.iter().zip(verdicts).enumerate() {
        let Ok(at) = usize::try_from(*index) else {
            if *verdict == Verdict::Invalid {
                continue;
            }
            return Err(row);
        };
        let code = *verdict as u8;
        if said[at] != code {
            if said[at] != ABSENT {
                return Err(row);
            }
            said[at] = code;
        }
    }
    Ok(said)
}

#[cold]
fn contradiction(plan: &Plan, start: usize, rows: &[i64], row: usize, verdicts: &[Verdict]) -> Contradiction {
    let verdict = verdicts[start + row];
    let Ok(at) = usize::try_from(rows[row]) else {
        let reject = plan.rejects().of_row(start + row);
        let text = reject.and_then(|reject| reject.text).unwrap_or_default().to_vec();
        return Contradiction::NoDigest { row, text, verdict };
    };
    let first = rows.iter().position(|index| *index == rows[row]).unwrap_or(row);
    Contradiction::TwoVerdicts {
        digest: plan.digests()[at],
        rows: (first, row),
        verdicts: (verdicts[start + first], verdict),
    }
}

/// The verdict with this word.
#[must_use]
pub fn read_verdict(word: &[u8]) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| verdict.name().as_bytes() == word)
}

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
                let (bytes, fields) = (text::MAX_LINE, csv::MAX_FIELDS);
                write!(f, "it is longer than {bytes} bytes or has more than {fields} fields")
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
