//! Verdict columns of one run: 13 bytes a digest, beside the plan's 32.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::digest::Digest;
use crate::merge::{self, CONTRADICTORY, Joined, LEFT_OUT};
use crate::plan::Plan;
use crate::protocol::entry::{Entry, Says};
use crate::verdict::Verdict;

/// Bytes of a code, reason or media type that are kept; the rest of a longer one is cut off.
pub const MAX_NOTE: usize = 1_000;

/// What stands for notes beyond the 65,535 different ones that are kept.
pub const NOT_KEPT: &str = "(more different texts than are kept)";

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

/// What is kept beside a verdict and its size; texts may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note<'a> {
    /// If the service gave one.
    pub media_type: Option<&'a str>,
    /// The service's or our own code.
    pub code: &'a str,
    /// A sentence for people.
    pub reason: &'a str,
}

/// The columns, one cell per unique digest.
#[derive(Clone, Debug)]
pub struct Columns {
    verdicts: Vec<Verdict>,
    /// Bytes; -1 where the service gave none.
    sizes: Vec<i64>,
    media_types: Vec<u16>,
    details: Vec<u16>,
    media_type_names: Notes<String>,
    detail_texts: Notes<(String, String)>,
    counts: [usize; Verdict::ALL.len()],
}

impl Columns {
    fn new(unique: usize) -> Self {
        let mut counts = [0; Verdict::ALL.len()];
        counts[Verdict::NotChecked as usize] = unique;
        Self {
            verdicts: vec![Verdict::NotChecked; unique],
            sizes: vec![-1; unique],
            media_types: vec![0; unique],
            details: vec![0; unique],
            media_type_names: Notes::new(NOT_KEPT.into()),
            detail_texts: Notes::new((NOT_KEPT.into(), NOT_KEPT.into())),
            counts,
        }
    }

    /// The verdict of each digest.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// The size of each layer in bytes, -1 where the service gave none.
    #[must_use]
    pub fn sizes(&self) -> &[i64] {
        &self.sizes
    }

    /// Digests for each verdict, by its code.
    #[must_use]
    pub fn counts(&self) -> &[usize; Verdict::ALL.len()] {
        &self.counts
    }

    /// The media type of digest `at`, if the service gave one.
    #[must_use]
    pub fn media_type(&self, at: usize) -> Option<&str> {
        self.media_type_names.get(self.media_types[at]).map(String::as_str)
    }

    /// Every media type that [`Columns::media_type`] can give.
    pub fn media_type_names(&self) -> impl Iterator<Item = &str> {
        let names = &self.media_type_names;
        names.texts.iter().chain(names.is_full().then_some(&names.last)).map(String::as_str)
    }

    /// The code and the reason kept for digest `at`; either may be empty.
    #[must_use]
    pub fn detail(&self, at: usize) -> (&str, &str) {
        self.detail_texts.get(self.details[at]).map_or(("", ""), |(code, reason)| (code, reason))
    }

    /// Equal for digests of which everything but the size is equal.
    pub(crate) fn key(&self, at: usize) -> (Verdict, u16, u16) {
        (self.verdicts[at], self.media_types[at], self.details[at])
    }

    /// Writes down what is known of a digest from before.
    fn put(&mut self, at: usize, verdict: Verdict, size: i64, note: Note<'_>) {
        self.set(at, verdict, note.code, note.reason);
        self.sizes[at] = size;
        self.media_types[at] = note.media_type.map_or(0, |name| self.media_type_number(name));
    }

    fn media_type_number(&mut self, name: &str) -> u16 {
        let name = cut(name);
        self.media_type_names.number(|kept| kept == name, || name.to_owned())
    }

    /// Marks a digest that has no verdict as unanswered.
    fn give_up(&mut self, at: usize, code: &str, reason: &str) -> bool {
        let open = self.verdicts[at] == Verdict::NotChecked;
        if open {
            self.set(at, Verdict::Unanswered, code, reason);
        }
        open
    }

    fn set(&mut self, at: usize, verdict: Verdict, code: &str, reason: &str) {
        self.counts[self.verdicts[at] as usize] -= 1;
        self.counts[verdict as usize] += 1;
        self.verdicts[at] = verdict;
        // Nothing of an earlier answer may stand beside a later verdict.
        self.sizes[at] = -1;
        self.media_types[at] = 0;
        self.details[at] = if code.is_empty() && reason.is_empty() {
            0
        } else {
            let (code, reason) = (cut(code), cut(reason));
            let same = |kept: &(String, String)| kept.0 == code && kept.1 == reason;
            self.detail_texts.number(same, || (code.to_owned(), reason.to_owned()))
        };
    }
}

/// The columns of a run while it goes on, and the plan they belong to.
///
/// A call asks digests with consecutive numbers. Those below the plan's `unique` are places in the plan.
/// From there on they stand for leftovers: digests that a run before this one left open here and
/// there, which [`Ledger::gather`] numbers anew, so that they are asked a hundred at a time too.
#[derive(Debug)]
pub struct Ledger {
    plan: Arc<Plan>,
    columns: Arc<Columns>,
    leftovers: Vec<usize>,
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
        Self { plan, columns, leftovers: Vec::new(), unanswered_before: 0, closed: false }
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
    pub fn gather(&mut self) -> usize {
        self.leftovers.clear();
        let size = self.plan.batch_size();
        for (batch, verdicts) in self.columns.verdicts.chunks(size).enumerate() {
            let open = verdicts.iter().filter(|verdict| is_open(**verdict)).count();
            if (1..verdicts.len()).contains(&open) {
                let places = (batch * size..).zip(verdicts);
                self.leftovers.extend(places.filter(|(_, verdict)| is_open(**verdict)).map(|(at, _)| at));
            }
        }
        self.leftovers.len()
    }

    /// How many numbers there are: the plan's digests, and the leftovers.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.plan.unique() + self.leftovers.len()
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
    pub fn places(&self, call: Range<usize>) -> impl Iterator<Item = usize> + Clone {
        call.map(places_by(self.plan.unique(), &self.leftovers))
    }

    /// From the first to the last of these places; others between them may not be meant.
    ///
    /// # Panics
    /// If there is no such call.
    #[must_use]
    pub fn span(&self, call: Range<usize>) -> Range<usize> {
        let mut places = self.places(call);
        let first = places.next().unwrap_or_default();
        first..places.last().unwrap_or(first) + 1
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
            None => self.places(call).map(|at| digests[at]).collect(),
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
        for at in call.map(places_by(self.plan.unique(), &self.leftovers)) {
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
        for (at, joined) in call.map(places_by(self.plan.unique(), &self.leftovers)).zip(joined) {
            match joined {
                Joined::LeftOut => {
                    merged.left_out += 1;
                    columns.give_up(at, LEFT_OUT, "asked, but not in the answer");
                }
                Joined::Contradictory => {
                    merged.contradicted += 1;
                    let reason = "the answer says different things of this digest";
                    columns.give_up(at, CONTRADICTORY, reason);
                }
                Joined::Said(says) => {
                    merged.answered += 1;
                    let (verdict, code, reason) = says.verdict();
                    columns.set(at, verdict, code, reason);
                    if let Says::Layer { size, media_type, .. } = says {
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
        let at = places_by(self.plan.unique(), &self.leftovers)(number);
        Arc::make_mut(&mut self.columns).set(at, Verdict::Refused, code, reason);
    }

    /// Notes that the digests of a call were asked and got no usable answer; those that have a
    /// verdict keep it. Returns how many have none.
    ///
    /// # Panics
    /// If there is no such call.
    pub fn unanswered(&mut self, call: Range<usize>, code: &str, reason: &str) -> usize {
        let columns = Arc::make_mut(&mut self.columns);
        let places = call.map(places_by(self.plan.unique(), &self.leftovers));
        places.map(|at| usize::from(columns.give_up(at, code, reason))).sum()
    }
}

/// From a number to a place; apart from the ledger, so that its columns can be changed meanwhile.
fn places_by(unique: usize, leftovers: &[usize]) -> impl Fn(usize) -> usize + Clone {
    move |number| number.checked_sub(unique).map_or(number, |at| leftovers[at])
}

/// Whether a run that goes on with this verdict asks for it again.
fn is_open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotChecked | Verdict::Unanswered)
}

/// Numbered texts; 0 is none. A hostile service can send a different text with every digest, so
/// their number is bounded and the last one stands for all that came too late.
#[derive(Clone, Debug)]
struct Notes<T> {
    numbers: HashMap<T, u16>,
    texts: Vec<T>,
    last: T,
}

impl<T: Clone + Eq + std::hash::Hash> Notes<T> {
    fn new(last: T) -> Self {
        Self { numbers: HashMap::new(), texts: Vec::new(), last }
    }

    /// The number of the text that is the `same`; `make` it if it is not one of the first few.
    fn number(&mut self, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u16 {
        // An honest service has no more than these, and finding them needs no memory and no hash.
        const FEW: usize = 4;
        if let Some(at) = self.texts.iter().take(FEW).position(same) {
            return at as u16 + 1;
        }
        let text = make();
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        if self.is_full() {
            return u16::MAX;
        }
        self.texts.push(text.clone());
        let number = self.texts.len() as u16;
        self.numbers.insert(text, number);
        number
    }

    fn is_full(&self) -> bool {
        self.texts.len() >= usize::from(u16::MAX) - 1
    }

    fn get(&self, number: u16) -> Option<&T> {
        match number {
            0 => None,
            u16::MAX => Some(&self.last),
            _ => self.texts.get(usize::from(number) - 1),
        }
    }
}

/// At most [`MAX_NOTE`] bytes of `text`, whole characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_NOTE)]
}
