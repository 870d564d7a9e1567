//! The offline half: rows go in, a [`Plan`] comes out.

pub mod batch;
pub mod dedupe;
pub mod huge_pages;
pub mod indexer;
pub mod planner;
pub mod rejects;
pub mod row_sink;

use batch::Batches;
use rejects::Rejects;

use crate::digest::Digest;
use crate::digest::parse::Spelling;
use crate::protocol::MAX_BATCH;

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
    /// A plan that was one before.
    pub(crate) fn of_parts(
        digests: Vec<Digest>,
        row_index: Vec<i64>,
        rejects: Rejects,
        spellings: [u64; Spelling::ALL.len()],
        batch_size: usize,
    ) -> Self {
        Self { digests, row_index, rejects, spellings, batch_size }
    }

    /// Digests alone, without rows: to ask for, not to report on.
    #[must_use]
    pub fn of_digests(digests: Vec<Digest>) -> Self {
        Self::of_parts(digests, Vec::new(), Rejects::default(), Default::default(), MAX_BATCH)
    }

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
