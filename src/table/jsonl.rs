//! Writes the table as JSON Lines: an object in each line, with every column, and null for a missing value.
//! Characters that a terminal acts on are escapes, so that a line can be shown as it is.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;

use super::Table;
use super::escape::VisibleJson;

/// Writes the whole table to `out`.
///
/// # Errors
/// The errors of `out`.
pub fn write(table: &Table, mut out: impl Write) -> io::Result<()> {
    for line in table.lines(0) {
        line.serialize(&mut Serializer::with_formatter(&mut out, VisibleJson))?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
