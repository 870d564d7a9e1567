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

use error::{Contradiction, JoinError, RowError};

use crate::digest::Digest;
use crate::digest::parse;
use crate::memory::{self, OutOfMemory};
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
    /// The error once there was no memory for a verdict. Then there are fewer verdicts than rows.
    refused: Option<OutOfMemory>,
}

impl Comparison {
    /// Makes a comparison without reports; `threads` is as for [`Planner::threads`].
    #[must_use]
    pub fn new(threads: Option<usize>) -> Self {
        let planner = Planner::new(false).threads(threads);
        Self { planner, verdicts: Vec::new(), starts: Vec::new(), refused: None }
    }

    /// Says that about so many rows will come, as [`Planner::expect`].
    pub fn expect(&mut self, more: usize) {
        self.planner.expect(more);
    }

    /// Says that about so many rows will come, as [`Planner::expect_only`].
    pub fn expect_only(&mut self, more: usize) {
        self.planner.expect_only(more);
    }

    /// Returns the number of rows taken so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.planner.rows()
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
        self.keep(&[verdict]);
        Ok(())
    }

    /// Takes a row for each raw digest.
    ///
    /// # Panics
    /// If the numbers of digests and verdicts differ.
    pub fn raw(&mut self, digests: &[Digest], verdicts: &[Verdict]) {
        assert_eq!(digests.len(), verdicts.len(), "one verdict for each digest");
        self.planner.raw(digests);
        self.keep(verdicts);
    }

    /// Tells whether the memory sufficed so far, as [`Planner::check`].
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn check(&self) -> Result<(), OutOfMemory> {
        self.refused.map_or_else(|| self.planner.check(), Err)
    }

    /// Returns the planner, for a caller that adds one row for each of these `verdicts`.
    #[cfg(feature = "python")]
    pub(crate) fn rows_for(&mut self, verdicts: &[Verdict]) -> &mut Planner {
        self.keep(verdicts);
        &mut self.planner
    }

    #[inline]
    fn keep(&mut self, verdicts: &[Verdict]) {
        if let Err(refused) = memory::extend(&mut self.verdicts, verdicts) {
            self.refused = Some(refused);
        }
    }

    /// Joins the reports.
    ///
    /// # Errors
    /// If a report has two verdicts for one digest, or a verdict for a text that is not a digest; or
    /// [`OutOfMemory`].
    pub fn finish(self) -> Result<JoinedReports, JoinError> {
        self.check()?;
        let plan = self.planner.finish(1)?;
        let mut reports = Vec::with_capacity(self.starts.len());
        for (number, start) in self.starts.iter().copied().enumerate() {
            let stop = self.starts.get(number + 1).copied().unwrap_or(self.verdicts.len());
            let rows = &plan.row_index()[start..stop];
            let mut codes = memory::filled(ABSENT, plan.unique())?;
            put_verdicts(&mut codes, rows, &self.verdicts[start..stop]).map_err(|row| {
                JoinError::Contradiction(number, contradiction(&plan, start, rows, row, &self.verdicts))
            })?;
            reports.push(codes);
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

/// Writes the code of each digest in one report, or returns the first row that contradicts an earlier row.
fn put_verdicts(codes: &mut [u8], rows: &[i64], verdicts: &[Verdict]) -> Result<(), usize> {
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
    Ok(())
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
