//! The blobs that the manifests of a repository name, and what the service said of them.
//!
//! A reference of a manifest is the number of a blob in four bytes. What the descriptor says beside the digest
//! (size, media type, role) is nearly always what the first descriptor of the blob said, so it is kept once
//! for the blob. A descriptor that says otherwise is a variant, and the reference is the number of the
//! variant.

use std::collections::HashMap;
use std::sync::Arc;

use super::digest_index::DigestIndex;
use super::parts::NO_SIZE;
use crate::digest::Digest;
use crate::ledger::columns::Columns;
use crate::memory::{self, OutOfMemory};
use crate::plan::Plan;
use crate::verdict::Verdict;

/// The bit of a reference that is the number of a variant.
const VARIANT: u32 = 1 << 31;

/// What a descriptor says of its blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// The blob's number.
    pub(super) blob: u32,
    /// Number of the media type.
    pub(super) media_type: u16,
    /// Bits of [`flag`](super::parts::flag).
    pub(super) flags: u8,
    /// Bytes, or [`NO_SIZE`].
    pub(super) size: i64,
}

/// What is known of a blob in the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// Never asked.
    NotChecked = 0,
    /// There.
    Available = 1,
    /// Denied.
    Missing = 2,
    /// There, but a pull fails.
    Archived = 3,
    /// Asked, without a usable answer.
    Undecided = 4,
    /// Denied by one operation of the service, and given by another.
    Contradiction = 5,
}

/// Bits beside the [`State`].
mod bit {
    pub(super) const STATE: u8 = 7;
    /// The first check found the blob.
    pub(super) const FOUND: u8 = 8;
    /// A second look asked for the blob.
    pub(super) const LOOKED: u8 = 16;
    /// A second witness denied the blob too.
    pub(super) const CONFIRMED: u8 = 32;
}

/// All blobs, in first-seen order.
#[derive(Debug)]
pub(super) struct Blobs {
    index: Index,
    media_types: Vec<u16>,
    flags: Vec<u8>,
    sizes: Vec<i64>,
    variants: Vec<Part>,
    variant_numbers: HashMap<Part, u32>,
    states: Vec<u8>,
    /// The columns that the states come from.
    columns: Option<Arc<Columns>>,
    /// The sizes that a second look brought.
    later_sizes: HashMap<u32, i64>,
    /// No second look comes any more.
    has_ended: bool,
}

/// The digests: with a table to add more, or those of a plan, whose memory is shared with it.
#[derive(Debug)]
enum Index {
    Open(DigestIndex),
    Planned(Arc<Plan>),
}

impl Blobs {
    pub(super) fn new() -> Result<Self, OutOfMemory> {
        Ok(Self {
            index: Index::Open(DigestIndex::new()?),
            media_types: Vec::new(),
            flags: Vec::new(),
            sizes: Vec::new(),
            variants: Vec::new(),
            variant_numbers: HashMap::new(),
            states: Vec::new(),
            columns: None,
            later_sizes: HashMap::new(),
            has_ended: false,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    pub(super) fn digest(&self, blob: u32) -> &Digest {
        &self.digests()[blob as usize]
    }

    fn digests(&self) -> &[Digest] {
        match &self.index {
            Index::Open(open) => open.digests(),
            Index::Planned(plan) => plan.digests(),
        }
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<u32> {
        match &self.index {
            Index::Open(open) => open.find(digest),
            Index::Planned(plan) => plan.first_row(digest).map(|row| row as u32),
        }
    }

    /// Adds the parts of a document, and their references to `refs`. The parts come without numbers of blobs,
    /// and `digests` are those of their blobs.
    pub(super) fn add(
        &mut self,
        digests: &[Digest],
        parts: &[Part],
        refs: &mut Vec<u32>,
    ) -> Result<(), OutOfMemory> {
        let refused = OutOfMemory { bytes: size_of_val(parts) };
        memory::reserve(refs, parts.len())?;
        memory::reserve(&mut self.variants, parts.len())?;
        memory::reserve(&mut self.media_types, parts.len())?;
        memory::reserve(&mut self.flags, parts.len())?;
        memory::reserve(&mut self.sizes, parts.len())?;
        memory::reserve(&mut self.states, parts.len())?;
        self.variant_numbers.try_reserve(parts.len()).map_err(|_| refused)?;
        if self.len() + parts.len() >= VARIANT as usize
            || self.variants.len() + parts.len() >= VARIANT as usize
        {
            return Err(refused);
        }
        self.open()?;
        let Index::Open(open) = &mut self.index else { return Err(refused) };
        // Nothing fails behind this line, so that no blob has a number without its columns.
        let numbers = open.of_all(digests)?;
        for (number, part) in numbers.iter().zip(parts) {
            let part = Part { blob: *number, ..*part };
            let at = part.blob as usize;
            if at == self.sizes.len() {
                self.media_types.push(part.media_type);
                self.flags.push(part.flags);
                self.sizes.push(part.size);
                self.states.push(0);
                refs.push(part.blob);
            } else if self.media_types[at] == part.media_type
                && self.flags[at] == part.flags
                && self.sizes[at] == part.size
            {
                refs.push(part.blob);
            } else {
                let next = self.variants.len() as u32;
                let variant = *self.variant_numbers.entry(part).or_insert(next);
                if variant == next {
                    self.variants.push(part);
                }
                refs.push(variant | VARIANT);
            }
        }
        Ok(())
    }

    /// Makes the index one that can grow.
    fn open(&mut self) -> Result<(), OutOfMemory> {
        if let Index::Planned(plan) = &self.index {
            let mut open = DigestIndex::new()?;
            for block in plan.digests().chunks(1 << 12) {
                open.of_all(block)?;
            }
            self.index = Index::Open(open);
        }
        Ok(())
    }

    /// Returns what a reference says.
    #[inline]
    pub(super) fn part(&self, reference: u32) -> Part {
        if reference & VARIANT != 0 {
            return self.variants[(reference & !VARIANT) as usize];
        }
        let at = reference as usize;
        Part {
            blob: reference,
            media_type: self.media_types[at],
            flags: self.flags[at],
            size: self.sizes[at],
        }
    }

    /// Returns the plan of all blobs: a row for each. The plan and the graph share the digests.
    pub(super) fn plan(&mut self, batch_size: usize) -> Result<Arc<Plan>, OutOfMemory> {
        if let Index::Planned(plan) = &self.index
            && plan.batch_size() == batch_size
        {
            return Ok(Arc::clone(plan));
        }
        self.open()?;
        let mut rows = memory::with_room(self.len())?;
        rows.extend(0..self.len() as i64);
        let empty = DigestIndex::new()?;
        let Index::Open(open) = std::mem::replace(&mut self.index, Index::Open(empty)) else {
            unreachable!("the index was opened")
        };
        let plan = Arc::new(Plan::of_unique(open.into_digests(), rows, batch_size));
        self.index = Index::Planned(Arc::clone(&plan));
        Ok(plan)
    }

    /// Takes the verdicts of a plan that [`Blobs::plan`] made, now or before more manifests were read.
    ///
    /// Returns false if it is another plan.
    pub(super) fn set(&mut self, plan: &Arc<Plan>, columns: &Arc<Columns>) -> bool {
        let is_this = matches!(&self.index, Index::Planned(mine) if Arc::ptr_eq(mine, plan));
        if !is_this && !self.digests().starts_with(plan.digests()) {
            return false;
        }
        for (state, verdict) in self.states.iter_mut().zip(columns.verdicts()) {
            *state = match verdict {
                Verdict::NotChecked => State::NotChecked as u8,
                Verdict::Available => State::Available as u8 | bit::FOUND,
                Verdict::Unavailable => State::Missing as u8,
                Verdict::Archived => State::Archived as u8,
                Verdict::Refused | Verdict::Other | Verdict::Invalid | Verdict::Unanswered => {
                    State::Undecided as u8
                }
            };
        }
        self.columns = Some(Arc::clone(columns));
        self.later_sizes.clear();
        self.has_ended = false;
        true
    }

    #[inline]
    pub(super) fn state(&self, blob: u32) -> State {
        if self.has_ended && self.is_open(blob) {
            return State::Undecided;
        }
        match self.states[blob as usize] & bit::STATE {
            0 => State::NotChecked,
            1 => State::Available,
            2 => State::Missing,
            3 => State::Archived,
            4 => State::Undecided,
            _ => State::Contradiction,
        }
    }

    /// Returns true for a blob that a pull cannot have by one answer only.
    fn is_open(&self, blob: u32) -> bool {
        let state = self.states[blob as usize];
        let is_lacking = [State::Missing as u8, State::Archived as u8].contains(&(state & bit::STATE));
        is_lacking && state & (bit::LOOKED | bit::CONFIRMED) == 0
    }

    /// Returns the blob's size in the repository, if the service gave it: at the second look, if there was one.
    #[inline]
    pub(super) fn known_size(&self, blob: u32) -> i64 {
        if self.is_asked_again(blob) {
            return self.later_sizes.get(&blob).copied().unwrap_or(NO_SIZE);
        }
        self.first_size(blob)
    }

    /// Returns true if each answer that found the blob gave another size. If one of two answers gave none, or the
    /// right one, the size is not known to be wrong.
    pub(super) fn has_other_size(&self, blob: u32, size: i64) -> bool {
        let later = self.known_size(blob);
        let is_asked_twice = self.is_asked_again(blob) && self.states[blob as usize] & bit::FOUND != 0;
        let first = if is_asked_twice { self.first_size(blob) } else { later };
        [first, later].iter().all(|known| *known != NO_SIZE && *known != size)
    }

    fn first_size(&self, blob: u32) -> i64 {
        let sizes = self.columns.as_ref().map(|columns| columns.sizes());
        sizes.and_then(|sizes| sizes.get(blob as usize)).copied().unwrap_or(NO_SIZE)
    }

    /// Returns the verdict and the code that tables show for a blob.
    pub(super) fn shown(&self, blob: u32) -> (Verdict, &str) {
        let at = blob as usize;
        let columns = self.columns.as_ref().filter(|columns| at < columns.verdicts().len());
        let first = columns.map_or(Verdict::NotChecked, |columns| columns.verdicts()[at]);
        match self.state(blob) {
            State::Contradiction => (Verdict::Other, "Contradiction"),
            State::Undecided
                if matches!(first, Verdict::Unavailable | Verdict::Archived | Verdict::Available) =>
            {
                (Verdict::Unanswered, "NoSecondAnswer")
            }
            State::Available => (Verdict::Available, ""),
            State::Archived => (Verdict::Archived, ""),
            _ => (first, columns.map_or("", |columns| columns.detail(at).0)),
        }
    }

    /// Takes the verdict of a second look at a blob that the first check answered for, and the size if it came.
    /// What one answer found and the other did not is undecided. What one denied and the other says to be
    /// archived is archived: a pull fails by both.
    pub(super) fn look_again(&mut self, blob: u32, verdict: Verdict, size: i64) -> Result<(), OutOfMemory> {
        let state = &mut self.states[blob as usize];
        let before = *state & bit::STATE;
        let is_answered =
            [State::Available as u8, State::Missing as u8, State::Archived as u8].contains(&before);
        if !is_answered && *state & bit::LOOKED == 0 || before == State::Contradiction as u8 {
            return Ok(());
        }
        let is_found = *state & bit::FOUND != 0;
        if size == NO_SIZE {
            self.later_sizes.remove(&blob);
        } else {
            let refused = OutOfMemory { bytes: size_of::<(u32, i64)>() };
            self.later_sizes.try_reserve(1).map_err(|_| refused)?;
            self.later_sizes.insert(blob, size);
        }
        let later = match verdict {
            Verdict::Available => State::Available,
            Verdict::Unavailable | Verdict::Archived if is_found => State::Undecided,
            Verdict::Unavailable if before == State::Archived as u8 => State::Archived,
            Verdict::Unavailable => State::Missing,
            Verdict::Archived => State::Archived,
            _ => State::Undecided,
        };
        *state = (*state & (bit::CONFIRMED | bit::FOUND)) | bit::LOOKED | later as u8;
        Ok(())
    }

    /// Says whether the check ends here, or goes on. If it ends, what was denied only once is undecided.
    pub(super) fn end_early(&mut self, has_ended: bool) {
        self.has_ended = has_ended;
    }

    /// Takes the word of a second witness about a missing blob: denied too, or given.
    pub(super) fn confirm(&mut self, blob: u32, denied: bool) {
        let state = &mut self.states[blob as usize];
        if *state & bit::STATE != State::Missing as u8 {
            return;
        }
        if denied {
            *state |= bit::CONFIRMED;
        } else {
            *state = (*state & !bit::STATE & !bit::CONFIRMED) | State::Contradiction as u8;
        }
    }

    pub(super) fn is_confirmed(&self, blob: u32) -> bool {
        self.states[blob as usize] & bit::CONFIRMED != 0
    }

    /// Returns true if a second look asked for the blob.
    #[inline]
    pub(super) fn is_asked_again(&self, blob: u32) -> bool {
        self.states[blob as usize] & bit::LOOKED != 0
    }

    /// Returns true if a second look asked for the blob, or a second witness denied it.
    pub(super) fn is_denied_twice(&self, blob: u32) -> bool {
        self.is_asked_again(blob) || self.is_confirmed(blob)
    }
}
