//! The report table: a line for each input row, or for each digest, made in order and never held as a whole.

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod compress;
pub mod csv;
pub mod escape;
pub mod in_order;
pub mod jsonl;
#[cfg(feature = "arrow")]
pub mod plan_table;
pub mod records;
pub mod text;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::digest::Text;
use crate::ledger::columns::Columns;
use crate::plan::Plan;
use crate::verdict::Verdict;

/// Names of the columns, in order.
pub const COLUMNS: [&str; 8] = ["row", "digest", "verdict", "size", "media_type", "code", "reason", "input"];

/// A plan and its verdicts as lines.
#[derive(Clone, Debug)]
pub struct Table {
    plan: Arc<Plan>,
    columns: Arc<Columns>,
    unique: bool,
    /// The verdicts whose lines the table has, by code; None for all.
    only: Option<[bool; Verdict::ALL.len()]>,
    len: usize,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// Input row, counted from 0. In a table with a line for each digest, the first row of the digest.
    pub row: usize,
    /// The digest's text; None for a rejected row.
    pub digest: Option<Text>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// Bytes, if the service gave a size.
    pub size: Option<i64>,
    /// The media type, if the service gave it.
    pub media_type: Option<&'a str>,
    /// The code of the service or of layercheck, if any.
    pub code: Option<&'a str>,
    /// A sentence for people, if any.
    pub reason: Option<Cow<'a, str>>,
    /// The original text, only for rejected rows.
    pub input: Option<String>,
}

impl Table {
    /// Makes the table of `columns`, which belong to `plan`: a line for each row, or with `unique` for each
    /// digest.
    #[must_use]
    pub fn new(plan: Arc<Plan>, columns: Arc<Columns>, unique: bool) -> Self {
        let len = if unique { plan.unique() } else { plan.rows() };
        Self { plan, columns, unique, only: None, len }
    }

    /// Returns the table with only the lines of these verdicts. Counts them, so it walks over the verdicts.
    #[must_use]
    pub fn only(mut self, verdicts: &[Verdict]) -> Self {
        let mut wanted = [false; Verdict::ALL.len()];
        for verdict in verdicts {
            wanted[*verdict as usize] = true;
        }
        self.only = Some(wanted);
        self.len = if self.unique {
            self.columns.verdicts().iter().filter(|verdict| wanted[**verdict as usize]).count()
        } else {
            self.plan.row_index().iter().filter(|index| self.is_wanted(**index)).count()
        };
        self
    }

    /// Returns the number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if the table has no lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the lines from number `start` on. A table without a line for each row walks over the rows
    /// before it.
    pub fn lines(&self, start: usize) -> impl Iterator<Item = Line<'_>> {
        let walks = self.unique || self.only.is_some();
        let (skip, row) = if walks { (start, 0) } else { (0, start.min(self.plan.rows())) };
        let lines = self.indices(0, row..self.plan.rows()).map(|(row, index)| self.line(row, index));
        lines.skip(skip)
    }

    /// Returns these rows, as far as the table has lines of them, with their indices. Before them, `digests`
    /// digests were seen.
    fn indices(&self, digests: usize, rows: Range<usize>) -> impl Iterator<Item = (usize, i64)> {
        let of_rows = rows_at(&self.plan, self.unique, digests, rows);
        of_rows.filter(|(_, index)| self.is_wanted(*index))
    }

    /// Returns the digests seen before input row `row`, in a table with a line for each digest whose last
    /// line is that of the row before.
    #[cfg(feature = "arrow")]
    fn digests_before(&self, row: usize) -> usize {
        let last = row.checked_sub(1).map_or(-1, |last| self.plan.row_index()[last]);
        usize::try_from(last + 1).unwrap_or_default()
    }

    fn is_wanted(&self, index: i64) -> bool {
        let Some(wanted) = self.only else { return true };
        wanted[self.verdict(index) as usize]
    }

    fn verdict(&self, index: i64) -> Verdict {
        usize::try_from(index).map_or(Verdict::Invalid, |at| self.columns.verdicts()[at])
    }

    fn line(&self, row: usize, index: i64) -> Line<'_> {
        let Ok(at) = usize::try_from(index) else {
            let reject = self.plan.rejects().of_row(row);
            return Line {
                row,
                digest: None,
                verdict: Verdict::Invalid.name(),
                size: None,
                media_type: None,
                code: reject.map(|reject| reject.kind.name()),
                reason: reject.map(|reject| Cow::Owned(reject.to_string())),
                input: reject.and_then(|reject| reject.shown()),
            };
        };
        let (code, reason) = self.columns.detail(at);
        Line {
            row,
            digest: Some(Text::of(&self.plan.digests()[at])),
            verdict: self.columns.verdicts()[at].name(),
            size: Some(self.columns.sizes()[at]).filter(|size| *size >= 0),
            media_type: self.columns.media_type(at),
            code: Some(code).filter(|code| !code.is_empty()),
            reason: Some(Cow::Borrowed(reason)).filter(|reason| !reason.is_empty()),
            input: None,
        }
    }
}

/// Returns these rows of a plan with their indices: all rows, or only the first row of each digest. Before
/// them there are `line` of these.
fn rows_at(plan: &Plan, unique: bool, line: usize, rows: Range<usize>) -> impl Iterator<Item = (usize, i64)> {
    // Digests are in first-seen order, so their first rows are in ascending order: the line of the next
    // digest is the next row with its index.
    let mut next = line as i64;
    let row = rows.start;
    plan.row_index()[rows]
        .iter()
        .enumerate()
        .filter(move |(_, index)| {
            let wanted = !unique || **index == next;
            next += i64::from(wanted);
            wanted
        })
        .map(move |(behind, index)| (row + behind, *index))
}
