//! Writes a table of records as CSV or JSON Lines, in blocks.
//!
//! Both forms are those of the report table ([`super::super::csv`], [`super::super::jsonl`]). A list is an
//! array in JSON; in CSV its texts stand side by side with a space between them, and a space within a text is
//! written as `\u0020`.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap};
use serde_json::Serializer;

use super::{Cell, Column, Kind, Records, iso};
use crate::input::content::Compression;
use crate::memory;
use crate::table::compress::{Packed, Packer, refused};
use crate::table::escape::{VisibleJson, csv_cell};

/// Bytes of text from which a block is written.
const BLOCK: usize = 1 << 18;

/// Bytes of memory that a block of lines of usual length needs, also compressed.
pub const MEMORY: usize = 4 << 20;

/// A form of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, with a header.
    Csv,
    /// An object with every column on each line.
    JsonLines,
}

/// Writes the whole table to `out`. Calls `check` between blocks.
///
/// # Errors
/// The errors of `out` and of `check`.
pub fn write(
    records: &dyn Records,
    form: Form,
    compression: Option<Compression>,
    mut out: impl Write,
    mut check: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let columns = records.columns();
    let mut file = Packed::new(&mut out, compression, false, 1)?;
    let mut packer = Packer::new(compression);
    let mut text = Vec::new();
    if form == Form::Csv {
        header(&mut text, columns);
    }
    for block in 0..records.blocks() {
        let mut written = Ok(());
        let made = records.lines(block..block + 1, &mut |cells| {
            written = line(&mut text, form, columns, cells);
            written.is_ok()
        });
        written?;
        made.map_err(refused)?;
        if text.len() >= BLOCK {
            check()?;
            file.write(&packer.pack(std::mem::take(&mut text))?)?;
        }
    }
    check()?;
    file.write(&packer.pack(text)?)?;
    file.finish()?;
    out.flush()
}

fn header(out: &mut Vec<u8>, columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    out.extend_from_slice(names.join(",").as_bytes());
    out.push(b'\n');
}

/// Appends one line.
///
/// # Errors
/// If the system gives no more memory.
pub fn line(out: &mut Vec<u8>, form: Form, columns: &[Column], cells: &[Cell<'_>]) -> io::Result<()> {
    // A line grows as Rust's memory does, so there must be some.
    let lists = |cell: &Cell<'_>| match cell {
        Cell::List(texts) => 8 * texts.iter().map(|text| text.len() + 8).sum::<usize>(),
        Cell::Text(text) => 8 * text.len(),
        _ => 0,
    };
    memory::reserve(out, 256 * cells.len() + cells.iter().map(lists).sum::<usize>()).map_err(refused)?;
    match form {
        Form::Csv => {
            let mut writer = csv::WriterBuilder::new().buffer_capacity(512).from_writer(&mut *out);
            for (column, cell) in columns.iter().zip(cells) {
                writer.write_field(csv_text(column, cell)).map_err(io::Error::other)?;
            }
            writer.write_record(None::<&[u8]>).map_err(io::Error::other)?;
            writer.flush()
        }
        Form::JsonLines => {
            let object = Object { columns, cells };
            object.serialize(&mut Serializer::with_formatter(&mut *out, VisibleJson))?;
            out.push(b'\n');
            Ok(())
        }
    }
}

fn csv_text(column: &Column, cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => csv_cell(text).into_owned(),
        Cell::Digest(digest) => digest.to_string(),
        Cell::Word(number) => word(column, *number).to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Bool(yes) => yes.to_string(),
        Cell::Time(milliseconds) => iso(*milliseconds),
        Cell::List(texts) => {
            let escaped = texts.iter().map(|text| csv_cell(text).replace(' ', "\\u0020"));
            escaped.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Returns the word with this number; empty beyond the last.
#[must_use]
pub fn word(column: &Column, number: u8) -> &'static str {
    match column.kind {
        Kind::Word(words) => words.get(usize::from(number)).copied().unwrap_or_default(),
        _ => "",
    }
}

struct Object<'a> {
    columns: &'a [Column],
    cells: &'a [Cell<'a>],
}

impl Serialize for Object<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, cell) in self.columns.iter().zip(self.cells) {
            match cell {
                Cell::Null => map.serialize_entry(column.name, &None::<()>)?,
                Cell::Text(text) => map.serialize_entry(column.name, text)?,
                Cell::Digest(digest) => map.serialize_entry(column.name, digest)?,
                Cell::Word(number) => map.serialize_entry(column.name, word(column, *number))?,
                Cell::Int(number) => map.serialize_entry(column.name, number)?,
                Cell::Bool(yes) => map.serialize_entry(column.name, yes)?,
                Cell::Time(milliseconds) => map.serialize_entry(column.name, &iso(*milliseconds))?,
                Cell::List(texts) => map.serialize_entry(column.name, texts)?,
            }
        }
        map.end()
    }
}
