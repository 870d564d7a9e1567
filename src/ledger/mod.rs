//! Merges answers into one verdict for each digest of a plan.

pub mod columns;
pub mod merge;
pub mod parts;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use columns::{Columns, Note};
use merge::{CONTRADICTORY, JoinedEntry, LEFT_OUT};

use crate::digest::Digest;
use crate::plan::Plan;
use crate::protocol::entry::{Entry, EntryStatus};
use crate::verdict::Verdict;

/// What one answer brought: numbers of digests, and for `foreign` the number of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Digests with a usable answer.
    pub answered: usize,
    /// Digests that are missing from the answer.
    pub left_out: usize,
    /// Digests of which the answer says different things.
    pub contradicted: usize,
    /// Entries for digests that were not asked.
    pub foreign: usize,
}

/// The columns of a run in progress, and their plan.
///
/// A call asks digests with consecutive numbers. A number below the plan's `unique` is a position in the
/// plan. Numbers from `unique` on are pending digests: digests that an earlier run left open in otherwise
/// answered batches. [`Ledger::pack_pending`] numbers them, so that a call asks a hundred of them too.
#[derive(Debug)]
pub struct Ledger {
    plan: Arc<Plan>,
    columns: Arc<Columns>,
    pending: Vec<usize>,
    /// Digests that an earlier run left unanswered and that this run has not asked yet.
    unanswered_before: usize,
    /// Whether the run has ended, so that later answers are ignored.
    closed: bool,
}

impl Ledger {
    /// Makes a ledger in which no digest was asked yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let columns = Arc::new(Columns::new(plan.unique()));
        Self { plan, columns, pending: Vec::new(), unanswered_before: 0, closed: false }
    }

    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns the columns as they are now. They do not change: the next change of the ledger makes a copy
    /// first if these columns are still held.
    #[must_use]
    pub fn columns(&self) -> Arc<Columns> {
        Arc::clone(&self.columns)
    }

    /// Returns the columns without holding them.
    pub(crate) fn peek(&self) -> &Columns {
        &self.columns
    }

    /// Writes outcomes of an earlier run: position, verdict, size and note.
    pub(crate) fn restore<'a>(&mut self, known: impl Iterator<Item = (usize, Verdict, i64, Note<'a>)>) {
        let columns = Arc::make_mut(&mut self.columns);
        known.for_each(|(at, verdict, size, note)| columns.put(at, verdict, size, note));
        self.unanswered_before = columns.counts[Verdict::Unanswered as usize];
    }

    /// Numbers the pending digests, after all earlier outcomes were restored; returns how many there are.
    /// They are the open digests of batches in which other digests have a verdict.
    pub fn pack_pending(&mut self) -> usize {
        self.pending.clear();
        let size = self.plan.batch_size();
        for (batch, verdicts) in self.columns.verdicts.chunks(size).enumerate() {
            let open = verdicts.iter().filter(|verdict| is_open(**verdict)).count();
            if (1..verdicts.len()).contains(&open) {
                let positions = (batch * size..).zip(verdicts);
                self.pending.extend(positions.filter(|(_, verdict)| is_open(**verdict)).map(|(at, _)| at));
            }
        }
        self.pending.len()
    }

    /// Returns the count of numbers: the plan's digests and the pending digests.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.plan.unique() + self.pending.len()
    }

    /// Returns what the next call asks, from number `start` on: a batch in which every digest is open, or as
    /// many pending digests; an empty range at the end.
    #[must_use]
    pub fn next_open(&self, start: usize) -> Range<usize> {
        let size = self.plan.batch_size();
        let mut rest = self.columns.verdicts.chunks(size).skip(start.div_ceil(size));
        let whole = rest.position(|verdicts| verdicts.iter().all(|verdict| is_open(*verdict)));
        let unique = self.plan.unique();
        let (first, end) = match whole {
            Some(ahead) => ((start.div_ceil(size) + ahead) * size, unique),
            None => (start.clamp(unique, self.numbers()), self.numbers()),
        };
        first..end.min(first + size)
    }

    /// Returns the positions in the plan of the digests of a call.
    ///
    /// # Panics
    /// If the call's numbers are beyond [`Ledger::numbers`].
    pub fn positions(&self, call: Range<usize>) -> impl Iterator<Item = usize> + Clone {
        call.map(position_by(self.plan.unique(), &self.pending))
    }

    /// Returns the range from the first to the last of these positions. Positions between them may belong to
    /// other calls.
    ///
    /// # Panics
    /// As for [`Ledger::positions`].
    #[must_use]
    pub fn range(&self, call: Range<usize>) -> Range<usize> {
        let mut positions = self.positions(call);
        let first = positions.next().unwrap_or_default();
        first..positions.last().unwrap_or(first) + 1
    }

    /// Returns the digests of a call.
    ///
    /// # Panics
    /// As for [`Ledger::positions`].
    #[must_use]
    pub fn asked(&self, call: Range<usize>) -> Cow<'_, [Digest]> {
        let digests = self.plan.digests();
        match digests.get(call.clone()) {
            Some(asked) => asked.into(),
            None => self.positions(call).map(|at| digests[at]).collect(),
        }
    }

    /// Opens the digests of a call again that an earlier run left unanswered, because the call asks them
    /// once more.
    ///
    /// # Panics
    /// As for [`Ledger::positions`].
    pub fn reopen(&mut self, call: Range<usize>) {
        if self.unanswered_before == 0 {
            return;
        }
        let columns = Arc::make_mut(&mut self.columns);
        for at in call.map(position_by(self.plan.unique(), &self.pending)) {
            if columns.verdicts[at] == Verdict::Unanswered {
                columns.set(at, Verdict::NotChecked, "", "");
                self.unanswered_before -= 1;
            }
        }
    }

    /// Returns the number of digests with an outcome: a verdict, or no usable answer to this run's call.
    #[must_use]
    pub fn settled(&self) -> usize {
        let open = self.columns.counts[Verdict::NotChecked as usize] + self.unanswered_before;
        self.plan.unique() - open
    }

    /// Ends the run: later answers are ignored, so that the report and the journal of the run say the same
    /// even if an answer comes while they are written.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Merges the answer to the call that asked the digests numbered `call`. A digest without an entry
    /// becomes unanswered, unless another call has answered it meanwhile.
    ///
    /// An answer that names none of the digests changes nothing, because it belongs to another request.
    ///
    /// # Panics
    /// As for [`Ledger::positions`].
    pub fn merge<'a>(&mut self, call: Range<usize>, entries: impl Iterator<Item = Entry<'a>>) -> Merged {
        self.merge_answer(call, entries, true)
    }

    /// Does the same, except that digests without a usable entry stay open, because they are asked again.
    ///
    /// # Panics
    /// As for [`Ledger::positions`].
    pub fn merge_usable<'a>(
        &mut self,
        call: Range<usize>,
        entries: impl Iterator<Item = Entry<'a>>,
    ) -> Merged {
        self.merge_answer(call, entries, false)
    }

    fn merge_answer<'a>(
        &mut self,
        call: Range<usize>,
        entries: impl Iterator<Item = Entry<'a>>,
        last: bool,
    ) -> Merged {
        if self.closed {
            return Merged::default();
        }
        let (joined, foreign) = merge::join(&self.asked(call.clone()), entries);
        if joined.iter().all(|joined| *joined == JoinedEntry::LeftOut) {
            return Merged { left_out: joined.len(), foreign, ..Merged::default() };
        }
        let columns = Arc::make_mut(&mut self.columns);
        let mut merged = Merged { foreign, ..Merged::default() };
        for (at, joined) in call.map(position_by(self.plan.unique(), &self.pending)).zip(joined) {
            match joined {
                JoinedEntry::LeftOut => {
                    merged.left_out += 1;
                    if last {
                        columns.give_up(at, LEFT_OUT, "asked, but not in the answer");
                    }
                }
                JoinedEntry::Contradictory => {
                    merged.contradicted += 1;
                    if last {
                        let reason = "the answer says different things of this digest";
                        columns.give_up(at, CONTRADICTORY, reason);
                    }
                }
                JoinedEntry::Status(status) => {
                    merged.answered += 1;
                    let (verdict, code, reason) = status.verdict();
                    columns.set(at, verdict, code, reason);
                    if let EntryStatus::Layer { size, media_type, .. } = status {
                        columns.sizes[at] = size.unwrap_or(-1);
                        columns.media_types[at] =
                            media_type.map_or(0, |name| columns.media_type_number(name));
                    }
                }
            }
        }
        merged
    }

    /// Notes that the service refuses the digest with this number.
    ///
    /// # Panics
    /// If `number` is not below [`Ledger::numbers`].
    pub fn refuse(&mut self, number: usize, code: &str, reason: &str) {
        let at = position_by(self.plan.unique(), &self.pending)(number);
        Arc::make_mut(&mut self.columns).set(at, Verdict::Refused, code, reason);
    }

    /// Notes that a call got no usable answer. Digests with a verdict keep it. Returns the number of digests
    /// without a verdict.
    ///
    /// # Panics
    /// As for [`Ledger::positions`].
    pub fn unanswered(&mut self, call: Range<usize>, code: &str, reason: &str) -> usize {
        let columns = Arc::make_mut(&mut self.columns);
        let positions = call.map(position_by(self.plan.unique(), &self.pending));
        positions.map(|at| usize::from(columns.give_up(at, code, reason))).sum()
    }
}

/// Returns the function from a number to a position. It does not borrow the ledger, so that the ledger's
/// columns can be changed meanwhile.
fn position_by(unique: usize, pending: &[usize]) -> impl Fn(usize) -> usize + Clone {
    move |number| number.checked_sub(unique).map_or(number, |at| pending[at])
}

/// Returns whether a resumed run asks a digest with this verdict again.
fn is_open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotChecked | Verdict::Unanswered)
}
