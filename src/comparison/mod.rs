//! Joins several reports by digest: the verdict of each report for every digest.
//!
//! The rows of all reports go into one planner, which numbers digests in first-seen order: that is the join.
//! Beside it stands one byte a row, the verdict. The verdicts by digest are made at the end, because only
//! then has every row its number.

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

/// The code for a digest that a report does not have, one above the codes of the verdicts.
pub const ABSENT: u8 = Verdict::ALL.len() as u8;

/// Takes the rows of one report after another.
#[derive(Debug)]
pub struct Comparison {
    planner: Planner,
    /// The verdict of each row.
    verdicts: Vec<Verdict>,
    /// Where each report starts in `verdicts`.
    starts: Vec<usize>,
}

impl Comparison {
    /// Makes a comparison without reports; `threads` is as for [`Planner::threads`].
    #[must_use]
    pub fn new(threads: Option<usize>) -> Self {
        let planner = Planner::new(false).threads(threads);
        Self { planner, verdicts: Vec::new(), starts: Vec::new() }
    }

    /// Starts a report: the next rows belong to it.
    pub fn begin(&mut self) {
        self.starts.push(self.verdicts.len());
    }

    /// Takes a row of text from a report.
    ///
    /// # Errors
    /// If no report has such a row.
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
    /// If the numbers of digests and verdicts differ.
    pub fn raw(&mut self, digests: &[Digest], verdicts: &[Verdict]) {
        assert_eq!(digests.len(), verdicts.len(), "one verdict for each digest");
        self.planner.raw(digests);
        self.verdicts.extend_from_slice(verdicts);
    }

    /// Returns the planner, for a caller that adds one row for each of these `verdicts`.
    #[cfg(feature = "python")]
    pub(crate) fn rows_for(&mut self, verdicts: &[Verdict]) -> &mut Planner {
        self.verdicts.extend_from_slice(verdicts);
        &mut self.planner
    }

    /// Joins the reports.
    ///
    /// # Errors
    /// If a report, whose number is returned, has two verdicts for one digest, or a verdict for a text that
    /// is not a digest.
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

/// The digests of all reports, and the verdicts of each report.
#[derive(Debug)]
pub struct JoinedReports {
    /// The digests, those of the first report first.
    pub plan: Plan,
    /// For each report one code for each digest: the code of a verdict, or [`ABSENT`].
    pub reports: Vec<Vec<u8>>,
}

/// Returns the code of each digest in one report, or the first row that contradicts an earlier row.
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

/// Returns the verdict with this word.
#[must_use]
pub fn read_verdict(word: &[u8]) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| verdict.name().as_bytes() == word)
}
