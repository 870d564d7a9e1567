//! Tables that are made of other tables, or of lines that are there.

use std::ops::Range;
use std::sync::Arc;

use super::{Cell, Column, Records};
use crate::memory::OutOfMemory;

/// Several tables with the same columns, one after the other.
pub struct Joined {
    columns: &'static [Column],
    parts: Vec<Arc<dyn Records>>,
}

impl Joined {
    /// Joins tables; returns None without any, and if their columns differ.
    #[must_use]
    pub fn of(parts: Vec<Arc<dyn Records>>) -> Option<Self> {
        let columns = parts.first()?.columns();
        parts.iter().all(|part| part.columns() == columns).then_some(Self { columns, parts })
    }
}

impl Records for Joined {
    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn blocks(&self) -> usize {
        self.parts.iter().map(|part| part.blocks()).sum()
    }

    fn lines(
        &self,
        blocks: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory> {
        let mut first = 0;
        let mut goes_on = true;
        for part in &self.parts {
            let end = first + part.blocks();
            let wanted = blocks.start.max(first)..blocks.end.min(end);
            if goes_on && !wanted.is_empty() {
                part.lines(wanted.start - first..wanted.end - first, &mut |cells| {
                    goes_on = take(cells);
                    goes_on
                })?;
            }
            first = end;
        }
        Ok(())
    }
}

/// A small table whose lines are all in memory.
pub struct Lines {
    columns: &'static [Column],
    lines: Vec<Vec<Cell<'static>>>,
}

impl Lines {
    /// Makes a table of lines, each with a cell for each column.
    #[must_use]
    pub const fn new(columns: &'static [Column], lines: Vec<Vec<Cell<'static>>>) -> Self {
        Self { columns, lines }
    }
}

impl Records for Lines {
    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    fn blocks(&self) -> usize {
        self.lines.len()
    }

    fn block_before(&self, line: usize) -> (usize, usize) {
        (line, line)
    }

    fn lines(
        &self,
        blocks: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory> {
        self.lines[blocks].iter().all(|line| take(line));
        Ok(())
    }
}
