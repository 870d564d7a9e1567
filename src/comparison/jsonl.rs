//! Reads the rows of a report in a JSON Lines file: in each line an object with the keys of the two columns.

use std::borrow::Cow;

use serde::Deserialize;

use super::Comparison;
use super::error::{ReportError, RowError};
use super::limits::MAX_LINE;
use crate::digest::parse::is_white;
use crate::input::Format;
use crate::input::blocks::LineSplitter;

/// Most bytes of a reason that a message shows, because a reason may quote the line.
const SHOWN_REASON: usize = 200;

#[derive(Debug)]
pub(super) struct ReportJsonLines {
    lines: LineSplitter,
    /// Lines that were read.
    count: u64,
}

impl Default for ReportJsonLines {
    fn default() -> Self {
        Self { lines: LineSplitter::new(MAX_LINE), count: 0 }
    }
}

impl Format<Comparison> for ReportJsonLines {
    type Error = ReportError;

    fn feed(&mut self, block: &[u8], comparison: &mut Comparison) -> Result<(), ReportError> {
        let Self { lines, count } = self;
        lines.feed(block, |text| line(text, count, comparison))
    }

    fn end(&mut self, comparison: &mut Comparison) -> Result<(), ReportError> {
        let Self { lines, count } = self;
        lines.end(|text| line(text, count, comparison))
    }
}

fn line(text: &[u8], count: &mut u64, comparison: &mut Comparison) -> Result<(), ReportError> {
    *count += 1;
    if text.iter().all(|byte| is_white(*byte)) {
        return Ok(());
    }
    row(text, comparison).map_err(|error| ReportError::NoRow(*count, error))
}

fn row(line: &[u8], comparison: &mut Comparison) -> Result<(), RowError> {
    if line.len() > MAX_LINE {
        return Err(RowError::TooLong);
    }
    let Row { digest, verdict } = serde_json::from_slice(line).map_err(|error| {
        if error.is_data() {
            let mut why = error.to_string();
            // The column within the line does not help people.
            why.truncate(why.rfind(" at line ").unwrap_or(why.len()));
            why.truncate(why.floor_char_boundary(SHOWN_REASON));
            RowError::Json(why)
        } else {
            RowError::Json("the line is not a JSON object; is the file cut short?".into())
        }
    })?;
    comparison.row(digest.as_ref().map_or(b"", |Text(text)| text.as_bytes()), verdict.0.as_bytes())
}

/// The two keys that are read of a line. Other keys are skipped.
#[derive(Deserialize)]
#[serde(expecting = "an object with the keys digest and verdict")]
struct Row<'a> {
    #[serde(borrow)]
    digest: Option<Text<'a>>,
    #[serde(borrow)]
    verdict: Text<'a>,
}

/// A text, borrowed from the line if it has no escapes. A bare `Cow` in an `Option` would be copied.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
