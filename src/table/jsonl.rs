//! The table as JSON Lines: an object a line, every column in each, null for nothing.

use std::io::{self, Write};

use super::Table;

/// Writes the whole table to `out`.
///
/// # Errors
/// Those of `out`.
pub fn write(table: &Table, mut out: impl Write) -> io::Result<()> {
    for line in table.lines(0) {
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
