//! Writes the table as CSV: RFC 4180 quoting, a header line, an empty cell for a missing value, and text from
//! outside with escapes, so that every record is one line.

use std::io::{self, Write};

use super::escape::csv_cell;
use super::{COLUMNS, Table};

/// Writes the whole table to `out`.
///
/// # Errors
/// The errors of `out`.
pub fn write(table: &Table, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).map_err(plain)?;
    for line in table.lines(0) {
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
        writer.write_record(cells).map_err(plain)?;
    }
    writer.flush()
}

/// Returns the error of `out` itself, because the wrapper would hide its number.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
