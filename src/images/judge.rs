//! Gives each listed image its verdict.
//!
//! `tests/python/images/reference_judge.py` has the same rules in slow and readable Python.

use std::borrow::Cow;
use std::collections::HashMap;

use super::MAX_DEPTH;
use super::blobs::{Part, State};
use super::depths::{CYCLIC, Depths};
use super::graph::{Child, Graph, NONE, Reading, fact};
use super::parts::{NO_SIZE, flag};
use super::reading::is_extra;
use super::tally::{ChildState, Tally};
use super::verdict::{Code, ImageVerdict};
use crate::manifest::{Kind, MediaType};
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
        self.blobs.end_early(false);
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
        let mut are_doubtful = false;
        for child in self.all_children(at) {
            let is_extra = self.is_extra(*child);
            if self.is_doubtful(*child) {
                are_doubtful = true;
                continue;
            }
            if !is_extra && !child.is_wanted || !counted.is_first(child.document, is_extra) {
                continue;
            }
            if !is_extra {
                tally.count_child(self.child_state(child.document));
            } else if self.shown_state(*child).is_broken() {
                tally.extras_incomplete += 1;
            }
        }
        // Last, because the index may list such a child once more, as one that a pull needs for sure.
        for child in self.all_children(at).filter(|child| are_doubtful && self.is_doubtful(**child)) {
            if child.is_wanted && counted.is_first(child.document, false) {
                tally.count_doubtful(self.child_state(child.document));
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
        let differs = part.size != NO_SIZE && self.blobs.has_other_size(part.blob, part.size);
        let is_there = self.blobs.state(part.blob) == State::Available;
        is_there && part.flags & flag::FOREIGN == 0 && (differs || part.flags & flag::SIZES != 0)
    }

    /// Returns the listed image that a blob is, if it is one: an index may list a document under a media type
    /// that is not known as that of a document.
    pub(super) fn listed_blob(&self, blob: u32) -> Option<u32> {
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

    pub(super) fn child_at(&self, at: u32, place: usize) -> Option<u32> {
        let [children, more] = self.child_lists(at);
        let child = children.get(place).or_else(|| more.get(place - children.len()));
        child.map(|child| child.document)
    }

    /// Returns true for a child that a pull does not need: an attestation or an artifact. What a document itself
    /// says of being an image counts more than the `artifactType` that an index gives it.
    pub(super) fn is_extra(&self, child: Child) -> bool {
        let document = self.document(child.document);
        if child.flags & flag::ATTESTATION != 0 {
            return true;
        }
        if document.reading == Reading::Read {
            let is_image = matches!(document.kind, Kind::Image | Kind::Schema1);
            return is_extra(document.kind) || child.flags & flag::ARTIFACT != 0 && !is_image;
        }
        // Without its manifest, only the index says that a listed image is an artifact, unless the listing does.
        let listed_as = MediaType::of(Cow::Borrowed(self.word_of(document.artifact_type)));
        child.flags & flag::ARTIFACT != 0 && !(document.is(fact::LISTED) && listed_as.is_image_config())
    }

    /// Returns true if nobody can tell whether a pull needs a child: its index calls it an artifact, its listing gives
    /// it the type of images, which attestations have too, and its manifest was not read.
    pub(super) fn is_doubtful(&self, child: Child) -> bool {
        let is_read = self.document(child.document).reading == Reading::Read;
        child.flags & flag::ARTIFACT != 0 && !is_read && !self.is_extra(child)
    }

    /// Returns the state of a child for what no verdict of an index needs. Nobody asks for children of other
    /// platforms, so that not to be listed says nothing of them.
    pub(super) fn shown_state(&self, child: Child) -> ChildState {
        let state = self.child_state(child.document);
        let is_needed = child.is_wanted && !self.is_extra(child);
        let is_denied = self.document(child.document).is(fact::GONE);
        if state == ChildState::Missing && !is_needed && !is_denied { ChildState::NotAsked } else { state }
    }

    pub(super) fn child_state(&self, at: u32) -> ChildState {
        let document = self.document(at);
        let is_not_cached = self.circumstances.pull_through == Some(false);
        if document.is(fact::FOUND) {
            ChildState::FoundLater
        } else if document.is(fact::GONE) && document.is(fact::LISTED) {
            if is_not_cached { ChildState::Missing } else { ChildState::Unlisted }
        } else if !document.is(fact::LISTED) {
            let is_denied = document.facts & (fact::GONE | fact::DENIED_ONCE) == fact::GONE;
            let is_missing = is_not_cached && (self.circumstances.listing_complete || is_denied);
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
