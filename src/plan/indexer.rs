//! Gives parsed rows their indices, on the caller's thread or on a background thread.
//!
//! Parsing is limited by the processor; a look-up in a table larger than the cache waits for memory. On two
//! cores both run at once: the caller's thread parses rows into blocks, and a background thread, if the
//! caller allows it and there are many rows, looks up their digests. Blocks are sent in order, so the plan
//! is the same. Measured by the case `one core and all` of `bench/`.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::dedupe::{BLOCK, Dedupe, Seed};
use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

/// Digests in a full block of rows: so few that a block stays in a core's own cache, and so many that the
/// hand-over to the other core costs little beside the work.
const FULL: usize = 8_192;

/// Blocks that may wait for the background thread.
const QUEUED: usize = 3;

/// Bytes of the background thread's stack, which holds a few blocks of [`Dedupe`].
const STACK: usize = 256 << 10;

/// A block of parsed rows that have no index yet.
#[derive(Debug, Default)]
pub struct Rows {
    digests: Vec<Digest>,
    tags: Vec<u32>,
    /// For each rejected row, the number of digests before it.
    rejected: Vec<u32>,
}

impl Rows {
    /// Returns true once the block should be passed on.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.digests.len() >= FULL || self.rejected.len() >= FULL
    }

    /// Adds a row with this digest.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the block is unchanged then.
    #[inline]
    pub fn push(&mut self, digest: &Digest, seed: &Seed) -> Result<(), OutOfMemory> {
        memory::reserve(&mut self.digests, 1)?;
        memory::push(&mut self.tags, seed.tag(digest))?;
        self.digests.push(*digest);
        Ok(())
    }

    /// Adds a row for each digest while the block has room; returns the digests that were not added.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the block is unchanged then.
    pub fn extend<'a>(&mut self, digests: &'a [Digest], seed: &Seed) -> Result<&'a [Digest], OutOfMemory> {
        let room = FULL.saturating_sub(self.digests.len());
        let (taken, others) = digests.split_at(room.min(digests.len()));
        memory::reserve(&mut self.digests, taken.len())?;
        memory::reserve(&mut self.tags, taken.len())?;
        self.digests.extend_from_slice(taken);
        self.tags.extend(taken.iter().map(|digest| seed.tag(digest)));
        Ok(others)
    }

    /// Adds a rejected row.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the block is unchanged then.
    pub fn reject(&mut self) -> Result<(), OutOfMemory> {
        memory::push(&mut self.rejected, self.digests.len() as u32)
    }

    fn clear(&mut self) {
        self.digests.clear();
        self.tags.clear();
        self.rejected.clear();
    }
}

/// The unique digests in first-seen order, and for each row the index of its digest, or -1 for a rejected
/// row.
#[derive(Debug)]
struct Index {
    dedupe: Dedupe,
    row_index: Vec<i64>,
}

impl Index {
    fn new(seed: Seed) -> Result<Self, OutOfMemory> {
        Ok(Self { dedupe: Dedupe::new(seed)?, row_index: Vec::new() })
    }

    fn take(&mut self, rows: &Rows) -> Result<(), OutOfMemory> {
        memory::reserve(&mut self.row_index, rows.digests.len() + rows.rejected.len())?;
        let mut rejected = rows.rejected.iter().map(|at| *at as usize).peekable();
        for (number, digests) in rows.digests.chunks(BLOCK).enumerate() {
            let start = number * BLOCK;
            let mut block = [0; BLOCK];
            let indices = &mut block[..digests.len()];
            self.dedupe.insert_block(digests, &rows.tags[start..][..digests.len()], indices)?;
            let mut from = 0;
            while let Some(at) = rejected.next_if(|at| *at < start + digests.len()) {
                self.row_index.extend_from_slice(&indices[from..at - start]);
                self.row_index.push(-1);
                from = at - start;
            }
            self.row_index.extend_from_slice(&indices[from..]);
        }
        self.row_index.extend(rejected.map(|_| -1));
        Ok(())
    }
}

/// Gives rows their indices, on one of two threads.
#[derive(Debug)]
pub struct Indexer(Place);

#[derive(Debug)]
enum Place {
    Caller(Index),
    Background(BackgroundIndexer),
}

impl Indexer {
    /// Makes an indexer that works on the caller's thread.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(seed: Seed) -> Result<Self, OutOfMemory> {
        Index::new(seed).map(Place::Caller).map(Self)
    }

    /// Moves the work to a background thread, if the system can start a thread.
    #[cold]
    pub fn move_to_thread(&mut self) {
        if let Place::Caller(index) = &mut self.0
            && let Some(background) = BackgroundIndexer::start(index)
        {
            self.0 = Place::Background(background);
        }
    }

    /// Takes the rows, and leaves an empty block in their place.
    ///
    /// # Errors
    /// [`OutOfMemory`], perhaps of earlier rows; the indexer cannot be used any more then.
    pub fn take(&mut self, rows: &mut Rows) -> Result<(), OutOfMemory> {
        match &mut self.0 {
            Place::Caller(index) => {
                index.take(rows)?;
                rows.clear();
                Ok(())
            }
            Place::Background(background) => background.take(rows),
        }
    }

    /// Returns the unique digests in first-seen order, and the index of each row.
    ///
    /// # Errors
    /// [`OutOfMemory`], of earlier rows.
    pub fn finish(self) -> Result<(Vec<Digest>, Vec<i64>), OutOfMemory> {
        let index = match self.0 {
            Place::Caller(index) => index,
            Place::Background(mut background) => background.end()?,
        };
        Ok((index.dedupe.into_unique(), index.row_index))
    }
}

/// A thread that indexes the blocks it receives, in order, and sends them back empty.
#[derive(Debug)]
struct BackgroundIndexer {
    full: Option<SyncSender<Rows>>,
    /// Never contended. The mutex is here because a receiver is not `Sync`.
    empty: Mutex<Receiver<Rows>>,
    thread: Option<JoinHandle<Option<Result<Index, OutOfMemory>>>>,
}

impl BackgroundIndexer {
    /// Starts the thread; returns None and changes nothing if the system cannot start a thread, or has no
    /// memory for its stack.
    fn start(index: &mut Index) -> Option<Self> {
        // The index goes through a channel, because a closure that owns it would be lost with a thread that
        // cannot start.
        let (send_index, receive_index) = sync_channel::<Index>(1);
        let (full, to_index) = sync_channel::<Rows>(QUEUED);
        let (emptied, empty) = channel();
        let work = move || {
            let mut index = receive_index.recv().ok()?;
            for mut rows in to_index {
                if let Err(refused) = index.take(&rows) {
                    return Some(Err(refused));
                }
                rows.clear();
                // Fails if the planner was dropped, which needs no block.
                let _ = emptied.send(rows);
            }
            Some(Ok(index))
        };
        let nothing = Index::new(Seed::draw()).ok()?;
        memory::ensure(STACK).ok()?;
        let thread = Builder::new().name("layercheck-plan".into()).stack_size(STACK).spawn(work).ok()?;
        let sent = send_index.send(std::mem::replace(index, nothing));
        debug_assert!(sent.is_ok(), "the thread waits for the index");
        Some(Self { full: Some(full), empty: Mutex::new(empty), thread: Some(thread) })
    }

    fn take(&mut self, rows: &mut Rows) -> Result<(), OutOfMemory> {
        // Makes a new block only while fewer blocks exist than the bounded channel and both threads can hold.
        let empty = self.empty.get_mut().ok().and_then(|empty| empty.try_recv().ok());
        let full = std::mem::replace(rows, empty.unwrap_or_default());
        let sent = self.full.as_ref().map(|channel| channel.send(full));
        if !matches!(sent, Some(Ok(()))) {
            self.end()?; // or resumes the panic of the thread
        }
        Ok(())
    }

    /// Waits for the end of the thread and returns its index.
    ///
    /// # Errors
    /// [`OutOfMemory`] of the thread.
    ///
    /// # Panics
    /// If the thread panicked.
    fn end(&mut self) -> Result<Index, OutOfMemory> {
        self.full = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Some(index))) => index,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => unreachable!("the thread received its index, and is joined once"),
        }
    }
}

impl Drop for BackgroundIndexer {
    /// Joins the thread, so that a dropped planner leaves no thread behind.
    fn drop(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread is ignored, because the planner and its rows are gone.
            let _ = thread.join();
        }
    }
}
