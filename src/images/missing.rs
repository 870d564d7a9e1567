//! Which images have a verdict, and what they lack.

use std::collections::HashSet;

use super::blobs::State;
use super::graph::{Child, Graph, fact};
use super::parts::flag;
use super::verdict::ImageVerdict;
use crate::digest::Digest;
use crate::memory::{self, OutOfMemory};

impl Graph {
    /// Returns the places among the listed images of at most `limit` images with a verdict, from place `start`.
    #[must_use]
    pub fn places_with(&self, verdict: ImageVerdict, start: usize, limit: usize) -> Vec<usize> {
        let places = start.min(self.listed.len())..self.listed.len();
        let has = |place: &usize| self.document(self.listed[*place]).verdict == Some(verdict);
        places.filter(has).take(limit).collect()
    }

    /// Returns the digests of the parts that a listed image needs and that a pull cannot have: blobs that are
    /// missing or archived, and children that are missing, incomplete or archived.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn lacking(&self, place: usize) -> Result<Vec<Digest>, OutOfMemory> {
        let mut lacking = Vec::new();
        let Some(&at) = self.listed.get(place) else { return Ok(lacking) };
        for part in self.refs_of(self.document(at)).iter().map(|reference| self.blobs.part(*reference)) {
            let digest = self.blobs.digest(part.blob);
            let is_image = part.flags & flag::CHILD != 0 && self.find_listed(digest).is_some();
            let is_lacking = matches!(self.blobs.state(part.blob), State::Missing | State::Archived);
            if part.flags & flag::FOREIGN == 0 && is_lacking && !is_image {
                memory::push(&mut lacking, *digest)?;
            }
        }
        let mut taken = HashSet::new();
        for child in self.all_children(at).filter(|child| child.is_wanted) {
            let is_needed = !self.is_extra(*child) && !self.is_doubtful(*child);
            if is_needed && self.child_state(child.document).is_broken() {
                // An index may list a child again, with another platform or as something else.
                taken.try_reserve(1).map_err(|_| OutOfMemory { bytes: size_of::<u32>() })?;
                if taken.insert(child.document) {
                    memory::push(&mut lacking, *self.digest(child.document))?;
                }
            }
        }
        Ok(lacking)
    }

    /// Returns the children of the images that were read which are not listed, and of which no second look told
    /// anything: what is to be looked up if only some images were listed. What an index lists under an unknown
    /// media type is among them, because it may be an image, and so are attestations. Children of other platforms
    /// than those that are asked about are not.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn unlisted_children(&self) -> Result<Vec<Digest>, OutOfMemory> {
        let mut is_taken = memory::filled(false, self.documents.len())?;
        let mut unlisted = Vec::new();
        let mut blobs = HashSet::new();
        for at in &self.listed {
            let index = self.document(*at);
            let parts = self.refs_of(index).iter().map(|reference| self.blobs.part(*reference));
            for part in parts.filter(|part| index.is(fact::BLOB_CHILDREN) && part.flags & flag::CHILD != 0) {
                blobs.try_reserve(1).map_err(|_| OutOfMemory { bytes: size_of::<u32>() })?;
                if self.listed_blob(part.blob).is_none() && blobs.insert(part.blob) {
                    memory::push(&mut unlisted, *self.blobs.digest(part.blob))?;
                }
            }
            let asked = |child: &&Child| child.is_wanted || self.is_extra(**child);
            for child in self.children_of(index).iter().filter(asked) {
                let document = self.document(child.document);
                if document.facts & (fact::LISTED | fact::GONE) == 0
                    && !std::mem::replace(&mut is_taken[child.document as usize], true)
                {
                    memory::push(&mut unlisted, *self.digest(child.document))?;
                }
            }
        }
        Ok(unlisted)
    }
}
