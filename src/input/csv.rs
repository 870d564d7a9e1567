//! Reads one column of a CSV file (RFC 4180: quotes doubled inside quotes), with any delimiter.
//!
//! The first record is the header, unless its value in the column is itself a digest, because a file without
//! a header must not lose its first row. A first line `sep=;` of Excel names the delimiter and is not a record.
//! Blank lines are not rows. A record that is too short for the column
//! is a null. Bytes that are not UTF-8 stay as they are.

use csv_core::{ReadFieldResult, Reader};

use super::blocks::BYTE_ORDER_MARK;
pub use super::csv_head::Delimiter;
use super::csv_head::{HEAD, digest_column, named_delimiter, reader};
use super::{Column, Format, FormatError, Quoted};
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
    delimiter: Delimiter,
    /// The start of the file, until it is long enough to tell the delimiter and the column.
    head: Option<Vec<u8>>,
    /// The column of the digests by the first records, for a caller who chose none.
    told: Option<usize>,
    /// The column that was taken in this way, for people.
    taken: Option<String>,
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
            reader: reader(b','),
            place: Place::Unknown(column, Vec::new(), 0),
            field: vec![0; MAX_LINE + 1],
            filled: 0,
            number: 0,
            record: 1,
            line: None,
            delimiter: Delimiter::Told { otherwise: b',' },
            head: Some(Vec::new()),
            told: None,
            taken: None,
        }
    }

    /// Sets what stands between two fields; by default, the file tells.
    #[must_use]
    pub fn delimiter(mut self, delimiter: Delimiter) -> Self {
        self.delimiter = delimiter;
        self
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
                    let number = find(column, names, self.told)?;
                    let is_row = parse::parse(&names[number]).is_ok();
                    if *column == Column::Only && names.len() > 1 {
                        self.taken = Some(if is_row {
                            format!("column {number}, counted from 0,")
                        } else {
                            format!("column {}", Quoted(&names[number]))
                        });
                    }
                    if is_row {
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
    fn begin(&mut self, whole: bool, planner: &mut Planner) -> Result<(), FormatError> {
        let head = self.head.take().unwrap_or_default();
        let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head);
        let (named, head) = named_delimiter(head);
        let delimiter = match (self.delimiter, named) {
            (Delimiter::Told { .. }, Some(named)) => named,
            (delimiter, _) => delimiter.of(head, whole),
        };
        self.reader = reader(delimiter);
        if named.is_some() {
            self.reader.set_line(2);
        }
        if matches!(self.place, Place::Unknown(Column::Only, ..)) {
            self.told = digest_column(head, whole, delimiter);
        }
        self.fields(head, planner)
    }
}

impl Format for Csv {
    type Error = FormatError;

    fn feed(&mut self, block: &[u8], planner: &mut Planner) -> Result<(), FormatError> {
        let Some(head) = &mut self.head else {
            return self.fields(block, planner);
        };
        let (more, rest) = block.split_at(block.len().min(HEAD - head.len()));
        head.extend_from_slice(more);
        if head.len() < HEAD {
            return Ok(());
        }
        self.begin(false, planner)?;
        self.fields(rest, planner)
    }

    fn end(&mut self, planner: &mut Planner) -> Result<(), FormatError> {
        if self.head.is_some() {
            self.begin(true, planner)?;
        }
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

    fn notes(&self) -> Vec<String> {
        self.taken.iter().cloned().collect()
    }
}

fn find(column: &Column, names: &[Vec<u8>], told: Option<usize>) -> Result<usize, FormatError> {
    let shown = || names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    match column {
        Column::Only if names.len() == 1 => Ok(0),
        Column::Only => told.ok_or_else(|| FormatError::Several(shown())),
        Column::Number(number) if *number < names.len() => Ok(*number),
        Column::Number(number) => Err(FormatError::NoSuchNumber(*number, shown())),
        Column::Name(wanted) => {
            let found: Vec<usize> = (0..names.len()).filter(|at| names[*at] == wanted.as_bytes()).collect();
            match found[..] {
                [] => Err(FormatError::NoSuchName(wanted.clone(), shown())),
                [only] => Ok(only),
                _ => Err(FormatError::NameTaken(wanted.clone(), found)),
            }
        }
    }
}
