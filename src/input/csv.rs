//! Reads one column of a CSV file (RFC 4180: commas, quotes doubled inside quotes).
//!
//! The first record is the header, unless its value in the column is itself a digest, because a file without
//! a header must not lose its first row. Blank lines are not rows. A record that is too short for the column
//! is a null. Bytes that are not UTF-8 stay as they are.

use csv_core::{ReadFieldResult, Reader};

use super::blocks::FileStart;
use super::{Column, Format, FormatError};
use crate::digest::parse;
use crate::plan::planner::Planner;
use crate::plan::row_sink::{Line, MAX_LINE, Sink};

/// Most bytes of all names of a header together. A longer first record is not a header.
const MAX_HEADER: usize = 1 << 20;

/// Finds the rows of a CSV file.
#[derive(Debug)]
pub struct Csv {
    reader: Reader,
    place: Place,
    /// The start of the field being read: one byte more than the longest row, to tell whether the field is
    /// longer.
    field: Vec<u8>,
    /// Bytes of the field that are there.
    filled: usize,
    /// The number of the field in its record.
    number: usize,
    /// The number of the record, counted from 1.
    record: u64,
    /// The line on which the record starts, counted from 1; None between two records.
    line: Option<u64>,
    /// The start of the file, until it is whole.
    start: Option<FileStart>,
}

/// Where the rows are.
#[derive(Debug)]
enum Place {
    /// Unknown until the header is complete: the names so far, and the sum of their bytes.
    Unknown(Column, Vec<Vec<u8>>, usize),
    /// In the field of this number.
    Field(usize),
}

impl Csv {
    /// Makes a reader for one file, which looks for `column` in the file's header.
    #[must_use]
    pub fn new(column: Column) -> Self {
        Self {
            reader: reader(),
            place: Place::Unknown(column, Vec::new(), 0),
            field: vec![0; MAX_LINE + 1],
            filled: 0,
            number: 0,
            record: 1,
            line: None,
            start: Some(FileStart::default()),
        }
    }

    fn end_field(&mut self, is_last: bool, planner: &mut Planner) -> Result<(), FormatError> {
        let text = &self.field[..self.filled];
        if let Some(line) = self.line {
            planner.at_line(line);
        }
        match &mut self.place {
            Place::Field(number) if *number == self.number => {
                let cut = text.len() > MAX_LINE;
                planner.line(Line { text: &text[..text.len().min(MAX_LINE)], cut });
            }
            Place::Field(number) => {
                if is_last && self.number < *number {
                    planner.not_text(None);
                }
            }
            Place::Unknown(column, names, bytes) => {
                *bytes += text.len() + size_of::<Vec<u8>>();
                if *bytes > MAX_HEADER {
                    return Err(FormatError::LongHeader);
                }
                names.push(text.to_vec());
                if is_last {
                    let number = find(column, names)?;
                    if parse::parse(&names[number]).is_ok() {
                        planner.row(&names[number]);
                    }
                    self.place = Place::Field(number);
                }
            }
        }
        self.filled = 0;
        self.number = if is_last { 0 } else { self.number + 1 };
        self.record += u64::from(is_last);
        if is_last {
            self.line = None;
        }
        Ok(())
    }

    fn fields(&mut self, mut block: &[u8], planner: &mut Planner) -> Result<(), FormatError> {
        // Receives the bytes that are not kept.
        let mut waste = [0; 1024];
        loop {
            if self.line.is_none() {
                block = self.skip_line_ends(block);
            }
            // The reader takes an empty block for the end of the file.
            if block.is_empty() {
                return Ok(());
            }
            self.line.get_or_insert(self.reader.line());
            let wanted = match self.place {
                Place::Field(number) => number == self.number,
                Place::Unknown(..) => true,
            };
            let room = if wanted { &mut self.field[self.filled..] } else { &mut [] };
            let room = if room.is_empty() { &mut waste[..] } else { room };
            let (result, read, written) = self.reader.read_field(block, room);
            block = &block[read..];
            self.filled = if wanted { self.field.len().min(self.filled + written) } else { 0 };
            if let ReadFieldResult::Field { record_end } = result {
                self.end_field(record_end, planner)?;
            }
        }
    }

    /// Skips what the reader would skip before a record, so that the line of the record is known.
    fn skip_line_ends<'a>(&mut self, block: &'a [u8]) -> &'a [u8] {
        let start = block.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(block.len());
        let ends = memchr::memchr_iter(b'\n', &block[..start]).count();
        self.reader.set_line(self.reader.line() + ends as u64);
        &block[start..]
    }

    /// Reads the start of the file, without its byte-order mark.
    fn begin(&mut self, planner: &mut Planner) -> Result<(), FormatError> {
        let start = self.start.take().unwrap_or_default();
        self.fields(start.text(), planner)
    }
}

impl Format for Csv {
    type Error = FormatError;

    fn feed(&mut self, block: &[u8], planner: &mut Planner) -> Result<(), FormatError> {
        let Some(start) = &mut self.start else {
            return self.fields(block, planner);
        };
        let Some(rest) = start.take(block) else {
            return Ok(());
        };
        self.begin(planner)?;
        self.fields(rest, planner)
    }

    fn end(&mut self, planner: &mut Planner) -> Result<(), FormatError> {
        self.begin(planner)?;
        // A line end ends the last record, unless quotes are open: then it is one more byte of the field. The
        // field holds the rows since the quotes, and without the error they would be lost silently.
        let (result, _, written) = self.reader.read_field(b"\n", &mut [0; 8]);
        match result {
            ReadFieldResult::Field { record_end } => self.end_field(record_end, planner)?,
            _ if written > 0 => return Err(FormatError::OpenQuotes(self.record)),
            _ => {}
        }
        planner.end_file();
        Ok(())
    }
}

/// A reader at the start of a file, after its byte-order mark.
pub(crate) fn reader() -> Reader {
    let mut reader = Reader::new();
    // The blank line is not a record. After it the reader looks for no byte-order mark: on its own it would
    // take a block of nothing but a mark for the end of the file.
    reader.read_field(b"\n", &mut [0]);
    reader.set_line(1);
    reader
}

fn find(column: &Column, names: &[Vec<u8>]) -> Result<usize, FormatError> {
    let shown = || names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    match column {
        Column::Only if names.len() == 1 => Ok(0),
        Column::Only => Err(FormatError::Several(shown())),
        Column::Number(number) if *number < names.len() => Ok(*number),
        Column::Number(number) => Err(FormatError::NoSuchNumber(*number, shown())),
        Column::Name(wanted) => {
            let mut found = (0..names.len()).filter(|at| names[*at] == wanted.as_bytes());
            let first = found.next().ok_or_else(|| FormatError::NoSuchName(wanted.clone(), shown()))?;
            match found.count() {
                0 => Ok(first),
                more => Err(FormatError::NameTaken(wanted.clone(), more + 1)),
            }
        }
    }
}
