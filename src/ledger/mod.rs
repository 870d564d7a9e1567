//! Answers become one verdict for each digest of a plan.

pub mod columns;
pub mod merge;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use columns::{Columns, Note};
use merge::{CONTRADICTORY, JoinedEntry, LEFT_OUT};

use crate::digest::Digest;
use crate::plan::Plan;
use crate::protocol::entry::{Entry, EntryStatus};
use crate::verdict::Verdict;

/// Numbers of digests that one answer settled; `foreign` counts entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Digests with a usable answer.
    pub answered: usize,
    /// Digests that are not in the answer.
    pub left_out: usize,
    /// Digests about which the answer disagrees with itself.
    pub contradicted: usize,
    /// Entries for digests that were not asked.
    pub foreign: usize,
}

/// The columns of a run while it goes on, and the plan they belong to.
///
/// A call asks digests with consecutive numbers. Those below the plan's `unique` are places in the plan.
/// From there on they stand for leftovers: digests that a run before this one left open here and
/// there, which [`Ledger::pack_pending`] numbers anew, so that they are asked a hundred at a time too.
#[derive(Debug)]
pub struct Ledger {
    plan: Arc<Plan>,
    columns: Arc<Columns>,
    pending: Vec<usize>,
    /// Digests that an earlier run left unanswered and that this one has not asked yet.
    unanswered_before: usize,
    /// Answers come too late.
    closed: bool,
}

impl Ledger {
    /// A ledger in which nothing was asked yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let columns = Arc::new(Columns::new(plan.unique()));
        Self { plan, columns, pending: Vec::new(), unanswered_before: 0, closed: false }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The columns as they are now. They stay as they are: the next change makes a copy first,
    /// but only if this one is still held.
    #[must_use]
    pub fn columns(&self) -> Arc<Columns> {
        Arc::clone(&self.columns)
    }

    /// The columns without a hold on them.
    pub(crate) fn peek(&self) -> &Columns {
        &self.columns
    }

    /// Takes over verdicts that are known from before: digest, verdict, size, and what is kept beside.
    pub(crate) fn restore<'a>(&mut self, known: impl Iterator<Item = (usize, Verdict, i64, Note<'a>)>) {
        let columns = Arc::make_mut(&mut self.columns);
        known.for_each(|(at, verdict, size, note)| columns.put(at, verdict, size, note));
        self.unanswered_before = columns.counts[Verdict::Unanswered as usize];
    }

    /// Numbers the leftovers, after everything known was restored; returns how many there are. They are
    /// the open digests of batches in which others have a verdict.
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

    /// How many numbers there are: the plan's digests, and the leftovers.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.plan.unique() + self.pending.len()
    }

    /// What the next call is to ask, from number `start` on: a batch of which every digest is open, or as
    /// many leftovers; nothing at the end.
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

    /// Where in the plan the digests of a call are.
    ///
    /// # Panics
    /// If there is no such call.
    pub fn positions(&self, call: Range<usize>) -> impl Iterator<Item = usize> + Clone {
        call.map(position_by(self.plan.unique(), &self.pending))
    }

    /// From the first to the last of these places; others between them may not be meant.
    ///
    /// # Panics
    /// If there is no such call.
    #[must_use]
    pub fn range(&self, call: Range<usize>) -> Range<usize> {
        let mut positions = self.positions(call);
        let first = positions.next().unwrap_or_default();
        first..positions.last().unwrap_or(first) + 1
    }

    /// The digests of a call.
    ///
    /// # Panics
    /// If there is no such call.
    #[must_use]
    pub fn asked(&self, call: Range<usize>) -> Cow<'_, [Digest]> {
        let digests = self.plan.digests();
        match digests.get(call.clone()) {
            Some(asked) => asked.into(),
            None => self.positions(call).map(|at| digests[at]).collect(),
        }
    }

    /// The digests of a call are asked once more: what an earlier run left unanswered is open again.
    ///
    /// # Panics
    /// If there is no such call.
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

    /// Digests that have their outcome: a verdict, or none after this run asked for it.
    #[must_use]
    pub fn settled(&self) -> usize {
        let open = self.columns.counts[Verdict::NotChecked as usize] + self.unanswered_before;
        self.plan.unique() - open
    }

    /// The run ends: answers that come from here on are not taken any more. So what its report says is also
    /// what its journal says, though an answer comes in while that is written.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Takes the answer to the call that asked the digests numbered `call`. What it does not answer becomes
    /// unanswered, unless another call has answered it meanwhile.
    ///
    /// # Panics
    /// If there is no such call.
    pub fn merge<'a>(&mut self, call: Range<usize>, entries: impl Iterator<Item = Entry<'a>>) -> Merged {
        if self.closed {
            return Merged::default();
        }
        let (joined, foreign) = merge::join(&self.asked(call.clone()), entries);
        let columns = Arc::make_mut(&mut self.columns);
        let mut merged = Merged { foreign, ..Merged::default() };
        for (at, joined) in call.map(position_by(self.plan.unique(), &self.pending)).zip(joined) {
            match joined {
                JoinedEntry::LeftOut => {
                    merged.left_out += 1;
                    columns.give_up(at, LEFT_OUT, "asked, but not in the answer");
                }
                JoinedEntry::Contradictory => {
                    merged.contradicted += 1;
                    let reason = "the answer says different things of this digest";
                    columns.give_up(at, CONTRADICTORY, reason);
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

    /// Notes that the service refuses the one digest with this number.
    ///
    /// # Panics
    /// If there is none.
    pub fn refuse(&mut self, number: usize, code: &str, reason: &str) {
        let at = position_by(self.plan.unique(), &self.pending)(number);
        Arc::make_mut(&mut self.columns).set(at, Verdict::Refused, code, reason);
    }

    /// Notes that the digests of a call were asked and got no usable answer; those that have a
    /// verdict keep it. Returns how many have none.
    ///
    /// # Panics
    /// If there is no such call.
    pub fn unanswered(&mut self, call: Range<usize>, code: &str, reason: &str) -> usize {
        let columns = Arc::make_mut(&mut self.columns);
        let positions = call.map(position_by(self.plan.unique(), &self.pending));
        positions.map(|at| usize::from(columns.give_up(at, code, reason))).sum()
    }
}

/// From a number to a place; apart from the ledger, so that its columns can be changed meanwhile.
fn position_by(unique: usize, pending: &[usize]) -> impl Fn(usize) -> usize + Clone {
    move |number| number.checked_sub(unique).map_or(number, |at| pending[at])
}

/// Whether a run that goes on with this verdict asks for it again.
fn is_open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotChecked | Verdict::Unanswered)
}
