//! Which images are incomplete, without any fault: what an audit should find.

use super::life::ImageStatus;
use super::{Images, Place};
use crate::local_ecr::service::key::Key;
use crate::local_ecr::service::store::{Availability, Repository};

/// Indexes nest once or twice; a cycle is impossible, because a digest cannot contain itself.
const MAX_DEPTH: u32 = 8;

/// Active images that need a blob which the repository does not hold as available, or a child that is not
/// there, not active or incomplete itself; sorted. In a pull-through cache a child may be absent.
pub(crate) fn incomplete(repository: &Repository, pull_through: bool) -> Vec<Key> {
    let images = &repository.images;
    let judge = Judge { repository, images, pull_through };
    let mut keys: Vec<Key> = images
        .from(None)
        .filter(|&place| images.life(place).status == ImageStatus::Active && !judge.is_complete(place, 0))
        .map(|place| images.digest(place))
        .collect();
    keys.sort_unstable();
    keys
}

struct Judge<'a> {
    repository: &'a Repository,
    images: &'a Images,
    pull_through: bool,
}

impl Judge<'_> {
    fn is_complete(&self, place: Place, depth: u32) -> bool {
        let parts = self.images.parts(place);
        let held = |key: &Key| {
            self.repository.find(key).is_some_and(|found| found.availability == Availability::Available)
        };
        depth <= MAX_DEPTH
            && parts.blobs.iter().all(|blob| !blob.required || held(&blob.key))
            && parts.children.iter().all(|child| !child.required || self.has_child(&child.key, depth))
    }

    fn has_child(&self, key: &Key, depth: u32) -> bool {
        match self.images.find(key) {
            None => self.pull_through,
            Some(place) => {
                self.images.life(place).status == ImageStatus::Active && self.is_complete(place, depth + 1)
            }
        }
    }
}
