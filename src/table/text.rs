//! Writes the table as text in blocks of rows: on several cores if it is long, always with the same bytes.

use std::io::{self, Write};
use std::ops::Range;

use super::compress::{Packed, Packer, refused};
use super::in_order::{make_in_order, threads};
use super::{Line, Table};
use crate::input::content::Compression;
use crate::memory;
use crate::verdict::Verdict;

/// Rows in a block: half a megabyte of text. A block of gzip starts without the text before it, and smaller
/// blocks would make larger files.
pub const BLOCK_ROWS: usize = 4_096;

/// Blocks from which a table is worth threads.
const MANY_BLOCKS: usize = 4;

/// Bytes of memory for a thread's block of usual lines, the same compressed, and the state of a compressor.
pub const MEMORY: usize = 4 << 20;

/// Most bytes of a line before its media type.
const LINE_START: usize = 192;

/// Ends of lines that a thread keeps. Usually there are fewer different ones.
const KEPT_ENDS: usize = 8;

/// A text format.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Writes what stands before the first line.
    pub header: fn(&mut Vec<u8>) -> io::Result<()>,
    /// Writes a line.
    pub line: fn(&mut Vec<u8>, &Line<'_>) -> io::Result<()>,
    /// What `line` writes before the row, the digest, the verdict and the size of a line with a digest.
    pub(super) before_cells: [&'static str; 4],
    /// What `line` writes in place of a size.
    pub(super) no_size: &'static str,
}

/// Writes the whole table to `out`. Calls `check` between blocks, on the calling thread.
///
/// # Errors
/// The errors of `out` and of `check`.
pub fn write(
    table: &Table,
    format: Format,
    compression: Option<Compression>,
    mut out: impl Write,
    mut check: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let blocks = table.plan.rows().div_ceil(BLOCK_ROWS);
    let many = blocks >= MANY_BLOCKS;
    let threads = if many { threads() } else { 1 };
    // A thread that starts without memory may end the process.
    let threads = if memory::ensure(threads * MEMORY).is_ok() { threads } else { 1 };
    let mut file = Packed::new(&mut out, compression, many, threads)?;
    let maker = || {
        let mut writer = BlockWriter { table, format, ends: Ends::default(), whole: Vec::new() };
        let mut packer = Packer::new(compression);
        move |span| packer.pack(writer.block(span)?)
    };
    make_in_order(threads, spans(table), maker, |block| {
        check()?;
        file.write(&block)
    })?;
    file.finish()?;
    out.flush()
}

/// Rows of the table, and the number of digests seen before them.
#[derive(Clone, Debug)]
struct Span {
    rows: Range<usize>,
    seen: usize,
}

/// Returns the blocks of the table; at least one, because that has the header.
fn spans(table: &Table) -> impl Iterator<Item = Span> {
    let all = table.plan.row_index();
    let mut seen = 0;
    (0..all.len().max(1)).step_by(BLOCK_ROWS).map(move |start| {
        let span = Span { rows: start..(start + BLOCK_ROWS).min(all.len()), seen };
        if table.unique {
            let last = all[span.rows.clone()].iter().max().map_or(0, |last| last + 1);
            seen = seen.max(usize::try_from(last).unwrap_or_default());
        }
        span
    })
}

/// Writes blocks of lines.
struct BlockWriter<'a> {
    table: &'a Table,
    format: Format,
    ends: Ends,
    /// A line that `Format::line` writes. It grows as Rust's memory does, and a block must not: the memory for
    /// a block may be refused.
    whole: Vec<u8>,
}

impl BlockWriter<'_> {
    fn block(&mut self, span: Span) -> io::Result<Vec<u8>> {
        let mut out = memory::with_room(span.rows.len() * LINE_START).map_err(refused)?;
        if span.rows.start == 0 {
            (self.format.header)(&mut out)?;
        }
        let table = self.table;
        for (row, index) in table.indices(span.seen, span.rows) {
            self.line(&mut out, row, index)?;
        }
        Ok(out)
    }

    /// Writes a line as `Format::line` does. Only row, digest and size differ between most lines, so what
    /// stands behind them is kept.
    fn line(&mut self, out: &mut Vec<u8>, row: usize, index: i64) -> io::Result<()> {
        let table = self.table;
        let Ok(at) = usize::try_from(index) else {
            self.whole.clear();
            (self.format.line)(&mut self.whole, &table.line(row, index))?;
            return memory::extend(out, &self.whole).map_err(refused);
        };
        memory::reserve(out, LINE_START).map_err(refused)?;
        let start = out.len();
        let columns = &table.columns;
        let [row_cell, digest_cell, verdict_cell, size_cell] = self.format.before_cells;
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(row_cell.as_bytes());
        out.extend_from_slice(number.format(row).as_bytes());
        out.extend_from_slice(digest_cell.as_bytes());
        table.plan.digests()[at].push_text(out);
        out.extend_from_slice(verdict_cell.as_bytes());
        out.extend_from_slice(columns.verdicts()[at].name().as_bytes());
        out.extend_from_slice(size_cell.as_bytes());
        match columns.sizes()[at] {
            0.. => out.extend_from_slice(number.format(columns.sizes()[at]).as_bytes()),
            _ => out.extend_from_slice(self.format.no_size.as_bytes()),
        }
        let key = columns.key(at);
        if let Some(end) = self.ends.of(key) {
            return memory::extend(out, end).map_err(refused);
        }
        self.whole.clear();
        (self.format.line)(&mut self.whole, &table.line(row, index))?;
        if let Some(end) = self.whole.strip_prefix(&out[start..]) {
            self.ends.put(key, end);
        }
        out.truncate(start);
        memory::extend(out, &self.whole).map_err(refused)
    }
}

/// Ends of lines, from the media type on, by what they depend on.
#[derive(Debug, Default)]
struct Ends {
    keys: [Option<Key>; KEPT_ENDS],
    texts: [Vec<u8>; KEPT_ENDS],
    /// The place of the next one.
    next: usize,
}

/// See [`Columns::key`](crate::ledger::columns::Columns::key).
type Key = (Verdict, u16, u16);

impl Ends {
    fn of(&self, key: Key) -> Option<&[u8]> {
        let at = self.keys.iter().position(|kept| *kept == Some(key))?;
        Some(&self.texts[at])
    }

    fn put(&mut self, key: Key, end: &[u8]) {
        self.keys[self.next] = Some(key);
        self.texts[self.next] = end.to_vec();
        self.next = (self.next + 1) % KEPT_ENDS;
    }
}
