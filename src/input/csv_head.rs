//! What the first records of a CSV file tell: the delimiter, and the column that holds the digests.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::digest::parse;

/// Bytes at the start of a file that are looked at.
pub(super) const HEAD: usize = 1 << 16;

/// Most records that are looked at, the header among them.
const RECORDS: usize = 101;

/// Delimiters that are told from the header, the most usual first.
const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The name of a column that is taken, in any case.
const NAME: &[u8] = b"digest";

/// What stands before the delimiter in a first line that names it.
const NAMES_DELIMITER: &[u8] = b"sep=";

/// What stands between two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// This byte of ASCII.
    Given(u8),
    /// The one of comma, semicolon, tab and `|` that alone splits the header and most records into the same
    /// number of fields, which is more than one; else this one.
    Told {
        /// The delimiter of a file that does not tell.
        otherwise: u8,
    },
}

impl Delimiter {
    /// The delimiter of a file that starts with `head`, which may be the `whole` file.
    pub(super) fn of(self, head: &[u8], whole: bool) -> u8 {
        match self {
            Self::Given(delimiter) => delimiter,
            Self::Told { otherwise } => {
                let mut fitting = USUAL.into_iter().filter(|each| splits(head, whole, *each));
                fitting.next().filter(|_| fitting.next().is_none()).unwrap_or(otherwise)
            }
        }
    }
}

/// Whether `delimiter` splits the header, and at least half of the other records alike.
fn splits(head: &[u8], whole: bool, delimiter: u8) -> bool {
    let records = records(head, whole, delimiter);
    let Some((header, rows)) = records.split_first() else {
        return false;
    };
    let alike = rows.iter().filter(|row| row.ends.len() == header.ends.len()).count();
    header.ends.len() > 1 && 2 * alike >= rows.len()
}

/// The delimiter that a first line `sep=;` names, and the file behind that line. Excel and others write and read
/// it.
pub(super) fn named_delimiter(head: &[u8]) -> (Option<u8>, &[u8]) {
    let Some((line, [delimiter, rest @ ..])) = head.split_at_checked(NAMES_DELIMITER.len()) else {
        return (None, head);
    };
    let rest =
        rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r"));
    let may_delimit = delimiter.is_ascii() && !b"\"\r\n".contains(delimiter);
    match rest {
        Some(rest) if may_delimit && line.eq_ignore_ascii_case(NAMES_DELIMITER) => (Some(*delimiter), rest),
        _ => (None, head),
    }
}

/// The number of the column that holds the digests in a file of several columns: the only one with the name
/// `digest`, or else the only one in which a digest stands, if most of its values are digests. None if there
/// is not exactly one.
pub(super) fn digest_column(head: &[u8], whole: bool, delimiter: u8) -> Option<usize> {
    let records = records(head, whole, delimiter);
    let header = records.first()?;
    let columns = header.ends.len();
    let has_header = !(0..columns).any(|at| is_digest(header.field(at)));
    if has_header {
        let is_named = |at: &usize| header.field(*at).trim_ascii().eq_ignore_ascii_case(NAME);
        let mut named = (0..columns).filter(is_named);
        if let Some(first) = named.next()
            && named.next().is_none()
        {
            return Some(first);
        }
    }
    let rows = &records[usize::from(has_header)..];
    let mut found = None;
    for column in 0..columns {
        let cells = rows.iter().filter(|row| column < row.ends.len()).map(|row| row.field(column));
        let (mut digests, mut values) = (0, 0);
        for cell in cells.filter(|cell| !cell.trim_ascii().is_empty()) {
            values += 1;
            digests += usize::from(is_digest(cell));
        }
        if digests > 0 {
            if found.is_some() {
                return None;
            }
            found = Some((column, 2 * digests >= values));
        }
    }
    found.filter(|(_, most)| *most).map(|(column, _)| column)
}

fn is_digest(cell: &[u8]) -> bool {
    parse::parse(cell).is_ok()
}

/// One record: the bytes of its fields, and where each field ends.
struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    fn field(&self, at: usize) -> &[u8] {
        &self.bytes[if at == 0 { 0 } else { self.ends[at - 1] }..self.ends[at]]
    }
}

/// The first records that end in `head`.
fn records(mut head: &[u8], whole: bool, delimiter: u8) -> Vec<Record> {
    let mut reader = reader(delimiter);
    // A record has at most a byte and an end more than the file, for the last field.
    let (mut bytes, mut ends) = (vec![0; head.len() + 1], vec![0; head.len() + 2]);
    let (mut filled, mut fields) = (0, 0);
    let mut records = Vec::new();
    let mut ended = !whole;
    while records.len() < RECORDS {
        if head.is_empty() {
            if ended {
                break;
            }
            // Ends a last record without a line end.
            (ended, head) = (true, b"\n");
        }
        let (result, read, written, found) =
            reader.read_record(head, &mut bytes[filled..], &mut ends[fields..]);
        head = &head[read..];
        filled += written;
        fields += found;
        match result {
            ReadRecordResult::Record => {
                records.push(Record { bytes: bytes[..filled].to_vec(), ends: ends[..fields].to_vec() });
                (filled, fields) = (0, 0);
            }
            ReadRecordResult::InputEmpty => {}
            _ => break,
        }
    }
    records
}

/// A reader at the start of a file, after its byte-order mark.
pub(crate) fn reader(delimiter: u8) -> Reader {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    // The blank line is not a record. After it the reader looks for no byte-order mark: on its own it would
    // take a block of nothing but a mark for the end of the file.
    reader.read_field(b"\n", &mut [0]);
    reader.set_line(1);
    reader
}
