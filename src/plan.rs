//! The offline half: rows go in, a [`Plan`] comes out.

use crate::batch::Batches;
use crate::dedupe::{BLOCK, Dedupe};
use crate::digest::{Digest, TEXT_LEN};
use crate::lines::{Line, Lines, MAX_LINE, Sink};
use crate::pages;
use crate::parse::{self, ParseError, RejectKind, Spelling};
use crate::rejects::Rejects;

/// Takes rows in input order and becomes a [`Plan`].
#[derive(Debug, Default)]
pub struct Planner {
    strict: bool,
    dedupe: Dedupe,
    /// Accepted digests that have no index yet; fewer than a block.
    pending: Vec<Digest>,
    /// The row of the first of them. Rows from here on have -1 if rejected, else 0 for now.
    pending_row: usize,
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
        match self.parse(row) {
            Ok((digest, spelling)) => self.accept(&digest, spelling),
            Err(error) => self.reject(error, Some(row)),
        }
    }

    /// Takes one row that is null (`text` is None) or some object that is not text.
    pub fn not_text(&mut self, text: Option<&[u8]>) {
        self.reject(ParseError { kind: RejectKind::NotText, offset: 0 }, text);
    }

    /// Takes one row for each raw digest.
    pub fn raw(&mut self, digests: &[Digest]) {
        self.settle();
        for block in digests.chunks(BLOCK) {
            let mut indices = [0; BLOCK];
            self.dedupe.insert_block(block, &mut indices);
            pages::reserve(&mut self.row_index, BLOCK);
            self.row_index.extend_from_slice(&indices[..block.len()]);
        }
        self.spellings[Spelling::Canonical as usize] += digests.len() as u64;
        self.pending_row = self.row_index.len();
    }

    /// Takes the rows of a block of a text file; the block continues the last one.
    pub fn feed(&mut self, block: &[u8]) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(block, self);
        self.lines = lines;
    }

    /// Ends a text file, so that the next block starts another one.
    pub fn end_of_file(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.end_of_file(self);
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
        self.settle();
        Plan {
            digests: self.dedupe.into_unique(),
            row_index: self.row_index,
            rejects: self.rejects,
            spellings: self.spellings,
            batch_size,
        }
    }

    #[inline]
    fn parse(&self, row: &[u8]) -> Result<(Digest, Spelling), ParseError> {
        if self.strict { parse::parse_strict(row) } else { parse::parse(row) }
    }

    #[inline]
    fn accept(&mut self, digest: &Digest, spelling: Spelling) {
        self.spellings[spelling as usize] += 1;
        self.pending.push(*digest);
        self.row_index.push(0);
        if self.pending.len() == BLOCK {
            self.settle();
        }
    }

    /// Gives the pending digests their indices.
    fn settle(&mut self) {
        let mut indices = [0; BLOCK];
        self.dedupe.insert_block(&self.pending, &mut indices);
        let rows = self.row_index[self.pending_row..].iter_mut().filter(|index| **index >= 0);
        for (row, index) in rows.zip(indices) {
            *row = index;
        }
        self.pending.clear();
        self.pending_row = self.row_index.len();
        pages::reserve(&mut self.row_index, BLOCK);
    }

    #[cold]
    fn reject(&mut self, error: ParseError, text: Option<&[u8]>) {
        self.rejects.push(self.row_index.len(), error, text);
        self.row_index.push(-1);
    }
}

impl Sink for Planner {
    /// Digests in full with a plain line end: where the line ends is known before it is read.
    #[inline]
    fn common(&mut self, block: &[u8]) -> usize {
        let mut taken = 0;
        while let Some((line, [b'\n'])) =
            block[taken..].first_chunk::<{ TEXT_LEN + 1 }>().map(|line| line.split_at(TEXT_LEN))
            && let Some((digest, spelling)) = parse::common(line, self.strict)
        {
            self.accept(&digest, spelling);
            taken += TEXT_LEN + 1;
        }
        taken
    }

    #[inline]
    fn line(&mut self, line: Line<'_>) {
        if !line.cut {
            return self.row(line.text);
        }
        // What was cut off is unknown, so even a digest at its start proves nothing.
        let parsed = self.parse(line.text);
        let too_long = ParseError { kind: RejectKind::WrongLength, offset: MAX_LINE };
        self.reject(parsed.err().unwrap_or(too_long), Some(line.text));
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
