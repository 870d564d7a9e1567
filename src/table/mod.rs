//! The report table: one line per input row, or one per digest, made in order and never whole.

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod csv;
pub mod jsonl;
#[cfg(feature = "arrow")]
pub mod plan_table;

use std::borrow::Cow;
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
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// Input row, counted from 0; the first one of its digest where there is a line per digest.
    pub row: usize,
    /// The digest's text; None for a rejected row.
    pub digest: Option<Text>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// Bytes, if the service gave a size.
    pub size: Option<i64>,
    /// If the service gave one.
    pub media_type: Option<&'a str>,
    /// The service's or our own code, where there is one.
    pub code: Option<&'a str>,
    /// A sentence for people, where there is one.
    pub reason: Option<Cow<'a, str>>,
    /// The original text, for rejected rows only.
    pub input: Option<String>,
}

impl Table {
    /// The table of `columns`, which belong to `plan`: a line per row, or per digest if `unique`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, columns: Arc<Columns>, unique: bool) -> Self {
        Self { plan, columns, unique }
    }

    /// Lines of the table.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.unique { self.plan.unique() } else { self.plan.rows() }
    }

    /// True if it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lines from number `start` on. By digest, that takes a walk over the rows before it.
    pub fn lines(&self, start: usize) -> impl Iterator<Item = Line<'_>> {
        let (skip, row) = if self.unique { (start, 0) } else { (0, start.min(self.plan.rows())) };
        self.lines_at(0, row).skip(skip)
    }

    /// The lines in input row `row` and behind it; before it stand `line` lines.
    fn lines_at(&self, line: usize, row: usize) -> impl Iterator<Item = Line<'_>> {
        let of_rows = rows_at(&self.plan, self.unique, line, row);
        of_rows.map(|(row, index)| self.line(row, index))
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

/// The rows of a plan from `row` on with their indices, all or only the first of each digest; `line` of
/// these lie before.
fn rows_at(plan: &Plan, unique: bool, line: usize, row: usize) -> impl Iterator<Item = (usize, i64)> {
    // Digests stand in first-seen order, so the rows at which they first stand rise with them:
    // the next digest's line is the next row that has its index.
    let mut next = line as i64;
    let rows = plan.row_index()[row..].iter().enumerate();
    rows.filter(move |(_, index)| {
        let wanted = !unique || **index == next;
        next += i64::from(wanted);
        wanted
    })
    .map(move |(behind, index)| (row + behind, *index))
}
