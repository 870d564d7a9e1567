//! Several audits joined by digest: what each of them says of every digest.
//!
//! All of them go into one planner, which numbers digests as they come for the first time: that is the
//! join. Beside it stands one byte a row. What each audit says of each digest is settled at the end,
//! because only then has every row its number.

mod csv;
pub mod error;
mod jsonl;
mod limits;
pub mod report_file;

use error::{Contradiction, RowError};

use crate::digest::Digest;
use crate::digest::parse;
use crate::plan::Plan;
use crate::plan::planner::Planner;
use crate::verdict::Verdict;

/// Stands where an audit does not have a digest: the code behind those of the verdicts.
pub const ABSENT: u8 = Verdict::ALL.len() as u8;

/// Takes the rows of one audit after another.
#[derive(Debug)]
pub struct Comparison {
    planner: Planner,
    /// The verdict of each row.
    verdicts: Vec<Verdict>,
    /// Where each audit starts in them.
    starts: Vec<usize>,
}

impl Comparison {
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
    pub(crate) fn rows_for(&mut self, verdicts: &[Verdict]) -> &mut Planner {
        self.verdicts.extend_from_slice(verdicts);
        &mut self.planner
    }

    /// Joins them.
    ///
    /// # Errors
    /// If an audit, whose number is given, says two things of one digest, or something of what is none.
    pub fn finish(self) -> Result<JoinedReports, (usize, Contradiction)> {
        let plan = self.planner.finish(1);
        let mut reports = Vec::with_capacity(self.starts.len());
        for (number, start) in self.starts.iter().copied().enumerate() {
            let stop = self.starts.get(number + 1).copied().unwrap_or(self.verdicts.len());
            let rows = &plan.row_index()[start..stop];
            let verdicts = verdicts_by_digest(rows, &self.verdicts[start..stop], plan.unique());
            reports.push(
                verdicts.map_err(|row| (number, contradiction(&plan, start, rows, row, &self.verdicts)))?,
            );
        }
        Ok(JoinedReports { plan, reports })
    }
}

/// The digests of all audits, and what each audit says of them.
#[derive(Debug)]
pub struct JoinedReports {
    /// The digests, those of the first audit first.
    pub plan: Plan,
    /// For each audit one code for each digest: of a verdict, or [`ABSENT`].
    pub reports: Vec<Vec<u8>>,
}

/// What an audit says of each digest, or the first of its rows that cannot stand beside those before.
fn verdicts_by_digest(rows: &[i64], verdicts: &[Verdict], unique: usize) -> Result<Vec<u8>, usize> {
    let mut codes = vec![ABSENT; unique];
    for (row, (index, verdict)) in rows.iter().zip(verdicts).enumerate() {
        let Ok(at) = usize::try_from(*index) else {
            if *verdict == Verdict::Invalid {
                continue;
            }
            return Err(row);
        };
        let code = *verdict as u8;
        if codes[at] != code {
            if codes[at] != ABSENT {
                return Err(row);
            }
            codes[at] = code;
        }
    }
    Ok(codes)
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
