//! Reads the rows of a report in a CSV file. The header says where the two columns are; the file may have
//! others.
//!
//! `input::csv` reads field by field, because it skips fields of any size outside its column. Here every
//! record is bounded and read at once, because all its fields must be counted and its line must be known.

use csv_core::{ReadRecordResult, Reader};

use super::Comparison;
use super::error::{ReportError, RowError};
use super::limits::{MAX_FIELDS, MAX_LINE};
use crate::input::Format;
use crate::input::csv_head::reader;

#[derive(Debug)]
pub(super) struct ReportCsv {
    reader: Reader,
    /// The record being read: its fields, without separators.
    record: Vec<u8>,
    /// Bytes of the record that are there.
    filled: usize,
    /// Where the fields end.
    ends: Vec<usize>,
    /// Fields of the record that are there.
    fields: usize,
    header: Option<Header>,
}

/// Where the columns are, and the number of fields of a record.
#[derive(Clone, Copy, Debug)]
struct Header {
    digest: usize,
    verdict: usize,
    fields: usize,
}

impl Default for ReportCsv {
    fn default() -> Self {
        Self {
            reader: reader(b','),
            record: vec![0; MAX_LINE],
            filled: 0,
            ends: vec![0; MAX_FIELDS],
            fields: 0,
            header: None,
        }
    }
}

impl ReportCsv {
    fn end_record(&mut self, comparison: &mut Comparison) -> Result<(), RecordError> {
        let ends = &self.ends[..self.fields];
        let field = |at: usize| &self.record[if at == 0 { 0 } else { ends[at - 1] }..ends[at]];
        match self.header {
            Some(header) if header.fields == ends.len() => {
                comparison.row(field(header.digest), field(header.verdict))?;
            }
            Some(header) => return Err(RowError::Fields(ends.len(), header.fields).into()),
            None => {
                let place = |name: &[u8]| {
                    let mut found = (0..ends.len()).filter(|at| field(*at) == name);
                    found.next().filter(|_| found.next().is_none())
                };
                let (Some(digest), Some(verdict)) = (place(b"digest"), place(b"verdict")) else {
                    let names = (0..ends.len()).map(|at| String::from_utf8_lossy(field(at)).into_owned());
                    return Err(RecordError::Header(names.collect()));
                };
                self.header = Some(Header { digest, verdict, fields: ends.len() });
            }
        }
        (self.filled, self.fields) = (0, 0);
        Ok(())
    }

    /// Returns the line in which the record starts. `ended_by_line` says that the last byte taken is its
    /// line end.
    fn line(&self, ended_by_line: bool) -> u64 {
        let within = memchr::memchr_iter(b'\n', &self.record[..self.filled]).count();
        self.reader.line() - within as u64 - u64::from(ended_by_line)
    }

    /// Takes the next bytes, at most to the end of a record. Returns how many bytes it took, and how many
    /// bytes they add to the fields of the record.
    fn step(&mut self, block: &[u8], comparison: &mut Comparison) -> Result<(usize, usize), ReportError> {
        let (record, ends) = (&mut self.record[self.filled..], &mut self.ends[self.fields..]);
        let (result, read, written, ended) = self.reader.read_record(block, record, ends);
        self.filled += written;
        self.fields += ended;
        let done = match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => Ok(()),
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => Err(RowError::TooLong.into()),
            ReadRecordResult::Record => self.end_record(comparison),
        };
        done.map_err(|error| match error {
            RecordError::Row(error) => {
                let by_line = result == ReadRecordResult::Record && block[..read].ends_with(b"\n");
                ReportError::NoRow(self.line(by_line), error)
            }
            RecordError::Header(names) => ReportError::NoReport(names),
        })?;
        Ok((read, written))
    }
}

impl Format<Comparison> for ReportCsv {
    type Error = ReportError;

    fn feed(&mut self, mut block: &[u8], comparison: &mut Comparison) -> Result<(), ReportError> {
        // The reader takes an empty block for the end of the file.
        while !block.is_empty() {
            let (read, _) = self.step(block, comparison)?;
            block = &block[read..];
        }
        Ok(())
    }

    fn end(&mut self, comparison: &mut Comparison) -> Result<(), ReportError> {
        // A line end ends the last record, unless quotes are open: then it is one more byte of the field,
        // and the field holds the rows since the quotes.
        let (_, written) = self.step(b"\n", comparison)?;
        if written > 0 {
            return Err(ReportError::NoRow(self.line(false), RowError::OpenQuotes));
        }
        if self.header.is_none() {
            return Err(ReportError::NoReport(Vec::new()));
        }
        Ok(())
    }
}

/// What is wrong with a record: a row, or the header with these names.
enum RecordError {
    Row(RowError),
    Header(Vec<String>),
}

impl From<RowError> for RecordError {
    fn from(error: RowError) -> Self {
        Self::Row(error)
    }
}
