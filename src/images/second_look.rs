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

impl Graph {
    /// Returns the incomplete images, and the missing blobs that they need.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn suspects(&self) -> Result<(Vec<Digest>, Vec<Digest>), OutOfMemory> {
        let mut images = Vec::new();
        let mut blobs = Vec::new();
        let mut is_taken = memory::filled(false, self.blobs.len())?;
        for at in self.incomplete() {
            memory::push(&mut images, *self.digest(at))?;
            for reference in self.refs_of(self.document(at)) {
                let part = self.blobs.part(*reference);
                if part.flags & flag::FOREIGN == 0
                    && self.blobs.state(part.blob) == State::Missing
                    && !std::mem::replace(&mut is_taken[part.blob as usize], true)
                {
                    memory::push(&mut blobs, *self.blobs.digest(part.blob))?;
                }
            }
        }
        Ok((images, blobs))
    }

    /// Returns the children that are not listed and count as missing.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn missing_children(&self) -> Result<Vec<Digest>, OutOfMemory> {
        let mut missing = Vec::new();
        let mut is_taken = memory::filled(false, self.documents.len())?;
        for at in self.incomplete() {
            for child in self.all_children(at).filter(|child| child.is_wanted) {
                let document = self.document(child.document);
                if !document.is(fact::LISTED)
                    && !self.is_extra(*child)
                    && self.child_state(child.document) == ChildState::Missing
                    && !std::mem::replace(&mut is_taken[child.document as usize], true)
                {
                    memory::push(&mut missing, *self.digest(child.document))?;
                }
            }
        }
        Ok(missing)
    }

    fn incomplete(&self) -> impl Iterator<Item = u32> {
        let is = |at: &u32| self.document(*at).verdict == Some(ImageVerdict::Incomplete);
        self.listed.iter().copied().filter(is)
    }

    /// Takes what a second look at blobs brought. Only blobs that the first check denied change: each is
    /// missing if it is denied again, and undecided without an answer. The later size counts.
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

    /// Says that a second look did not find this image, or this child that is not listed.
    pub fn gone(&mut self, digest: &Digest) {
        if let Some(at) = self.index.find(digest) {
            let document = &mut self.documents[at as usize];
            document.facts = (document.facts & !fact::FOUND) | fact::GONE;
        }
    }

    /// Says that a second look found this child, which is not listed. A listed image is not gone then.
    pub fn found(&mut self, digest: &Digest) {
        if let Some(at) = self.index.find(digest) {
            let document = &mut self.documents[at as usize];
            document.facts &= !fact::GONE;
            if !document.is(fact::LISTED) {
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
                    Some(_) => false,
                };
                if is_open {
                    has_changed = true;
                    let document = &mut self.documents[at as usize];
                    (document.verdict, document.code) = (Some(ImageVerdict::NotChecked), Code::None);
                }
            }
        }
        self.blobs.end_early();
    }

    /// Returns true unless a part of the image counts as missing by one answer only.
    fn is_denied_twice(&self, at: u32) -> bool {
        let document = self.document(at);
        let parts = self.refs_of(document).iter().map(|reference| self.blobs.part(*reference));
        let mut missing = parts
            .filter(|part| part.flags & flag::FOREIGN == 0 && self.blobs.state(part.blob) == State::Missing);
        let mut children = self.all_children(at).filter(|child| child.is_wanted && !self.is_extra(**child));
        missing.all(|part| self.blobs.is_denied_twice(part.blob))
            && children.all(|child| {
                let document = self.document(child.document);
                match self.child_state(child.document) {
                    ChildState::Missing => document.is(fact::GONE),
                    // The child came before, so it is not checked now if it was denied only once.
                    ChildState::Judged(ImageVerdict::NotChecked) => false,
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
