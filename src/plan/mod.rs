//! The offline half: a [`planner`] takes rows and makes a [`Plan`].

pub mod ahead;
pub mod batch;
pub mod dedupe;
pub mod hint;
pub mod indexer;
pub mod lookup;
pub mod planner;
mod prefetch;
pub mod rejected_rows;
pub mod row_sink;

use batch::Batches;
use lookup::Lookup;
use rejected_rows::Rejects;

use crate::digest::Digest;
use crate::digest::parse::Spelling;
use crate::protocol::MAX_BATCH;

/// Rows, validated, normalised, deduplicated and packed into batches. A plan never changes.
#[derive(Debug)]
pub struct Plan {
    digests: Vec<Digest>,
    row_index: Vec<i64>,
    rejects: Rejects,
    spellings: [u64; Spelling::ALL.len()],
    batch_size: usize,
    lookup: Lookup,
}

impl Plan {
    /// Makes a plan of the parts of a plan.
    pub(crate) fn of_parts(
        digests: Vec<Digest>,
        row_index: Vec<i64>,
        rejects: Rejects,
        spellings: [u64; Spelling::ALL.len()],
        batch_size: usize,
    ) -> Self {
        Self { digests, row_index, rejects, spellings, batch_size, lookup: Lookup::default() }
    }

    /// Makes a plan of digests without rows: for a call, not for a report.
    #[must_use]
    pub fn of_digests(digests: Vec<Digest>) -> Self {
        Self::of_parts(digests, Vec::new(), Rejects::default(), Default::default(), MAX_BATCH)
    }

    /// Makes a plan with a row for each digest. The digests must differ, and `row_index` must count from 0.
    pub(crate) fn of_unique(digests: Vec<Digest>, row_index: Vec<i64>, batch_size: usize) -> Self {
        let mut spellings = [0; Spelling::ALL.len()];
        spellings[Spelling::Canonical as usize] = digests.len() as u64;
        Self::of_parts(digests, row_index, Rejects::default(), spellings, batch_size)
    }

    /// Returns the number of input rows, valid or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_index.len()
    }

    /// Returns the number of unique digests.
    #[must_use]
    pub fn unique(&self) -> usize {
        self.digests.len()
    }

    /// Returns the number of rejected rows.
    #[must_use]
    pub fn invalid(&self) -> usize {
        self.rejects.len()
    }

    /// Returns the number of valid rows beyond the first of their digest.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.rows() - self.unique() - self.invalid()
    }

    /// Returns the digests in first-seen order.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Returns the first row with this digest; None if no row has it. The first call makes an index.
    #[must_use]
    pub fn first_row(&self, digest: &Digest) -> Option<usize> {
        let at = self.lookup.find(&self.digests, digest)?;
        self.lookup.first_row(&self.row_index, at)
    }

    /// Returns for each row the index of its digest, or -1 for a rejected row.
    #[must_use]
    pub fn row_index(&self) -> &[i64] {
        &self.row_index
    }

    /// Returns the rejected rows.
    #[must_use]
    pub fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    /// Returns what the input probably is, if hardly any row is a digest.
    #[must_use]
    pub fn hint(&self) -> Option<hint::Hint> {
        hint::hint(self)
    }

    /// Returns the number of accepted rows for each spelling.
    #[must_use]
    pub fn spellings(&self) -> [(Spelling, u64); Spelling::ALL.len()] {
        Spelling::ALL.map(|spelling| (spelling, self.spellings[spelling as usize]))
    }

    /// Returns the number of digests in a full batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Returns the batches: runs of at most [`Plan::batch_size`] digests, in order.
    #[must_use]
    pub fn batches(&self) -> Batches<'_> {
        Batches::new(&self.digests, self.batch_size)
    }
}
