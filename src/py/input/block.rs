//! Rows copied from Python objects under the interpreter lock, to be parsed with the lock released.

use pyo3::Python;

use crate::plan::planner::Planner;

/// Rows of a full block: some tenths of a millisecond of work, after which other threads can run.
const ROWS: usize = 4_096;
/// Bytes of a full block.
const BYTES: usize = 1 << 20;
/// Longest row, in bytes, that goes into a block.
pub(super) const LONG_ROW: usize = 4_096;

/// A block of rows in one array, without an allocation for each row.
#[derive(Default)]
pub(in crate::py) struct Block {
    bytes: Vec<u8>,
    /// Where each row ends in `bytes`, and its kind.
    ends: Vec<(u32, Kind)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Raw,
    Null,
    Other,
}

impl Block {
    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= ROWS || self.bytes.len() >= BYTES
    }

    pub(super) fn push_text(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push((self.bytes.len() as u32, Kind::Text));
    }

    pub(super) fn push_raw(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        self.ends.push((self.bytes.len() as u32, Kind::Raw));
    }

    pub(super) fn push_null(&mut self) {
        self.ends.push((self.bytes.len() as u32, Kind::Null));
    }

    pub(super) fn push_other(&mut self, shown: &[u8]) {
        self.bytes.extend_from_slice(&shown[..shown.len().min(LONG_ROW)]);
        self.ends.push((self.bytes.len() as u32, Kind::Other));
    }

    /// Passes all rows to `planner`, with the interpreter lock released.
    pub(super) fn flush(&mut self, py: Python<'_>, planner: &mut Planner) {
        py.detach(|| self.drain(planner));
    }

    fn drain(&mut self, planner: &mut Planner) {
        let mut start = 0;
        for (end, kind) in self.ends.drain(..) {
            let row = &self.bytes[start..end as usize];
            start = end as usize;
            match kind {
                Kind::Text => planner.row(row),
                Kind::Raw => planner.raw_row(row),
                Kind::Null => planner.not_text(None),
                Kind::Other => planner.not_text(Some(row)),
            }
        }
        self.bytes.clear();
    }
}
