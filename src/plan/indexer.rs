//! Gives parsed rows their indices, on the caller's thread or on a background thread.
//!
//! Parsing is limited by the processor; a look-up in a table larger than the cache waits for memory. On two
//! cores both run at once: the caller's thread parses rows into blocks, and a background thread, if the
//! caller allows it and there are many rows, looks up their digests. The blocks come back in order with their
//! indices, and the caller's thread puts these into the column of all rows. So the plan is the same, each
//! thread has half of the work. Measured by the case `one core and all` of `bench/`.
//!
//! Which thread is the slower one changes on the way: the background thread while its table grows, and in memory
//! that the system provides slowly; the caller's thread in between. Therefore some blocks may wait, the faster
//! thread computes the tags, and the caller's thread provides memory (see [`super::ahead`]) while no block can be
//! sent. In turns with the form before, a file of 5 million rows took 198 to 205 ms in place of 225.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::ahead::Helper;
use super::dedupe::{Dedupe, Seed};
use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

/// Digests in a full block of rows: so few that a block stays in a core's own cache, and so many that the
/// hand-over to the other core costs little beside the work.
const FULL: usize = 8_192;

/// Blocks that may wait for the background thread: 5 MB. While its table grows, it takes no block. Meanwhile the
/// caller's thread parses some tens of blocks.
const QUEUED: usize = 16;

/// Blocks under way from which the background thread is the slower one: the block at work, and one that waits.
const BEHIND: usize = 2;

/// Bytes of the background thread's stack, which holds a few blocks of [`Dedupe`].
const STACK: usize = 256 << 10;

/// Bytes of memory for what a new thread gets beside its stack.
const FIRST_STEPS: usize = 256 << 10;

/// How long the thread waits for nothing.
const FIRST_WAIT: Duration = Duration::from_micros(50);

/// A block of parsed rows.
#[derive(Debug)]
pub struct Rows {
    /// Digests, or rejected rows, of a full block.
    full: usize,
    digests: Vec<Digest>,
    /// The tags of the digests; empty until one of the threads computes them.
    tags: Vec<u32>,
    /// The index of each digest among the unique digests, once the block is indexed.
    indices: Vec<u32>,
    /// For each rejected row, the number of digests before it.
    rejected: Vec<u32>,
    /// Rows that will come after these, as far as is known.
    pub more: usize,
}

impl Default for Rows {
    fn default() -> Self {
        Self::of(FULL)
    }
}

impl Rows {
    /// Makes an empty block, which `full` digests make full.
    #[must_use]
    pub fn of(full: usize) -> Self {
        Self {
            full,
            digests: Vec::new(),
            tags: Vec::new(),
            indices: Vec::new(),
            rejected: Vec::new(),
            more: 0,
        }
    }

    /// Returns true once the block should be passed on.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.digests.len() >= self.full || self.rejected.len() >= self.full
    }

    /// Adds a row with this digest.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the block is unchanged then.
    #[inline]
    pub fn push(&mut self, digest: &Digest) -> Result<(), OutOfMemory> {
        memory::push(&mut self.digests, *digest)
    }

    /// Adds a row for each digest while the block has room; returns the digests that were not added.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the block is unchanged then.
    pub fn extend<'a>(&mut self, digests: &'a [Digest]) -> Result<&'a [Digest], OutOfMemory> {
        let room = self.full.saturating_sub(self.digests.len());
        let (taken, others) = digests.split_at(room.min(digests.len()));
        memory::extend(&mut self.digests, taken)?;
        Ok(others)
    }

    /// Adds a rejected row.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the block is unchanged then.
    pub fn reject(&mut self) -> Result<(), OutOfMemory> {
        memory::push(&mut self.rejected, self.digests.len() as u32)
    }

    /// Gives each digest its tag, unless it has one.
    fn tag(&mut self, seed: &Seed) -> Result<(), OutOfMemory> {
        let untagged = &self.digests[self.tags.len()..];
        memory::reserve(&mut self.tags, untagged.len())?;
        self.tags.extend(untagged.iter().map(|digest| seed.tag(digest)));
        Ok(())
    }

    /// Gives each digest its index.
    fn index(&mut self, dedupe: &mut Dedupe) -> Result<(), OutOfMemory> {
        self.tag(&dedupe.seed())?;
        let count = self.digests.len();
        memory::reserve(&mut self.indices, count)?;
        self.indices.resize(count, 0);
        dedupe.insert(&self.digests, &self.tags, &mut self.indices, self.more)
    }

    /// Moves the index of each row to `row_index`, -1 for a rejected row, and leaves an empty block.
    fn move_to(&mut self, row_index: &mut Vec<i64>) -> Result<(), OutOfMemory> {
        memory::reserve(row_index, self.indices.len() + self.rejected.len())?;
        let mut from = 0;
        for at in &self.rejected {
            row_index.extend(self.indices[from..*at as usize].iter().map(|index| i64::from(*index)));
            row_index.push(-1);
            from = *at as usize;
        }
        row_index.extend(self.indices[from..].iter().map(|index| i64::from(*index)));
        memory::touch_ahead(row_index, 0);
        self.digests.clear();
        self.tags.clear();
        self.indices.clear();
        self.rejected.clear();
        Ok(())
    }
}

/// Gives rows their indices, on one of two threads.
#[derive(Debug)]
pub struct Indexer {
    place: Place,
    /// For each row whose block came back the index of its digest, or -1 for a rejected row.
    row_index: Vec<i64>,
}

#[derive(Debug)]
enum Place {
    Caller(Dedupe),
    Background(BackgroundIndexer),
}

impl Indexer {
    /// Makes an indexer that works on the caller's thread.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new() -> Result<Self, OutOfMemory> {
        Ok(Self { place: Place::Caller(Dedupe::new(Seed::draw())?), row_index: Vec::new() })
    }

    /// Reserves memory for `more` rows, before the first rows. If the system refuses, nothing changes.
    pub fn expect(&mut self, more: usize) {
        // Reserved memory costs nothing until it is used.
        let _ = memory::reserve_exact(&mut self.row_index, more);
        if let Place::Caller(dedupe) = &mut self.place {
            dedupe.expect(more);
        }
    }

    /// Moves the work to a background thread, if the system can start a thread.
    #[cold]
    pub fn move_to_thread(&mut self) {
        if let Place::Caller(dedupe) = &mut self.place
            && let Some(background) = BackgroundIndexer::start(dedupe)
        {
            self.place = Place::Background(background);
        }
    }

    /// Takes the rows, and leaves an empty block in their place.
    ///
    /// # Errors
    /// [`OutOfMemory`], perhaps of earlier rows; the indexer cannot be used any more then.
    pub fn take(&mut self, rows: &mut Rows) -> Result<(), OutOfMemory> {
        match &mut self.place {
            Place::Caller(dedupe) => {
                rows.index(dedupe)?;
                rows.move_to(&mut self.row_index)
            }
            Place::Background(background) => {
                // The memory of all but one is freed, so that few blocks are left when the thread has caught up.
                let mut empty = None;
                while let Some(mut indexed) = background.receive() {
                    indexed.move_to(&mut self.row_index)?;
                    empty = Some(indexed);
                }
                let empty = empty.unwrap_or_else(|| Rows::of(rows.full));
                background.send(std::mem::replace(rows, empty))
            }
        }
    }

    /// Returns the unique digests in first-seen order, and the index of each row.
    ///
    /// # Errors
    /// [`OutOfMemory`], of earlier rows.
    pub fn finish(mut self) -> Result<(Vec<Digest>, Vec<i64>), OutOfMemory> {
        let dedupe = match self.place {
            Place::Caller(dedupe) => dedupe,
            Place::Background(mut background) => background.end(&mut self.row_index)?,
        };
        Ok((dedupe.into_unique(), self.row_index))
    }
}

/// A thread that indexes the blocks it receives, and sends them back in order.
#[derive(Debug)]
struct BackgroundIndexer {
    seed: Seed,
    helper: Helper,
    /// Blocks that were sent and not received back.
    under_way: usize,
    parsed: Option<SyncSender<Rows>>,
    /// Never contended. The mutex is here because a receiver is not `Sync`.
    indexed: Mutex<Receiver<Rows>>,
    thread: Option<JoinHandle<Option<Result<Dedupe, OutOfMemory>>>>,
}

impl BackgroundIndexer {
    /// Starts the thread; returns None and changes nothing if the system cannot start a thread, or has no
    /// memory for its stack.
    fn start(dedupe: &mut Dedupe) -> Option<Self> {
        // The table goes through a channel, because a closure that owns it would be lost with a thread that
        // cannot start.
        let (send_table, receive_table) = sync_channel::<Dedupe>(1);
        let (parsed, to_index) = sync_channel::<Rows>(QUEUED);
        let (send_back, indexed) = channel();
        let (say_ready, ready) = sync_channel::<()>(1);
        let work = move || {
            // Nothing was sent yet. A thread that waits for the first time gets thread-local memory, and the
            // system's library ends the process if there is none.
            let _ = receive_table.recv_timeout(FIRST_WAIT);
            let _ = say_ready.send(());
            let mut dedupe = receive_table.recv().ok()?;
            for mut rows in to_index {
                if let Err(refused) = rows.index(&mut dedupe) {
                    return Some(Err(refused));
                }
                // Fails if the planner was dropped, which needs no block.
                let _ = send_back.send(rows);
            }
            Some(Ok(dedupe))
        };
        let (seed, helper) = (dedupe.seed(), dedupe.helper());
        let nothing = Dedupe::new(seed).ok()?;
        memory::ensure_for_thread(STACK + FIRST_STEPS).ok()?;
        let thread = Builder::new().name("layercheck-plan".into()).stack_size(STACK).spawn(work).ok()?;
        // Until then, this thread takes none of the memory that was ensured.
        let _ = ready.recv();
        let sent = send_table.send(std::mem::replace(dedupe, nothing));
        debug_assert!(sent.is_ok(), "the thread waits for the table");
        Some(Self {
            seed,
            helper,
            under_way: 0,
            parsed: Some(parsed),
            indexed: Mutex::new(indexed),
            thread: Some(thread),
        })
    }

    /// Sends the parsed rows, as soon as there is a place for them.
    fn send(&mut self, mut rows: Rows) -> Result<(), OutOfMemory> {
        // Tags are a part of the work that either thread can do.
        if self.under_way >= BEHIND {
            rows.tag(&self.seed)?;
        }
        self.under_way += 1;
        while let Some(parsed) = &self.parsed {
            match parsed.try_send(rows) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(waiting)) if self.helper.provide() => rows = waiting,
                Err(TrySendError::Full(waiting)) => {
                    if parsed.send(waiting).is_ok() {
                        return Ok(());
                    }
                    break;
                }
                Err(TrySendError::Disconnected(_)) => break,
            }
        }
        self.join()?; // or resumes the panic of the thread
        Ok(())
    }

    /// Returns the oldest block that is indexed, if the thread sent one back.
    fn receive(&mut self) -> Option<Rows> {
        let indexed = self.indexed.get_mut().ok()?.try_recv().ok()?;
        self.under_way -= 1;
        Some(indexed)
    }

    /// Moves the indices of all blocks that are under way to `row_index`, and returns the table.
    ///
    /// # Errors
    /// [`OutOfMemory`], perhaps of the thread.
    ///
    /// # Panics
    /// If the thread panicked.
    fn end(&mut self, row_index: &mut Vec<i64>) -> Result<Dedupe, OutOfMemory> {
        self.parsed = None;
        if let Ok(indexed) = self.indexed.get_mut() {
            for mut rows in indexed.iter() {
                rows.move_to(row_index)?;
            }
        }
        self.join()
    }

    fn join(&mut self) -> Result<Dedupe, OutOfMemory> {
        self.parsed = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Some(dedupe))) => dedupe,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => unreachable!("the thread received its table, and is joined once"),
        }
    }
}

impl Drop for BackgroundIndexer {
    /// Joins the thread, so that a dropped planner leaves no thread behind.
    fn drop(&mut self) {
        self.parsed = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread is ignored, because the planner and its rows are gone.
            let _ = thread.join();
        }
    }
}
