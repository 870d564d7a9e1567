//! Reads a report that was written as text: CSV or JSON Lines, told apart by the first character.

use super::Comparison;
use super::csv::ReportCsv;
use super::error::ReportError;
use super::jsonl::ReportJsonLines;
use crate::input::Format;
use crate::input::blocks::FileStart;

/// Finds the rows of a report that was written as text.
#[derive(Debug)]
pub struct ReportFile {
    /// The start of the file, which tells its form.
    start: FileStart,
    kind: Kind,
    may_be_empty: bool,
}

#[derive(Debug)]
enum Kind {
    Unknown,
    Csv(Box<ReportCsv>),
    JsonLines(ReportJsonLines),
}

impl ReportFile {
    /// Makes a reader for one file. With `may_be_empty`, for a name that says JSON Lines, a file without
    /// bytes is a report without rows; otherwise it is not a report.
    #[must_use]
    pub fn new(may_be_empty: bool) -> Self {
        Self { start: FileStart::default(), kind: Kind::Unknown, may_be_empty }
    }

    fn begin(&mut self, comparison: &mut Comparison) -> Result<(), ReportError> {
        let start = std::mem::take(&mut self.start);
        let text = start.text();
        self.kind = match text.first() {
            None => return Ok(()),
            Some(b'{') => Kind::JsonLines(ReportJsonLines::default()),
            Some(_) => Kind::Csv(Box::default()),
        };
        self.feed(text, comparison)
    }
}

impl Format<Comparison> for ReportFile {
    type Error = ReportError;

    fn feed(&mut self, block: &[u8], comparison: &mut Comparison) -> Result<(), ReportError> {
        match &mut self.kind {
            Kind::Csv(csv) => csv.feed(block, comparison),
            Kind::JsonLines(lines) => lines.feed(block, comparison),
            Kind::Unknown => {
                let Some(rest) = self.start.take(block) else {
                    return Ok(());
                };
                self.begin(comparison)?;
                self.feed(rest, comparison)
            }
        }
    }

    fn end(&mut self, comparison: &mut Comparison) -> Result<(), ReportError> {
        if matches!(self.kind, Kind::Unknown) {
            self.begin(comparison)?;
        }
        match &mut self.kind {
            Kind::Csv(csv) => csv.end(comparison),
            Kind::JsonLines(lines) => lines.end(comparison),
            Kind::Unknown if self.may_be_empty => Ok(()),
            Kind::Unknown => Err(ReportError::NoReport(Vec::new())),
        }
    }
}
