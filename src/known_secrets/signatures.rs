//! The signatures of calls: of those that wait for their answer, and of the last calls before them.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

/// Signatures of calls that ended which are kept, because an error may be shown after its call.
const ENDED: usize = 512;

static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The number of this thread; 0 before it made its first signature. Unlike `thread::current`, it needs no
    /// memory, which a thread may lack.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// Signatures by the thread that made them, because a thread makes one call at a time.
pub(super) struct Signatures {
    /// The signature of the call that each thread waits for.
    in_flight: HashMap<u64, Signature>,
    /// Oldest first.
    ended: VecDeque<Signature>,
    /// Whether any signature is not among the fragments that are looked for.
    has_new: bool,
}

struct Signature {
    /// Empty once the signature is among the fragments.
    text: String,
    /// Its fragments.
    ids: Vec<u32>,
}

impl Default for Signatures {
    fn default() -> Self {
        Self { in_flight: HashMap::new(), ended: VecDeque::with_capacity(ENDED + 1), has_new: false }
    }
}

impl Signatures {
    /// Keeps the signature of a call of this thread, whose call before has ended. Returns the fragments of the
    /// signature that is forgotten instead.
    #[must_use]
    pub(super) fn begin_call(&mut self, signature: &str) -> Vec<u32> {
        self.has_new = true;
        let signature = Signature { text: signature.to_owned(), ids: Vec::new() };
        let before = self.in_flight.insert(this_thread(), signature);
        self.keep_ended(before)
    }

    /// Notes that the call of this thread has ended, if it made one. Returns the fragments of the signature
    /// that is forgotten.
    #[must_use]
    pub(super) fn end_call(&mut self) -> Vec<u32> {
        let ended = self.in_flight.remove(&this_thread());
        self.keep_ended(ended)
    }

    /// Makes fragments of the signatures of which there are none yet.
    pub(super) fn add_new(&mut self, mut add: impl FnMut(&str) -> Vec<u32>) {
        if !std::mem::take(&mut self.has_new) {
            return;
        }
        for signature in self.in_flight.values_mut().chain(&mut self.ended) {
            if !signature.text.is_empty() {
                signature.ids = add(&std::mem::take(&mut signature.text));
            }
        }
    }

    fn keep_ended(&mut self, signature: Option<Signature>) -> Vec<u32> {
        self.ended.extend(signature);
        let forgotten = if self.ended.len() > ENDED { self.ended.pop_front() } else { None };
        forgotten.map_or_else(Vec::new, |signature| signature.ids)
    }
}

fn this_thread() -> u64 {
    THREAD.with(|number| {
        if number.get() == 0 {
            number.set(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
