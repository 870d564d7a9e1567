//! Parsed rows become indices, on the caller's thread or on one beside it.
//!
//! Reading and parsing wait for nothing; finding a digest in a table larger than the cache waits for
//! memory. On two cores these go on at once: the caller's thread parses rows into blocks, and a second
//! one, if it is allowed and there are many rows, finds their digests. Blocks go over in order, so the
//! plan is the same. Measured by the case `one core and all` of `bench/`.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::dedupe::{BLOCK, Dedupe, Seed};
use super::huge_pages;
use crate::digest::Digest;

/// Digests in a full block of rows: a block of them stays in a core's own cache, and going over to the
/// other core is little beside the work on them.
const FULL: usize = 8_192;

/// Blocks on their way to the second thread.
const ON_THE_WAY: usize = 3;

/// Parsed rows that have no index yet.
#[derive(Debug, Default)]
pub struct Rows {
    digests: Vec<Digest>,
    tags: Vec<u32>,
    /// For each rejected row, how many of the digests stand before it.
    rejected: Vec<u32>,
}

impl Rows {
    /// True if it is time to hand them on.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.digests.len() >= FULL || self.rejected.len() >= FULL
    }

    /// Adds a row with this digest.
    #[inline]
    pub fn push(&mut self, digest: &Digest, seed: &Seed) {
        self.digests.push(*digest);
        self.tags.push(seed.tag(digest));
    }

    /// Adds a row for each of these digests, as long as there is room, and returns the others.
    pub fn extend<'a>(&mut self, digests: &'a [Digest], seed: &Seed) -> &'a [Digest] {
        let room = FULL.saturating_sub(self.digests.len());
        let (taken, others) = digests.split_at(room.min(digests.len()));
        self.digests.extend_from_slice(taken);
        self.tags.extend(taken.iter().map(|digest| seed.tag(digest)));
        others
    }

    /// Adds a rejected row.
    pub fn reject(&mut self) {
        self.rejected.push(self.digests.len() as u32);
    }

    fn clear(&mut self) {
        self.digests.clear();
        self.tags.clear();
        self.rejected.clear();
    }
}

/// First-seen unique digests, and for each row the index of its digest, or -1 if it was rejected.
#[derive(Debug)]
struct Index {
    dedupe: Dedupe,
    row_index: Vec<i64>,
}

impl Index {
    fn take(&mut self, rows: &Rows) {
        huge_pages::reserve(&mut self.row_index, rows.digests.len() + rows.rejected.len());
        let mut rejected = rows.rejected.iter().map(|at| *at as usize).peekable();
        for (number, digests) in rows.digests.chunks(BLOCK).enumerate() {
            let start = number * BLOCK;
            let mut block = [0; BLOCK];
            let indices = &mut block[..digests.len()];
            self.dedupe.insert_block(digests, &rows.tags[start..][..digests.len()], indices);
            let mut from = 0;
            while let Some(at) = rejected.next_if(|at| *at < start + digests.len()) {
                self.row_index.extend_from_slice(&indices[from..at - start]);
                self.row_index.push(-1);
                from = at - start;
            }
            self.row_index.extend_from_slice(&indices[from..]);
        }
        self.row_index.extend(rejected.map(|_| -1));
    }
}

/// Who gives rows their indices.
#[derive(Debug)]
pub struct Indexer(Place);

#[derive(Debug)]
enum Place {
    Caller(Index),
    Background(BackgroundIndexer),
}

impl Indexer {
    /// Numbers rows on the thread that brings them.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self(Place::Caller(Index { dedupe: Dedupe::new(seed), row_index: Vec::new() }))
    }

    /// From here on works on a thread of its own, if the system gives one.
    #[cold]
    pub fn move_to_thread(&mut self) {
        if let Place::Caller(index) = &mut self.0
            && let Some(background) = BackgroundIndexer::start(index)
        {
            self.0 = Place::Background(background);
        }
    }

    /// Takes the rows, and leaves room for others in their place.
    pub fn take(&mut self, rows: &mut Rows) {
        match &mut self.0 {
            Place::Caller(index) => {
                index.take(rows);
                rows.clear();
            }
            Place::Background(background) => background.take(rows),
        }
    }

    /// The unique digests in first-seen order, and the index of each row.
    #[must_use]
    pub fn finish(self) -> (Vec<Digest>, Vec<i64>) {
        let index = match self.0 {
            Place::Caller(index) => index,
            Place::Background(mut background) => background.end(),
        };
        (index.dedupe.into_unique(), index.row_index)
    }
}

/// A second thread that numbers the blocks it is sent, in order, and sends them back empty.
#[derive(Debug)]
struct BackgroundIndexer {
    full: Option<SyncSender<Rows>>,
    /// Never contended: it is here because a receiver may not be looked at from two threads.
    empty: Mutex<Receiver<Rows>>,
    thread: Option<JoinHandle<Option<Index>>>,
}

impl BackgroundIndexer {
    /// None if the system gives no thread; then nothing has changed.
    fn start(index: &mut Index) -> Option<Self> {
        // What was numbered so far goes over by a channel: with the closure it would be lost if no
        // thread can be had.
        let (hand_over, handed_over) = sync_channel::<Index>(1);
        let (full, to_number) = sync_channel::<Rows>(ON_THE_WAY);
        let (emptied, empty) = channel();
        let work = move || {
            let mut index = handed_over.recv().ok()?;
            for mut rows in to_number {
                index.take(&rows);
                rows.clear();
                // Nobody waits for it any more if the planner was dropped.
                let _ = emptied.send(rows);
            }
            Some(index)
        };
        let thread = Builder::new().name("layercheck-plan".into()).spawn(work).ok()?;
        let nothing = Index { dedupe: Dedupe::new(Seed::draw()), row_index: Vec::new() };
        let handed = hand_over.send(std::mem::replace(index, nothing));
        debug_assert!(handed.is_ok(), "the thread waits for it");
        Some(Self { full: Some(full), empty: Mutex::new(empty), thread: Some(thread) })
    }

    fn take(&mut self, rows: &mut Rows) {
        // A new block only while fewer than can be on their way are there: the channel is bounded.
        let empty = self.empty.get_mut().ok().and_then(|empty| empty.try_recv().ok());
        let full = std::mem::replace(rows, empty.unwrap_or_default());
        let sent = self.full.as_ref().map(|channel| channel.send(full));
        if !matches!(sent, Some(Ok(()))) {
            self.end(); // which says what went wrong there
        }
    }

    /// Waits for the thread's last block.
    ///
    /// # Panics
    /// As the thread did, if it did.
    fn end(&mut self) -> Index {
        self.full = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Some(index))) => index,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => unreachable!("the thread was given its work, and is waited for once"),
        }
    }
}

impl Drop for BackgroundIndexer {
    /// A planner that is given up leaves no thread behind.
    fn drop(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            // Its panic is nobody's business any more.
            let _ = thread.join();
        }
    }
}
