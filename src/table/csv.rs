//! A line of the table as CSV: RFC 4180 quoting, a header line, an empty cell for a missing value, and text
//! from outside with escapes, so that every record is one line.

use std::io;

use super::escape::csv_cell;
use super::text::Format;
use super::{COLUMNS, Line};

/// Bytes collected for a line. A longer one takes some rounds.
const LINE: usize = 512;

/// How the table is written as CSV.
pub const CSV: Format = Format { header, line, before_cells: ["", ",", ",", ","], no_size: "" };

fn header(out: &mut Vec<u8>) -> io::Result<()> {
    record(out, COLUMNS)
}

fn line(out: &mut Vec<u8>, line: &Line<'_>) -> io::Result<()> {
    let row = line.row.to_string();
    let size = line.size.map(|size| size.to_string());
    let cells = [
        row.as_str(),
        line.digest.as_deref().unwrap_or_default(),
        line.verdict,
        size.as_deref().unwrap_or_default(),
        &csv_cell(line.media_type.unwrap_or_default()),
        &csv_cell(line.code.unwrap_or_default()),
        &csv_cell(line.reason.as_deref().unwrap_or_default()),
        &csv_cell(line.input.as_deref().unwrap_or_default()),
    ];
    record(out, cells)
}

fn record(out: &mut Vec<u8>, cells: [&str; COLUMNS.len()]) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().buffer_capacity(LINE).from_writer(out);
    writer.write_record(cells).map_err(io::Error::other)?;
    writer.flush()
}
