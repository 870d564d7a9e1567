//! What a second look asks, and what it brings: no part counts as missing that only one answer denied.

use super::blobs::State;
use super::graph::{Graph, NO_TIME, Reading, fact};
use super::parts::flag;
use super::tally::ChildState;
use super::verdict::{Code, ImageVerdict};
use crate::digest::Digest;
use crate::ledger::columns::Columns;
use crate::memory::{self, OutOfMemory};
use crate::plan::Plan;

/// What a second look asks, so that no image is incomplete by one answer only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// Incomplete images.
    pub images: Vec<Digest>,
    /// Blobs that they need and that are missing.
    pub missing: Vec<Digest>,
    /// Blobs that they need and that are archived, or have another size than the manifest says.
    pub others: Vec<Digest>,
    /// Children of indexes that are not listed and count as missing.
    pub children: Vec<Digest>,
    /// Listed images that are gone by one answer.
    pub denied: Vec<Digest>,
    /// Children that incomplete indexes need, and that the listing calls archived.
    pub archived: Vec<Digest>,
}

impl Graph {
    /// Returns what a second look asks.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn suspects(&self) -> Result<Suspects, OutOfMemory> {
        let mut suspects = Suspects::default();
        let mut is_taken = memory::filled(false, self.blobs.len())?;
        for at in self.incomplete() {
            memory::push(&mut suspects.images, *self.digest(at))?;
            for reference in self.refs_of(self.document(at)) {
                let part = self.blobs.part(*reference);
                let list = match self.blobs.state(part.blob) {
                    _ if part.flags & flag::FOREIGN != 0 => continue,
                    State::Missing => &mut suspects.missing,
                    State::Archived => &mut suspects.others,
                    _ if self.has_wrong_size(&part) => &mut suspects.others,
                    _ => continue,
                };
                if !std::mem::replace(&mut is_taken[part.blob as usize], true) {
                    memory::push(list, *self.blobs.digest(part.blob))?;
                }
            }
        }
        self.suspect_documents(&mut suspects)?;
        Ok(suspects)
    }

    /// Adds images and children that may not be there. Attestations are among them, because a column counts
    /// those that are not.
    fn suspect_documents(&self, suspects: &mut Suspects) -> Result<(), OutOfMemory> {
        let mut is_taken = memory::filled(false, self.documents.len())?;
        let mut take = |list: &mut Vec<Digest>, at: u32| {
            if std::mem::replace(&mut is_taken[at as usize], true) {
                return Ok(());
            }
            memory::push(list, *self.digest(at))
        };
        for at in self.listed.iter().copied() {
            let index = self.document(at);
            if index.is(fact::DENIED_ONCE) {
                take(&mut suspects.denied, at)?;
            }
            if !index.is_active() || index.reading != Reading::Read {
                continue;
            }
            let is_incomplete = index.verdict == Some(ImageVerdict::Incomplete);
            for child in self.all_children(at) {
                let (is_extra, document) = (self.is_extra(*child), self.document(child.document));
                if !(is_extra || child.is_wanted && is_incomplete) {
                    continue;
                }
                if !document.is(fact::LISTED) && self.child_state(child.document) == ChildState::Missing {
                    take(&mut suspects.children, child.document)?;
                } else if !is_extra && document.is(fact::ARCHIVED) {
                    take(&mut suspects.archived, child.document)?;
                }
            }
        }
        Ok(())
    }

    fn incomplete(&self) -> impl Iterator<Item = u32> {
        let is = |at: &u32| self.document(*at).verdict == Some(ImageVerdict::Incomplete);
        self.listed.iter().copied().filter(is)
    }

    /// Takes what a second look at blobs brought. Only blobs that the first check answered for change: each is
    /// missing if it is denied again, and undecided if the answers differ or the second did not come. The later
    /// size counts.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn look_again(&mut self, plan: &Plan, columns: &Columns) -> Result<(), OutOfMemory> {
        let brought = columns.verdicts().iter().zip(columns.sizes());
        for (digest, (verdict, size)) in plan.digests().iter().zip(brought) {
            if let Some(blob) = self.blobs.find(digest) {
                self.blobs.look_again(blob, *verdict, *size)?;
            }
        }
        Ok(())
    }

    /// Says that an answer denied this image, or this child that is not listed, for the first time.
    pub fn deny(&mut self, digest: &Digest) {
        self.gone_by(digest, fact::GONE | fact::DENIED_ONCE);
    }

    /// Says that a second look did not find this image, or this child that is not listed.
    pub fn gone(&mut self, digest: &Digest) {
        self.gone_by(digest, fact::GONE);
    }

    fn gone_by(&mut self, digest: &Digest, facts: u8) {
        if let Some(at) = self.index.find(digest) {
            let document = &mut self.documents[at as usize];
            document.facts = (document.facts & !(fact::FOUND | fact::DENIED_ONCE)) | facts;
        }
    }

    /// Says that a second look called this image archived, as the listing did.
    pub fn confirm_archived(&mut self, digest: &Digest) {
        if let Some(at) = self.index.find(digest) {
            self.documents[at as usize].facts |= fact::ARCHIVED_TWICE;
        }
    }

    /// Says that a second look found this child, which is not listed, or archived in the listing. A listed image
    /// is not gone then.
    pub fn found(&mut self, digest: &Digest) {
        if let Some(at) = self.index.find(digest) {
            let document = &mut self.documents[at as usize];
            document.facts &= !(fact::GONE | fact::DENIED_ONCE);
            if !document.is(fact::LISTED) || document.is(fact::ARCHIVED) {
                document.facts |= fact::FOUND;
            }
        }
    }

    /// Takes the word of a second witness about a missing blob: whether it denied the blob too.
    pub fn confirm(&mut self, digest: &Digest, is_denied: bool) {
        if let Some(blob) = self.blobs.find(digest) {
            self.blobs.confirm(blob, is_denied);
        }
    }

    /// Says that the run ends here. Images that were not judged are not checked, and so are images of which a
    /// missing part was denied only once, because no second look came to it. Such a part is undecided.
    pub fn end_early(&mut self) {
        // An index follows its children, which may stand anywhere in the listing, so there are a few rounds.
        let mut has_changed = true;
        while has_changed {
            has_changed = false;
            for place in 0..self.listed.len() {
                let at = self.listed[place];
                let is_open = match self.document(at).verdict {
                    None => true,
                    Some(ImageVerdict::Incomplete) => !self.is_denied_twice(at),
                    Some(ImageVerdict::Gone) => self.document(at).is(fact::DENIED_ONCE),
                    Some(_) => false,
                };
                if is_open {
                    has_changed = true;
                    let document = &mut self.documents[at as usize];
                    (document.verdict, document.code) = (Some(ImageVerdict::NotChecked), Code::None);
                }
            }
        }
        self.blobs.end_early(true);
    }

    /// Returns true unless a part of the image counts as missing by one answer only.
    fn is_denied_twice(&self, at: u32) -> bool {
        let document = self.document(at);
        let parts = self.refs_of(document).iter().map(|reference| self.blobs.part(*reference));
        let mut lacking = parts.filter(|part| {
            let state = self.blobs.state(part.blob);
            let is_lacking = matches!(state, State::Missing | State::Archived) || self.has_wrong_size(part);
            part.flags & flag::FOREIGN == 0 && is_lacking
        });
        let mut children = self.all_children(at).filter(|child| child.is_wanted && !self.is_extra(**child));
        lacking.all(|part| self.blobs.is_denied_twice(part.blob))
            && children.all(|child| {
                let document = self.document(child.document);
                match self.child_state(child.document) {
                    ChildState::Missing => document.facts & (fact::GONE | fact::DENIED_ONCE) == fact::GONE,
                    // The child came before, so it is not checked now if it was denied only once.
                    ChildState::Judged(ImageVerdict::NotChecked) => false,
                    ChildState::Judged(ImageVerdict::Archived) => document.is(fact::ARCHIVED_TWICE),
                    _ => true,
                }
            })
    }

    /// Returns how many blobs the active images need that were pulled since this time, in milliseconds since
    /// 1970, and how many of these blobs are missing. If most are, the question was wrong, and not the images.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn recently_pulled(&self, since_ms: i64) -> Result<(usize, usize), OutOfMemory> {
        let mut is_taken = memory::filled(false, self.blobs.len())?;
        let (mut all, mut missing) = (0, 0);
        for document in self.listed.iter().map(|at| self.document(*at)) {
            let is_recent = document.pulled_ms != NO_TIME && document.pulled_ms >= since_ms;
            if !is_recent || !document.is_active() || document.reading != Reading::Read {
                continue;
            }
            for part in self.refs_of(document).iter().map(|reference| self.blobs.part(*reference)) {
                if part.flags & flag::FOREIGN == 0
                    && !std::mem::replace(&mut is_taken[part.blob as usize], true)
                {
                    all += 1;
                    missing += usize::from(self.blobs.state(part.blob) == State::Missing);
                }
            }
        }
        Ok((all, missing))
    }
}
