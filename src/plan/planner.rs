//! Takes rows in input order and passes them to the indexer in blocks.

use std::num::NonZero;

use super::Plan;
use super::indexer::{Indexer, Rows};
use super::rejected_rows::{Rejects, raw_text};
use super::row_sink::{Line, MAX_LINE, Sink};
use crate::digest::parse::{self, ParseError, RejectKind, Spelling};
use crate::digest::{Digest, TEXT_LEN};
use crate::memory::OutOfMemory;

/// Bytes of a raw digest.
const DIGEST_LEN: usize = 32;

/// Rows from which a background thread pays: some tens of milliseconds of work.
const MANY_ROWS: usize = 1 << 18;

/// Takes rows in input order and makes a [`Plan`] of them.
///
/// When the system gives no more memory, the planner frees its own, drops this and all later rows, and
/// [`Planner::check`] and [`Planner::finish`] return the error. A reader of rows therefore has no error of its
/// own to pass on, and should look at `check` now and then, to end early.
#[derive(Debug)]
pub struct Planner {
    strict: bool,
    /// The most threads to use; None is as many as the process may use.
    threads: Option<usize>,
    /// Rows taken so far.
    count: usize,
    /// What to add to the number of the next row for its line in the file; None outside of files. Blank
    /// lines and comments are lines and not rows, so the difference grows.
    line_offset: Option<i64>,
    /// The last of these rows, which have no index yet.
    rows: Rows,
    /// The error once memory has run out.
    indexer: Result<Indexer, OutOfMemory>,
    /// Rows that will come at least, as far as is known.
    expected: usize,
    /// Rows that there will be in the end, by what is known now.
    likely: usize,
    /// Whether the planner has decided about a background thread.
    decided: bool,
    rejects: Rejects,
    spellings: [u64; Spelling::ALL.len()],
}

impl Planner {
    /// Makes a planner without rows. With `strict`, only canonical digests pass.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self {
            strict,
            threads: Some(1),
            count: 0,
            line_offset: None,
            rows: Rows::default(),
            indexer: Indexer::new(),
            expected: 0,
            likely: 0,
            decided: false,
            rejects: Rejects::default(),
            spellings: Default::default(),
        }
    }

    /// Lets a background thread look up the digests of many rows while this thread parses: with `most` of 2
    /// or more, or with None if the process may use more than one core. By default a planner starts no
    /// thread.
    #[must_use]
    pub fn threads(mut self, most: Option<usize>) -> Self {
        self.threads = most;
        self
    }

    /// Says that about `more` rows will come, so that their memory is reserved at once and a background thread
    /// starts at once. A wrong number costs address space and changes nothing in the plan.
    pub fn expect(&mut self, more: usize) {
        let all = self.count.saturating_add(more);
        self.expected = self.expected.max(all);
        self.likely = self.likely.max(all);
        if more >= MANY_ROWS
            && let Ok(indexer) = &mut self.indexer
        {
            indexer.expect(more);
        }
    }

    /// Says that about `more` rows will come, and not what was said before. The table of digests grows by that.
    pub fn expect_only(&mut self, more: usize) {
        self.likely = self.count.saturating_add(more);
    }

    /// Passes rows on in blocks of so many digests, and starts a background thread with the first block. By
    /// default a block has thousands of digests, and few rows start no thread. For tests, whose inputs are
    /// small.
    #[must_use]
    pub fn in_blocks_of(mut self, digests: usize) -> Self {
        self.rows = Rows::of(digests);
        self.expected = MANY_ROWS;
        self
    }

    /// Names the file that the next rows come from, for messages.
    pub fn name_file(&mut self, name: &str) {
        self.rejects.name_file(self.count, name);
    }

    /// Says that the next row stands on this line of its file, counted from 1.
    #[inline]
    pub fn at_line(&mut self, line: u64) {
        self.line_offset = Some(line as i64 - self.count as i64);
    }

    /// Returns the number of rows taken so far, which is the number of the next row.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.count
    }

    /// Takes one row of text.
    #[inline]
    pub fn row(&mut self, row: &[u8]) {
        self.keep_row(row);
        self.flush_if_full();
    }

    /// Takes one row of text, like [`Self::row`], and leaves it to the caller to call
    /// [`Self::flush_if_full`]: a caller that holds a lock releases it first.
    #[inline]
    pub fn keep_row(&mut self, row: &[u8]) {
        match self.parse(row) {
            Ok((digest, spelling)) => self.keep(&digest, spelling),
            Err(error) => self.reject(error, Some(row)),
        }
    }

    /// Takes one row of text that must be canonical, whatever the planner was made for, as digests in the
    /// documents of images must be.
    pub fn strict_row(&mut self, row: &[u8]) {
        match parse::parse_strict(row) {
            Ok((digest, spelling)) => self.keep(&digest, spelling),
            Err(error) => self.reject(error, Some(row)),
        }
        self.flush_if_full();
    }

    /// Takes one row that is null (`text` is None) or another object that is not text.
    pub fn not_text(&mut self, text: Option<&[u8]>) {
        self.keep_not_text(text);
        self.flush_if_full();
    }

    /// Takes a row like [`Self::not_text`], as [`Self::keep_row`] does.
    pub fn keep_not_text(&mut self, text: Option<&[u8]>) {
        self.reject(ParseError { kind: RejectKind::NotText, offset: 0 }, text);
    }

    /// Takes one row of binary data: the 32 bytes of a raw digest. Data of another length is a row of the wrong
    /// length, and its text is `0x` and its hex digits, because the bytes themselves are not text.
    pub fn raw_row(&mut self, row: &[u8]) {
        self.keep_raw_row(row);
        self.flush_if_full();
    }

    /// Takes a row like [`Self::raw_row`], as [`Self::keep_row`] does.
    pub fn keep_raw_row(&mut self, row: &[u8]) {
        if let Ok(digest) = <[u8; DIGEST_LEN]>::try_from(row) {
            self.keep(&Digest(digest), Spelling::Canonical);
            return;
        }
        let error = ParseError { kind: RejectKind::WrongLength, offset: row.len().min(DIGEST_LEN) };
        self.reject(error, Some(&raw_text(row)));
    }

    /// Whether rows that were kept should be flushed.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.is_full()
    }

    /// Gives the rows that were taken their indices, if they are many.
    #[inline]
    pub fn flush_if_full(&mut self) {
        if self.is_full() {
            self.flush();
        }
    }

    /// Takes one row for each raw digest.
    pub fn raw(&mut self, digests: &[Digest]) {
        self.spellings[Spelling::Canonical as usize] += digests.len() as u64;
        let mut others = digests;
        while !others.is_empty() {
            let before = others.len();
            match self.rows.extend(others) {
                Ok(rest) => others = rest,
                Err(refused) => return self.fail(refused),
            }
            self.count += before - others.len();
            self.flush_if_full();
        }
    }

    /// Tells whether the memory sufficed so far.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn check(&self) -> Result<(), OutOfMemory> {
        match &self.indexer {
            Ok(_) => Ok(()),
            Err(refused) => Err(*refused),
        }
    }

    /// Makes the plan, in batches of `batch_size`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    ///
    /// # Panics
    /// If `batch_size` is zero.
    pub fn finish(mut self, batch_size: usize) -> Result<Plan, OutOfMemory> {
        assert!(batch_size > 0, "a batch holds at least one digest");
        let mut indexer = self.indexer?;
        indexer.take(&mut self.rows)?;
        let (digests, row_index) = indexer.finish()?;
        Ok(Plan::of_parts(digests, row_index, self.rejects, self.spellings, batch_size))
    }

    #[inline]
    fn parse(&self, row: &[u8]) -> Result<(Digest, Spelling), ParseError> {
        if self.strict { parse::parse_strict(row) } else { parse::parse(row) }
    }

    /// Takes one row that was already parsed.
    #[inline]
    pub(crate) fn accept(&mut self, digest: &Digest, spelling: Spelling) {
        self.keep(digest, spelling);
        self.flush_if_full();
    }

    #[inline]
    fn keep(&mut self, digest: &Digest, spelling: Spelling) {
        self.spellings[spelling as usize] += 1;
        if let Err(refused) = self.rows.push(digest) {
            return self.fail(refused);
        }
        self.count += 1;
    }

    #[cold]
    fn reject(&mut self, error: ParseError, text: Option<&[u8]>) {
        if self.indexer.is_err() {
            return;
        }
        let line = self.line_offset.map(|offset| self.count as i64 + offset);
        let kept = self.rejects.push(self.count, line, error, text).and_then(|()| self.rows.reject());
        if let Err(refused) = kept {
            return self.fail(refused);
        }
        self.count += 1;
    }

    /// Frees all memory, so that there is some for the exception.
    #[cold]
    fn fail(&mut self, refused: OutOfMemory) {
        self.indexer = Err(refused);
        self.rows = Rows::default();
        self.rejects = Rejects::default();
    }

    #[cold]
    fn flush(&mut self) {
        let Ok(indexer) = &mut self.indexer else {
            self.rows = Rows::default();
            return;
        };
        if !self.decided && self.count.max(self.expected) >= MANY_ROWS {
            self.decided = true;
            // Counts the cores that this process may use, not the cores of the machine.
            let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
            if self.threads.unwrap_or_else(cores) > 1 {
                indexer.move_to_thread();
            }
        }
        self.rows.more = self.likely.saturating_sub(self.count);
        if let Err(refused) = indexer.take(&mut self.rows) {
            self.fail(refused);
        }
    }
}

impl Sink for Planner {
    fn begin_file(&mut self) {
        self.at_line(1);
    }

    fn skip_line(&mut self) {
        self.line_offset = self.line_offset.map(|offset| offset + 1);
    }

    fn end_file(&mut self) {
        self.line_offset = None;
    }

    /// Takes digests in full with the line end `\n`, where the end of the line is known before it is read.
    #[inline]
    fn take_fast(&mut self, block: &[u8]) -> usize {
        let mut taken = 0;
        while let Some((line, [b'\n'])) =
            block[taken..].first_chunk::<{ TEXT_LEN + 1 }>().map(|line| line.split_at(TEXT_LEN))
            && let Some((digest, spelling)) = parse::parse_fast(line, self.strict)
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
        // The rest of the line is unknown, so a digest at its start is not accepted.
        let parsed = self.parse(line.text);
        let too_long = ParseError { kind: RejectKind::WrongLength, offset: MAX_LINE };
        self.reject(parsed.err().unwrap_or(too_long), Some(line.text));
        self.flush_if_full();
    }
}
