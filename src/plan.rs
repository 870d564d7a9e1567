//! The offline half: rows go in, a [`Plan`] comes out.

use crate::batch::Batches;
use crate::dedupe::Dedupe;
use crate::digest::Digest;
use crate::lines::{Line, Lines, MAX_LINE};
use crate::parse::{self, ParseError, RejectKind, Spelling};
use crate::rejects::Rejects;

/// Takes rows in input order and becomes a [`Plan`].
#[derive(Debug, Default)]
pub struct Planner {
    strict: bool,
    dedupe: Dedupe,
    row_index: Vec<i64>,
    rejects: Rejects,
    spellings: [u64; Spelling::ALL.len()],
    lines: Lines,
}

impl Planner {
    /// A planner without rows. With `strict`, only canonical digests pass.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    /// Takes one row of text.
    #[inline]
    pub fn row(&mut self, row: &[u8]) {
        let parsed = if self.strict { parse::parse_strict(row) } else { parse::parse(row) };
        match parsed {
            Ok((digest, spelling)) => self.accept(&digest, spelling),
            Err(error) => self.reject(error, Some(row)),
        }
    }

    /// Takes one row that is null (`text` is None) or some object that is not text.
    pub fn not_text(&mut self, text: Option<&[u8]>) {
        self.reject(ParseError { kind: RejectKind::NotText, offset: 0 }, text);
    }

    /// Takes one row for each raw digest.
    pub fn raw(&mut self, digests: &[[u8; 32]]) {
        for digest in digests {
            self.accept(&Digest(*digest), Spelling::Canonical);
        }
    }

    /// Takes the rows of a block of a text file; the block continues the last one.
    pub fn feed(&mut self, block: &[u8]) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(block, |line| self.line(line));
        self.lines = lines;
    }

    /// Ends a text file, so that the next block starts another one.
    pub fn end_of_file(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.end_of_file(|line| self.line(line));
        self.lines = lines;
    }

    /// The plan, in batches of `batch_size`.
    ///
    /// # Panics
    /// If `batch_size` is zero.
    #[must_use]
    pub fn finish(mut self, batch_size: usize) -> Plan {
        assert!(batch_size > 0, "a batch holds at least one digest");
        self.end_of_file();
        Plan {
            digests: self.dedupe.into_unique(),
            row_index: self.row_index,
            rejects: self.rejects,
            spellings: self.spellings,
            batch_size,
        }
    }

    #[inline]
    fn line(&mut self, line: Line<'_>) {
        if !line.cut {
            return self.row(line.text);
        }
        // What was cut off is unknown, so even a digest at its start proves nothing.
        let parsed = if self.strict { parse::parse_strict(line.text) } else { parse::parse(line.text) };
        let too_long = ParseError { kind: RejectKind::WrongLength, offset: MAX_LINE };
        self.reject(parsed.err().unwrap_or(too_long), Some(line.text));
    }

    #[inline]
    fn accept(&mut self, digest: &Digest, spelling: Spelling) {
        self.spellings[spelling as usize] += 1;
        self.row_index.push(self.dedupe.insert(digest) as i64);
    }

    #[cold]
    fn reject(&mut self, error: ParseError, text: Option<&[u8]>) {
        self.rejects.push(self.row_index.len(), error, text);
        self.row_index.push(-1);
    }
}

/// Rows validated, normalised, deduplicated and packed. Never changes.
#[derive(Debug)]
pub struct Plan {
    digests: Vec<Digest>,
    row_index: Vec<i64>,
    rejects: Rejects,
    spellings: [u64; Spelling::ALL.len()],
    batch_size: usize,
}

impl Plan {
    /// Input rows, valid or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_index.len()
    }

    /// Different digests.
    #[must_use]
    pub fn unique(&self) -> usize {
        self.digests.len()
    }

    /// Rejected rows.
    #[must_use]
    pub fn invalid(&self) -> usize {
        self.rejects.len()
    }

    /// Valid rows beyond the first of their digest.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.rows() - self.unique() - self.invalid()
    }

    /// The digests in first-seen order.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// For each row the index of its digest, or -1 if it was rejected.
    #[must_use]
    pub fn row_index(&self) -> &[i64] {
        &self.row_index
    }

    /// The rejected rows.
    #[must_use]
    pub fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    /// Accepted rows for each spelling.
    #[must_use]
    pub fn spellings(&self) -> [(Spelling, u64); Spelling::ALL.len()] {
        Spelling::ALL.map(|spelling| (spelling, self.spellings[spelling as usize]))
    }

    /// Digests in a full batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The batches: runs of at most [`Plan::batch_size`] digests, in order.
    #[must_use]
    pub fn batches(&self) -> Batches<'_> {
        Batches::new(&self.digests, self.batch_size)
    }
}
