//! Writes the table as JSON Lines: an object in each line, with every column, and null for a missing value.

use std::io::{self, Write};

use super::Table;

/// Writes the whole table to `out`.
///
/// # Errors
/// The errors of `out`.
pub fn write(table: &Table, mut out: impl Write) -> io::Result<()> {
    for line in table.lines(0) {
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
