//! What is asked next.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::answer_search::AnswerSearch;
use super::call::{Call, CallNumber};
use super::fresh::{FreshDigests, NextOpen};
use super::retry::RetryPolicy;
use crate::memory::{self, OutOfMemory};

/// Most credit that is kept, so that a service that starts to fail is not asked in halves for long.
const MOST_CREDIT: u32 = 256;

/// Limits of a run; `layercheck.limits.Limits` explains each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How often the same digests are asked, and after which delay.
    pub retry: RetryPolicy,
    /// After so many failures in a row, new batches wait until a call succeeds.
    pub outage_failures: u32,
    /// For how long nothing must be answered before the service counts as stopped, seconds.
    pub outage_s: f64,
    /// Retries that may wait for each call at once before new batches wait too.
    pub backlog_per_slot: usize,
}

/// Decides what is asked next of the digests of a run, and what follows from a failure.
///
/// It has no threads, no clock and no network. Times come in as numbers, seconds on one clock. Digests are
/// ranges of numbers. Of a failure it reads a few plain values.
///
/// Calls that are asked again come before new calls. Their number is limited, so that memory is flat in the
/// number of batches.
///
/// If the service refuses a whole batch before it answered any call, the digests may not be at fault: a bad
/// repository name looks the same. The scheduler then follows one half down to a single digest, and after
/// that the largest other half, one call at a time. If two lone digests from different places are refused and
/// nothing was answered, no digest is at fault. This search costs some 15 calls instead of 2 for each digest.
///
/// A call that uses up its attempts on transient errors or throttling is not given up while the service
/// answers other calls:
///
/// * If the error may be the batch's own, the batch is halved, and each half gets attempts of its own. So one
///   digest that always fails is alone after seven halvings. Answers pay for halvings
///   ([`Self::HALVING_COST`]), those to halves more than others. So halving goes on while it separates good
///   digests from bad ones, and ends soon where whole batches fail.
/// * Otherwise the call is set aside for the last round, which begins when everything else is settled. There
///   its attempts begin again, and once more whenever another call was answered lately, for at most
///   `asking_s` in all. What failed so `BEGIN_AGAIN` times is halved in the same way. It is given up when
///   nothing else is answered either.
///
/// If no call is answered at all, or none any more ([`Self::is_silent`]), every batch may hold a digest that
/// always fails. Before the run ends, the scheduler searches for one digest that is answered. It halves the
/// next batch that uses up its attempts, down to a single digest, and after that the largest other half, one
/// call at a time. An answer ends the search, and the run goes on. If two single digests from different
/// places fail, or after `outage_s`, the service has stopped ([`AnswerSearch`]). The search costs at most 14
/// x `half_attempts` requests: 42 by default, in some 3 seconds. Other calls that use up their attempts
/// meanwhile are set aside.
///
/// So a batch with one digest that always fails costs at most `attempts` + 14 x `half_attempts` requests, and
/// `attempts` more in a last round that brings no other answer: 56 requests in some 8 seconds by default. No
/// digest is asked for longer than `asking_s` before the last round, and the last round takes no longer than
/// `asking_s`, each plus one delay and one call. The memory grows by one call for each call set aside.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each says something else of the run
pub struct Scheduler {
    pub(super) limits: Limits,
    pub(super) renewable: bool,
    slots: usize,
    random: fastrand::Rng,
    fresh: FreshDigests,
    pub(super) search: AnswerSearch,
    in_flight: HashMap<CallNumber, Call>,
    pub(super) suspects: Vec<Call>,
    pub(super) set_aside: Vec<Call>,
    waiting: BinaryHeap<Waiting>,
    pub(super) halves: Vec<Call>,
    pub(super) answered: bool,
    pub(super) reached: bool,
    /// The server said something, in whatever protocol.
    pub(super) heard: bool,
    stopped: bool,
    pub(super) failing_since: Option<f64>,
    pub(super) progress_at: f64,
    halves_in_flight: usize,
    halves_waiting: usize,
    pub(super) failures_in_a_row: u32,
    probes: u32,
    pub(super) failed_probes: u32,
    pub(super) credit: u32,
    requests: CallNumber,
    sequence: u64,
    pub(super) signed_again: u32,
    /// The next half is the largest and not the newest.
    pub(super) take_largest: bool,
}

/// A call that is asked again at a time.
#[derive(Debug)]
struct Waiting {
    due: f64,
    sequence: u64,
    call: Call,
}

impl Scheduler {
    /// Most calls of a run that are asked once more because the time of their signature was refused.
    pub const SIGNED_AGAIN: u32 = 1_000;
    /// Refused lone digests after which no digest is at fault.
    pub const LONE_REFUSALS: usize = 2;
    /// The same if the message speaks of digests: it is believed longer, but not for ten million calls.
    pub const LONE_REFUSALS_NAMED: usize = 200;
    /// Credit that a halving costs because of transient errors; an answer earns 1.
    pub const HALVING_COST: u32 = 4;
    /// Credit that the answer to a half earns that came at the first request. So the halvings that separate
    /// 20 bad digests from 80 good ones pay for themselves, and those of a service that fails at random do
    /// not.
    pub const HALF_EARNS: u32 = 8;
    /// So many times `outage_failures` in a row show that a service has stopped which answered before: where
    /// 90 % of the requests fail at random, 60 in a row are rare.
    pub const SILENT_TIMES: u32 = 3;
    /// How often the attempts of a call begin again in the last round, before the call is halved. More would
    /// help a service that fails at random, and less would spare requests for digests that always fail.
    pub const BEGIN_AGAIN: u32 = 4;
    /// How long an answer to another call shows that the service answers, in first delays (2 s by default);
    /// longer while the call is asked.
    pub const LATELY: f64 = 20.0;
    /// New batches that are asked in spite of many failures in a row, and must fail too, before the service
    /// counts as stopped. They are taken from all over the plan, because neighbours may fail alike.
    pub const PROBES: u32 = 16;

    /// Makes a scheduler of the fresh digests, for at most `slots` calls at once. `renewable`: the client
    /// gets new credentials when these expire. `seed` chooses the delays.
    #[must_use]
    pub fn new(fresh: FreshDigests, slots: usize, limits: Limits, renewable: bool, seed: u64) -> Self {
        Self {
            renewable,
            slots,
            random: fastrand::Rng::with_seed(seed),
            fresh,
            search: AnswerSearch::new(limits.outage_s),
            limits,
            in_flight: HashMap::new(),
            suspects: Vec::new(),
            set_aside: Vec::new(),
            waiting: BinaryHeap::new(),
            halves: Vec::new(),
            answered: false,
            reached: false,
            heard: false,
            stopped: false,
            failing_since: None,
            progress_at: f64::NEG_INFINITY,
            halves_in_flight: 0,
            halves_waiting: 0,
            failures_in_a_row: 0,
            probes: 0,
            failed_probes: 0,
            credit: 8 * Self::HALVING_COST,
            requests: 0,
            sequence: 0,
            signed_again: 0,
            take_largest: false,
        }
    }

    /// Makes a scheduler of `numbers` digests in batches, none of which is known.
    #[must_use]
    pub fn of_all(numbers: usize, batch_size: usize, slots: usize, limits: Limits, seed: u64) -> Self {
        let no_journal: Option<NextOpen> = None;
        let fresh = FreshDigests::new(numbers, batch_size, numbers, no_journal);
        Self::new(fresh, slots, limits, false, seed)
    }

    /// The first digest that was never asked.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.fresh.first()
    }

    /// The service answered at least one call.
    #[must_use]
    pub const fn has_answered(&self) -> bool {
        self.answered
    }

    /// Nothing more is asked.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether no call is in flight and nothing more will be asked.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.in_flight.is_empty() && (self.stopped || (self.nothing_waits() && self.set_aside.is_empty()))
    }

    /// The calls that wait for their answer.
    #[must_use]
    pub fn in_flight(&self) -> impl ExactSizeIterator<Item = &Call> {
        self.in_flight.values()
    }

    /// Calls for one digest that was refused before anything was answered.
    #[must_use]
    pub fn suspects(&self) -> &[Call] {
        &self.suspects
    }

    /// The same; the caller decides about them, and the scheduler forgets them.
    pub fn take_suspects(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.suspects)
    }

    /// The same, once an answer has proven that they are at fault; none before.
    pub fn take_proven(&mut self) -> Vec<Call> {
        if self.answered { self.take_suspects() } else { Vec::new() }
    }

    /// Whether so many requests failed in a row that new batches wait.
    #[must_use]
    pub const fn in_outage(&self) -> bool {
        self.failures_in_a_row >= self.limits.outage_failures
    }

    /// Whether an answer is all that follows from an answer: nothing else is decided by it.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        !self.stopped && self.suspects.is_empty()
    }

    /// Whether so many requests failed in a row, and for so long, that the service has stopped.
    #[must_use]
    pub fn is_silent(&self, now: f64) -> bool {
        let enough = Self::SILENT_TIMES.saturating_mul(self.limits.outage_failures);
        if self.failures_in_a_row < enough || now - self.progress_at < self.limits.outage_s {
            return false;
        }
        // The calls that wait may all be for digests that always fail. New batches show whether others are.
        self.failed_probes >= Self::PROBES || self.fresh.is_empty()
    }

    /// Returns when the next call may be taken: `now` or earlier for at once, none for after a change.
    #[must_use]
    pub fn due(&self, now: f64) -> Option<f64> {
        if self.stopped {
            return None;
        }
        if self.takes_half() {
            return Some(now);
        }
        let soonest = self.waiting.peek().map(|waiting| waiting.due);
        match soonest {
            Some(due) if due <= now => Some(due),
            _ if self.takes_fresh() || self.last_round_begins() => Some(now),
            _ => soonest,
        }
    }

    /// Whether the call that is due now was refused for the time of its signature, so that whoever makes it
    /// has to know the service's time first.
    #[must_use]
    pub fn next_signs_again(&self, now: f64) -> bool {
        let waits = |waiting: &Waiting| waiting.due <= now && waiting.call.signed_again;
        !self.takes_half() && self.waiting.peek().is_some_and(waits)
    }

    /// Takes the next call, which is then in flight; none if none is due.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing changed then.
    pub fn take(&mut self, now: f64) -> Result<Option<Call>, OutOfMemory> {
        if !self.due(now).is_some_and(|due| due <= now) {
            return Ok(None);
        }
        self.make_room()?;
        let Some(mut call) = self.choose(now) else { return Ok(None) };
        self.requests += 1;
        call.number = self.requests;
        call.requests += 1;
        call.started_at = now;
        if call.requests == 1 {
            call.tried_since = now;
            call.first_at = call.first_at.min(now);
        }
        self.halves_in_flight += usize::from(call.half);
        self.in_flight.insert(call.number, call.clone());
        Ok(Some(call))
    }

    /// Notes that a call was answered, which proves that the suspects are at fault: see
    /// [`Self::take_proven`].
    pub fn settle(&mut self, call: &Call, now: f64) {
        self.land(call);
        (self.answered, self.reached) = (true, true);
        self.progressed(now);
        if self.credit < MOST_CREDIT {
            self.credit += if call.half && call.requests == 1 { Self::HALF_EARNS } else { 1 };
        }
    }

    /// Asks a call again whose answer lacked digests or contradicted itself; returns false if it was the last
    /// try. [`Self::settle`] comes first. The digests that the answer named keep their verdicts.
    pub fn ask_rest(&mut self, call: &Call, now: f64) -> bool {
        let incomplete = call.incomplete + 1;
        if incomplete >= self.limits.retry.incomplete_attempts {
            return false;
        }
        let due = now + self.drawn(self.limits.retry.back_off_base_s);
        self.wait(Call { incomplete, ..call.clone() }, due);
        true
    }

    /// Notes that a call is not in flight any more, and that its outcome needs no decision.
    pub fn land(&mut self, call: &Call) {
        if let Some(landed) = self.in_flight.remove(&call.number) {
            self.halves_in_flight -= usize::from(landed.half);
        }
    }

    /// Returns the seconds in which calls were in flight or failing and none was answered. A run that waits
    /// only for the pacer is not stuck.
    #[must_use]
    pub fn stuck_s(&self, now: f64) -> f64 {
        let started = self.in_flight.values().map(|call| call.started_at).chain(self.failing_since);
        let first = started.fold(f64::INFINITY, f64::min);
        if first.is_finite() { now - first.max(self.progress_at) } else { 0.0 }
    }

    /// Takes back that a call was taken, because its request cannot be made. It is due at once.
    pub fn put_back(&mut self, mut call: Call, now: f64) {
        self.land(&call);
        call.requests -= 1;
        self.wait(call, now);
    }

    /// Puts a call whose outcome was lost among the pending calls.
    ///
    /// # Errors
    /// [`OutOfMemory`], unless it is in flight.
    pub fn keep_open(&mut self, call: &Call) -> Result<(), OutOfMemory> {
        self.land(call);
        memory::push(&mut self.halves, call.clone())
    }

    /// Asks nothing more.
    pub const fn stop(&mut self) {
        self.stopped = true;
    }

    /// The calls that were asked at least once and have no outcome.
    pub fn pending(&self) -> impl Iterator<Item = &Call> {
        let waiting = self.waiting.iter().map(|waiting| &waiting.call);
        let rest = self.halves.iter().chain(self.in_flight.values());
        waiting.chain(rest).chain(&self.suspects).chain(&self.set_aside)
    }

    /// Forgets the calls in flight, because the run has ended.
    pub fn forget_in_flight(&mut self) {
        self.in_flight.clear();
        self.halves_in_flight = 0;
    }

    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    pub(super) fn progressed(&mut self, now: f64) {
        // A thread may come with an earlier time than another.
        self.progress_at = self.progress_at.max(now);
        if self.failing_since.take().is_some() {
            (self.failures_in_a_row, self.probes, self.failed_probes) = (0, 0, 0);
            self.search.end();
        }
    }

    /// Lets a call wait until then. There is room, because the call was in flight.
    pub(super) fn wait(&mut self, call: Call, due: f64) {
        self.halves_waiting += usize::from(call.half);
        self.sequence += 1;
        self.waiting.push(Waiting { due, sequence: self.sequence, call });
    }

    /// Draws a number from zero up to this one.
    pub(super) fn drawn(&mut self, most: f64) -> f64 {
        self.random.f64() * most
    }

    /// Makes room for whatever follows from one more call in flight, so that only [`Self::take`] can lack
    /// memory.
    fn make_room(&mut self) -> Result<(), OutOfMemory> {
        // And one whose answer was settled, and which is about to be asked again.
        let calls = self.in_flight.len() + 2;
        let refused = |_| OutOfMemory { bytes: calls * size_of::<Waiting>() };
        self.in_flight.try_reserve(1).map_err(refused)?;
        self.waiting.try_reserve(calls).map_err(refused)?;
        let ended = if self.last_round_begins() { self.set_aside.len() } else { 0 };
        memory::reserve(&mut self.halves, 2 * calls + ended)?;
        memory::reserve(&mut self.set_aside, calls)?;
        memory::reserve(&mut self.suspects, calls)?;
        self.fresh.make_room()
    }

    /// Whether nothing is left to ask before the last round but what is in flight.
    fn nothing_waits(&self) -> bool {
        self.fresh.is_empty() && self.waiting.is_empty() && self.halves.is_empty()
    }

    /// Whether a search is on, for a digest at fault or for an answer.
    fn is_searching(&self) -> bool {
        let silent = self.search.has_begun() || !self.answered;
        silent && (!self.halves.is_empty() || self.half_is_under_way())
    }

    const fn half_is_under_way(&self) -> bool {
        self.halves_in_flight + self.halves_waiting > 0
    }

    fn takes_half(&self) -> bool {
        let waits_for_another = self.is_searching() && self.half_is_under_way();
        !(self.halves.is_empty() || waits_for_another)
    }

    fn takes_fresh(&self) -> bool {
        if self.fresh.is_empty() {
            return false;
        }
        if self.in_flight.is_empty() && self.waiting.is_empty() && self.halves.is_empty() {
            return true; // whatever held new batches back, nothing else would end it
        }
        let backlog = self.waiting.len() + self.halves.len();
        let most = self.slots * self.limits.backlog_per_slot;
        if self.in_outage() {
            return self.answered && self.probes < Self::PROBES && backlog < 2 * most;
        }
        backlog < most && !self.is_searching()
    }

    fn last_round_begins(&self) -> bool {
        !self.set_aside.is_empty() && self.in_flight.is_empty() && self.nothing_waits()
    }

    fn choose(&mut self, now: f64) -> Option<Call> {
        if self.last_round_begins() {
            // The first call that was set aside is the first to be asked again.
            self.halves.extend(self.set_aside.drain(..).rev().map(|call| {
                let first_at = if call.last { call.first_at } else { now };
                Call { half: false, last: true, first_at, ..call.with_new_attempts(now) }
            }));
        }
        if self.takes_half() {
            if !std::mem::take(&mut self.take_largest) {
                return self.halves.pop();
            }
            // Of several, the first.
            let (at, _) =
                self.halves.iter().enumerate().rev().max_by_key(|(_, call)| (call.half, call.size()))?;
            return Some(self.halves.remove(at));
        }
        if self.waiting.peek().is_some_and(|waiting| waiting.due <= now) {
            let call = self.waiting.pop()?.call;
            self.halves_waiting -= usize::from(call.half);
            return Some(call);
        }
        if !self.in_outage() {
            return self.fresh.take().map(Call::new);
        }
        self.probes += 1;
        let draw = self.random.f64();
        self.fresh.take_far(draw).map(|digests| Call { is_probe: true, ..Call::new(digests) })
    }
}

impl Ord for Waiting {
    /// The one that is due first is the greatest; of several, the one that came first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.total_cmp(&self.due).then(other.sequence.cmp(&self.sequence))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
