//! A line of the table as JSON: an object with every column, and null for a missing value. Characters that a
//! terminal acts on are escapes, so that a line can be shown as it is.

use std::io;

use serde::Serialize;
use serde_json::Serializer;

use super::Line;
use super::escape::VisibleJson;
use super::text::Format;

/// How the table is written as JSON Lines.
pub const JSON_LINES: Format = Format {
    header: |_| Ok(()),
    line,
    before_cells: [r#"{"row":"#, r#","digest":""#, r#"","verdict":""#, r#"","size":"#],
    no_size: "null",
};

fn line(out: &mut Vec<u8>, line: &Line<'_>) -> io::Result<()> {
    line.serialize(&mut Serializer::with_formatter(&mut *out, VisibleJson))?;
    out.push(b'\n');
    Ok(())
}
