//! The rows of a report in a JSON Lines file: in each line an object with the keys of the two columns.

use std::borrow::Cow;

use serde::Deserialize;

use super::Comparison;
use super::error::{ReportError, RowError};
use super::limits::MAX_LINE;
use crate::digest::parse::is_white;
use crate::input::Format;

/// Bytes of a reason that are shown; it may quote the line.
const SHOWN_REASON: usize = 200;

#[derive(Debug, Default)]
pub(super) struct ReportJsonLines {
    /// The unfinished line that the last block ended in; at most a byte more than is read.
    carry: Vec<u8>,
    /// Lines that were read.
    lines: u64,
}

impl ReportJsonLines {
    fn keep(&mut self, piece: &[u8]) {
        let room = MAX_LINE + 1 - self.carry.len();
        self.carry.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn carried(&mut self, comparison: &mut Comparison) -> Result<(), ReportError> {
        let mut line = std::mem::take(&mut self.carry);
        let taken = self.line(&line, comparison);
        line.clear();
        self.carry = line;
        taken
    }

    fn line(&mut self, line: &[u8], comparison: &mut Comparison) -> Result<(), ReportError> {
        self.lines += 1;
        if line.iter().all(|byte| is_white(*byte)) {
            return Ok(());
        }
        row(line, comparison).map_err(|error| ReportError::NoRow(self.lines, error))
    }
}

impl Format<Comparison> for ReportJsonLines {
    type Error = ReportError;

    fn feed(&mut self, mut block: &[u8], comparison: &mut Comparison) -> Result<(), ReportError> {
        if !self.carry.is_empty() {
            let Some(end) = memchr::memchr(b'\n', block) else {
                self.keep(block);
                return Ok(());
            };
            self.keep(&block[..end]);
            self.carried(comparison)?;
            block = &block[end + 1..];
        }
        while let Some(end) = memchr::memchr(b'\n', block) {
            self.line(&block[..end], comparison)?;
            block = &block[end + 1..];
        }
        self.keep(block);
        Ok(())
    }

    fn end(&mut self, comparison: &mut Comparison) -> Result<(), ReportError> {
        if self.carry.is_empty() { Ok(()) } else { self.carried(comparison) }
    }
}

fn row(line: &[u8], comparison: &mut Comparison) -> Result<(), RowError> {
    if line.len() > MAX_LINE {
        return Err(RowError::TooLong);
    }
    let Row { digest, verdict } = serde_json::from_slice(line).map_err(|error| {
        if error.is_data() {
            let mut why = error.to_string();
            // Where it is within the line is of no use to people.
            why.truncate(why.rfind(" at line ").unwrap_or(why.len()));
            why.truncate(why.floor_char_boundary(SHOWN_REASON));
            RowError::Json(why)
        } else {
            RowError::Json("it is no JSON object; is the file cut short?".into())
        }
    })?;
    comparison.row(digest.as_ref().map_or(b"", |Text(text)| text.as_bytes()), verdict.0.as_bytes())
}

/// What is wanted of a line; its other keys are passed over.
#[derive(Deserialize)]
#[serde(expecting = "an object with the keys digest and verdict")]
struct Row<'a> {
    #[serde(borrow)]
    digest: Option<Text<'a>>,
    #[serde(borrow)]
    verdict: Text<'a>,
}

/// Borrowed from the line if it has no escapes; a bare `Cow` in an `Option` would be copied.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
