//! Gives each listed image its verdict.
//!
//! `tests/python/images/reference_judge.py` has the same rules in slow and readable Python.

use std::collections::HashMap;

use super::MAX_DEPTH;
use super::blobs::{Part, State};
use super::graph::{Child, Graph, NONE, Reading, fact};
use super::parts::{NO_SIZE, flag};
use super::reading::is_extra;
use super::verdict::{Code, ImageVerdict};
use crate::memory::{self, OutOfMemory};

/// What must be known of a repository before a child that is not listed counts as missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Whether all pages of the listing were read, of images in every status.
    pub listing_complete: bool,
    /// Whether the repository belongs to a pull-through cache; None if that is not known.
    pub pull_through: Option<bool>,
}

impl Circumstances {
    /// Returns why a child that is not listed does not count as missing.
    pub(super) const fn not_listed(self) -> Code {
        match self.pull_through {
            Some(true) => Code::PullThrough,
            None => Code::PullThroughUnknown,
            Some(false) => Code::ListingIncomplete,
        }
    }
}

/// What was found out about the parts of one image. Each blob and each child counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) missing_layers: u32,
    pub(super) missing_config: u32,
    pub(super) missing_children: u32,
    pub(super) incomplete_children: u32,
    pub(super) archived: u32,
    pub(super) wrong_sizes: u32,
    pub(super) contradictions: u32,
    pub(super) undecided_blobs: u32,
    pub(super) undecided_children: u32,
    pub(super) unreadable_children: u32,
    pub(super) found_later: u32,
    pub(super) not_checked: u32,
    pub(super) partial_children: u32,
    pub(super) unlisted_children: u32,
    pub(super) malformed: u32,
    pub(super) unsupported: u32,
    /// Missing blobs that have `urls`.
    pub(super) with_urls: u32,
    /// Missing blobs that a second witness denied too.
    pub(super) confirmed: u32,
    /// Layers that are not to be distributed and are not available.
    pub(super) external: u32,
    /// Attestations and artifacts of the index that are incomplete or missing.
    pub(super) extras_incomplete: u32,
}

/// What a child is to its index, for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildState {
    /// It has a verdict of its own.
    Judged(ImageVerdict),
    /// Denied, or not in a complete listing.
    Missing,
    /// Not listed, where that may be.
    Unlisted,
    /// Not listed, and found by a second look.
    FoundLater,
}

impl ChildState {
    /// Returns true if it is known that a pull of the child fails.
    fn is_broken(self) -> bool {
        let broken = [ImageVerdict::Incomplete, ImageVerdict::Archived];
        self == Self::Missing || broken.iter().any(|verdict| self == Self::Judged(*verdict))
    }
}

impl Tally {
    /// Returns the number of parts that are known to be missing or incomplete.
    pub(super) fn missing(&self) -> u32 {
        self.missing_layers + self.missing_config + self.missing_children + self.incomplete_children
    }

    /// Returns the number of parts without an answer.
    pub(super) fn undecided(&self) -> u32 {
        self.contradictions
            + self.undecided_blobs
            + self.undecided_children
            + self.unreadable_children
            + self.found_later
            + self.unsupported
    }

    /// Returns the verdict: unreadable before incomplete, undecided, not checked, partial and complete.
    fn verdict(&self, circumstances: Circumstances) -> (ImageVerdict, Code) {
        let rules = [
            (self.malformed, ImageVerdict::Unreadable, Code::MalformedDigest),
            (self.missing_layers, ImageVerdict::Incomplete, Code::MissingLayer),
            (self.missing_config, ImageVerdict::Incomplete, Code::MissingConfig),
            (self.missing_children, ImageVerdict::Incomplete, Code::MissingChild),
            (self.incomplete_children, ImageVerdict::Incomplete, Code::IncompleteChild),
            (self.archived, ImageVerdict::Incomplete, Code::ArchivedParts),
            (self.wrong_sizes, ImageVerdict::Incomplete, Code::SizeMismatch),
            (self.contradictions, ImageVerdict::Undecided, Code::Contradiction),
            (self.unsupported, ImageVerdict::Undecided, Code::UnsupportedAlgorithm),
            (self.undecided_blobs, ImageVerdict::Undecided, Code::UndecidedParts),
            (self.undecided_children, ImageVerdict::Undecided, Code::UndecidedChild),
            (self.unreadable_children, ImageVerdict::Undecided, Code::UnreadableChild),
            (self.found_later, ImageVerdict::Undecided, Code::ChildFoundLater),
            (self.not_checked, ImageVerdict::NotChecked, Code::None),
            (self.unlisted_children, ImageVerdict::Partial, circumstances.not_listed()),
            (self.partial_children, ImageVerdict::Partial, Code::PartialChild),
        ];
        let first = rules.iter().find(|(count, _, _)| *count > 0);
        first.map_or((ImageVerdict::Complete, Code::None), |(_, verdict, code)| (*verdict, *code))
    }
}

/// Which documents were counted already, for the image in turn.
pub(super) struct Counted {
    turn: u32,
    /// The last turn that counted a document as required, and as an extra.
    turns: Vec<[u32; 2]>,
}

impl Counted {
    pub(super) fn of(graph: &Graph) -> Result<Self, OutOfMemory> {
        Ok(Self { turn: 0, turns: memory::filled([0, 0], graph.documents.len())? })
    }

    fn next_turn(&mut self) {
        self.turn += 1;
    }

    /// Returns true at the first call for a document in this turn.
    fn is_first(&mut self, document: u32, is_extra: bool) -> bool {
        let last = &mut self.turns[document as usize][usize::from(is_extra)];
        std::mem::replace(last, self.turn) != self.turn
    }
}

impl Graph {
    /// Judges every listed image, by what is known now.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn judge(&mut self, circumstances: Circumstances) -> Result<[usize; 8], OutOfMemory> {
        self.circumstances = circumstances;
        self.find_blob_children()?;
        let depths = Depths::of(self)?;
        let mut counted = Counted::of(self)?;
        for at in &depths.order {
            let (verdict, code) = self.verdict_of(*at, depths.depth[*at as usize], &mut counted);
            let document = &mut self.documents[*at as usize];
            (document.verdict, document.code) = (Some(verdict), code);
        }
        self.set_parents(&depths.order, &mut counted);
        Ok(self.counts())
    }

    /// Returns the number of listed images for each verdict, by the verdict's code. Images that were not judged
    /// count as not checked.
    #[must_use]
    pub fn counts(&self) -> [usize; 8] {
        let mut counts = [0; 8];
        for at in &self.listed {
            let verdict = self.document(*at).verdict.unwrap_or(ImageVerdict::NotChecked);
            counts[verdict as usize] += 1;
        }
        counts
    }

    fn verdict_of(&self, at: u32, depth: u32, counted: &mut Counted) -> (ImageVerdict, Code) {
        let document = self.document(at);
        if document.is(fact::GONE) {
            return (ImageVerdict::Gone, Code::None);
        }
        if document.is(fact::ARCHIVED) {
            return (ImageVerdict::Archived, Code::None);
        }
        match document.reading {
            Reading::Unread | Reading::HandedOut => (ImageVerdict::NotChecked, Code::None),
            Reading::Unreadable => (ImageVerdict::Unreadable, Code::Noted),
            Reading::Undecided => (ImageVerdict::Undecided, Code::Noted),
            Reading::Read if depth == CYCLIC => (ImageVerdict::Unreadable, Code::CyclicIndex),
            Reading::Read if depth > MAX_DEPTH => (ImageVerdict::Unreadable, Code::NestedTooDeep),
            Reading::Read => self.tally(at, counted).verdict(self.circumstances),
        }
    }

    /// Counts the parts of one image, whose children were judged.
    pub(super) fn tally(&self, at: u32, counted: &mut Counted) -> Tally {
        let document = self.document(at);
        let mut tally = Tally::default();
        if document.reading != Reading::Read {
            return tally;
        }
        if let Some(fault) = self.faults.get(&at) {
            (tally.malformed, tally.unsupported) = (fault.malformed, fault.unsupported);
        }
        for reference in self.refs_of(document) {
            self.count_blob(*reference, &mut tally);
        }
        counted.next_turn();
        for child in self.all_children(at) {
            let is_extra = self.is_extra(child);
            if !is_extra && !child.is_wanted || !counted.is_first(child.document, is_extra) {
                continue;
            }
            let state = self.child_state(child.document);
            if !is_extra {
                tally.count_child(state);
            } else if state.is_broken() {
                tally.extras_incomplete += 1;
            }
        }
        tally
    }

    fn count_blob(&self, reference: u32, tally: &mut Tally) {
        let part = self.blobs.part(reference);
        let state = self.blobs.state(part.blob);
        if part.flags & flag::CHILD != 0 && self.listed_blob(part.blob).is_some() {
            return;
        }
        if part.flags & flag::FOREIGN != 0 {
            tally.external += u32::from(state != State::Available);
            return;
        }
        match state {
            State::Available => tally.wrong_sizes += u32::from(self.has_wrong_size(&part)),
            State::Missing => {
                let is_layer = part.flags & flag::LAYER != 0;
                *(if is_layer { &mut tally.missing_layers } else { &mut tally.missing_config }) += 1;
                tally.with_urls += u32::from(part.flags & flag::URLS != 0);
                tally.confirmed += u32::from(self.blobs.is_confirmed(part.blob));
            }
            State::Archived => tally.archived += 1,
            State::Undecided => tally.undecided_blobs += 1,
            State::Contradiction => tally.contradictions += 1,
            State::NotChecked => tally.not_checked += 1,
        }
    }

    /// Returns true for a blob that is there, with another size than its descriptor says.
    pub(super) fn has_wrong_size(&self, part: &Part) -> bool {
        let size = self.blobs.known_size(part.blob);
        let differs = part.size != NO_SIZE && size != NO_SIZE && size != part.size;
        let is_there = self.blobs.state(part.blob) == State::Available;
        is_there && part.flags & flag::FOREIGN == 0 && (differs || part.flags & flag::SIZES != 0)
    }

    /// Returns the listed image that a blob is, if it is one: an index may list a document under a media type
    /// that is not known as that of a document.
    fn listed_blob(&self, blob: u32) -> Option<u32> {
        self.find_listed(self.blobs.digest(blob))
    }

    /// Finds the blobs of indexes that are listed images.
    fn find_blob_children(&mut self) -> Result<(), OutOfMemory> {
        let mut found = HashMap::new();
        for (at, document) in (0..).zip(&self.documents).filter(|(_, each)| each.is(fact::BLOB_CHILDREN)) {
            let mut children = Vec::new();
            for part in self.refs_of(document).iter().map(|reference| self.blobs.part(*reference)) {
                if part.flags & flag::CHILD != 0
                    && let Some(document) = self.listed_blob(part.blob)
                {
                    memory::push(&mut children, Child { document, platform: 0, flags: 0, is_wanted: true })?;
                }
            }
            found.try_reserve(1).map_err(|_| OutOfMemory { bytes: size_of::<Vec<Child>>() })?;
            found.insert(at, children);
        }
        self.blob_children = found;
        Ok(())
    }

    /// Returns the documents that an index lists.
    pub(super) fn all_children(&self, at: u32) -> impl Iterator<Item = &Child> {
        let [children, more] = self.child_lists(at);
        children.iter().chain(more)
    }

    /// Returns the same as two lists: those that are documents by their media types, and the others.
    fn child_lists(&self, at: u32) -> [&[Child]; 2] {
        let document = self.document(at);
        let more = if document.is(fact::BLOB_CHILDREN) { self.blob_children.get(&at) } else { None };
        [self.children_of(document), more.map_or(&[], Vec::as_slice)]
    }

    fn child_at(&self, at: u32, place: usize) -> Option<u32> {
        let [children, more] = self.child_lists(at);
        let child = children.get(place).or_else(|| more.get(place - children.len()));
        child.map(|child| child.document)
    }

    /// Returns true for a child that a pull does not need: an attestation or an artifact.
    pub(super) fn is_extra(&self, child: &Child) -> bool {
        let document = self.document(child.document);
        child.flags & flag::ATTESTATION != 0 || document.reading == Reading::Read && is_extra(document.kind)
    }

    pub(super) fn child_state(&self, at: u32) -> ChildState {
        let document = self.document(at);
        let is_not_cached = self.circumstances.pull_through == Some(false);
        if document.is(fact::FOUND) {
            ChildState::FoundLater
        } else if document.is(fact::GONE) && document.is(fact::LISTED) {
            if is_not_cached { ChildState::Missing } else { ChildState::Unlisted }
        } else if !document.is(fact::LISTED) {
            let is_missing = is_not_cached && self.circumstances.listing_complete;
            if is_missing { ChildState::Missing } else { ChildState::Unlisted }
        } else {
            ChildState::Judged(document.verdict.unwrap_or(ImageVerdict::NotChecked))
        }
    }

    /// Counts the indexes that name each document, and passes tags on from indexes to their children.
    fn set_parents(&mut self, order: &[u32], counted: &mut Counted) {
        for document in &mut self.documents {
            (document.parents, document.tagged_by) = (0, NONE);
        }
        // Indexes come behind their children in the order, so they come first here.
        for at in order.iter().rev() {
            let document = self.document(*at);
            if !document.is_active() || document.reading != Reading::Read {
                continue;
            }
            let source = if document.tags.count > 0 { *at } else { document.tagged_by };
            counted.next_turn();
            let mut place = 0;
            while let Some(child) = self.child_at(*at, place) {
                place += 1;
                if child == *at || !counted.is_first(child, false) {
                    continue;
                }
                let child = &mut self.documents[child as usize];
                child.parents += 1;
                if child.tagged_by == NONE {
                    child.tagged_by = source;
                }
            }
        }
    }
}

impl Tally {
    fn count_child(&mut self, state: ChildState) {
        let count = match state {
            ChildState::Judged(ImageVerdict::Complete) => return,
            ChildState::Judged(ImageVerdict::Incomplete) => &mut self.incomplete_children,
            ChildState::Judged(ImageVerdict::Unreadable) => &mut self.unreadable_children,
            ChildState::Judged(ImageVerdict::Undecided) => &mut self.undecided_children,
            ChildState::Judged(ImageVerdict::Partial) => &mut self.partial_children,
            ChildState::Judged(ImageVerdict::Archived) => &mut self.archived,
            ChildState::Judged(ImageVerdict::NotChecked) => &mut self.not_checked,
            // A document that is gone is one of the two states below.
            ChildState::Missing | ChildState::Judged(ImageVerdict::Gone) => &mut self.missing_children,
            ChildState::Unlisted => &mut self.unlisted_children,
            ChildState::FoundLater => &mut self.found_later,
        };
        *count += 1;
    }
}

/// The depth of a document that reaches a cycle.
const CYCLIC: u32 = u32::MAX;

/// How deep each document nests, and the documents in an order in which children come before their indexes.
struct Depths {
    depth: Vec<u32>,
    order: Vec<u32>,
}

impl Depths {
    /// Walks over all documents without recursion, because hostile indexes nest as deep as they like.
    fn of(graph: &Graph) -> Result<Self, OutOfMemory> {
        const NEW: u32 = u32::MAX - 1;
        const OPEN: u32 = u32::MAX - 2;
        let count = graph.documents.len();
        let mut depths = Self { depth: memory::filled(NEW, count)?, order: memory::with_room(count)? };
        // Each open document: its number, its next child, and the depth so far.
        let mut open: Vec<(u32, usize, u32)> = Vec::new();
        for root in 0..count as u32 {
            if depths.depth[root as usize] != NEW {
                continue;
            }
            memory::push(&mut open, (root, 0, 0))?;
            depths.depth[root as usize] = OPEN;
            while let Some((at, next, deepest)) = open.last_mut() {
                let child = child_of(graph, *at, *next);
                *next += 1;
                let Some(child) = child else {
                    let (at, depth) = (*at, *deepest);
                    open.pop();
                    depths.depth[at as usize] = depth;
                    depths.order.push(at);
                    if let Some((_, _, deepest)) = open.last_mut() {
                        *deepest = (*deepest).max(depth.saturating_add(1));
                    }
                    continue;
                };
                match depths.depth[child as usize] {
                    NEW => {
                        depths.depth[child as usize] = OPEN;
                        memory::push(&mut open, (child, 0, 0))?;
                    }
                    OPEN => *deepest = CYCLIC,
                    known => *deepest = (*deepest).max(known.saturating_add(1)),
                }
            }
        }
        Ok(depths)
    }
}

/// Returns child number `place` of a document that was read and is not gone.
fn child_of(graph: &Graph, at: u32, place: usize) -> Option<u32> {
    let document = graph.document(at);
    if document.reading == Reading::Read && document.is_active() { graph.child_at(at, place) } else { None }
}
