//! Images that a rule makes: their manifests follow from their numbers, so nothing is stored.
//!
//! A digest can be had only by hashing the manifest. The digests that were computed are kept, 40 bytes for
//! each image, so that a listing hashes each manifest once and a digest is found again.

mod blobs;
mod digests;
mod manifest;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::life::{ImageStatus, Life};
use super::{Part, Parts};
use crate::local_ecr::error::Error;
use crate::local_ecr::random::{Random, mix};
use crate::local_ecr::service::key::Key;
use crate::local_ecr::service::store::Found;
use blobs::{Blob, BlobDigests};
use digests::Digests;

/// How made-up images look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageRule {
    /// Images in the listing, indexes included.
    pub images: u32,
    /// Layers of each image.
    pub layers: u16,
    /// The part of an image's layers that 100 images share, 0 to 1.
    pub shared: f64,
    /// Images with a part that the repository does not hold.
    pub broken: u32,
    /// Images that are indexes of two platforms.
    pub indexes: u32,
    /// Seed of digests, sizes and of the choice of broken images.
    pub seed: u64,
}

impl Default for ImageRule {
    fn default() -> Self {
        Self { images: 1000, layers: 10, shared: 0.5, broken: 0, indexes: 0, seed: 0 }
    }
}

/// Images that share their first layers.
const IMAGES_OF_A_BASE: u32 = 100;
/// The first push, in seconds since 1970; each image is a second younger.
const FIRST_PUSH: f64 = 1_700_000_000.0;
/// More would not fit the numbers of blobs, and no repository has them.
const MAX_IMAGES: u32 = 100_000_000;
const MAX_LAYERS: u16 = 10_000;

impl ImageRule {
    /// Returns what is wrong with the rule.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::invalid(text));
        if self.images == 0 || self.images > MAX_IMAGES {
            return refuse(format!("images must be 1 to {MAX_IMAGES}, not {}", self.images));
        }
        if self.layers == 0 || self.layers > MAX_LAYERS {
            return refuse(format!("layers must be 1 to {MAX_LAYERS}, not {}", self.layers));
        }
        if !(0.0..=1.0).contains(&self.shared) {
            return refuse(format!("shared must be 0 to 1, not {}", self.shared));
        }
        if self.indexes > self.images / 3 {
            return refuse(format!(
                "indexes must be at most a third of the images, since each has two platforms; \
                 {} of {} is more",
                self.indexes, self.images
            ));
        }
        if self.broken > self.manifests() {
            return refuse(format!(
                "broken must be at most the {} images that are not indexes, not {}",
                self.manifests(),
                self.broken
            ));
        }
        Ok(())
    }

    /// Images that are not indexes. They have the first numbers.
    fn manifests(&self) -> u32 {
        self.images - self.indexes
    }

    fn shared_layers(&self) -> u16 {
        (f64::from(self.layers) * self.shared).round() as u16
    }

    fn own_layers(&self) -> u16 {
        self.layers - self.shared_layers()
    }
}

/// The made-up images of one repository.
#[derive(Debug)]
pub(crate) struct MadeImages {
    rule: ImageRule,
    blob_digests: BlobDigests,
    /// The missing part of each broken image: 0 for the config, else an own layer, from 1.
    broken: HashMap<u32, u16>,
    removed: HashSet<u32>,
    lives: HashMap<u32, Life>,
    /// The pull time of each number up to the largest that was pulled; 0 for none.
    pulled_at: Vec<f64>,
    digests: RefCell<Digests>,
}

impl MadeImages {
    pub(crate) fn new(rule: ImageRule) -> Self {
        let mut random = Random::of(&[rule.seed, 0x62_726f_6b65_6e00]);
        let mut broken = HashMap::new();
        while broken.len() < rule.broken as usize {
            let number = random.below(rule.manifests() as usize) as u32;
            let part = random.below(usize::from(rule.own_layers()) + 1) as u16;
            broken.entry(number).or_insert(part);
        }
        Self {
            rule,
            blob_digests: BlobDigests::new(rule.seed),
            broken,
            removed: HashSet::new(),
            lives: HashMap::new(),
            pulled_at: Vec::new(),
            digests: RefCell::default(),
        }
    }

    /// The numbers from `first` on of images that are listed.
    pub(crate) fn numbers(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        (first..self.rule.images).filter(|number| !self.removed.contains(number))
    }

    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let known = self.digests.borrow().find(key);
        let number = known.or_else(|| {
            let first = self.digests.borrow().len();
            // A digest that no image has costs the hashes of all images, once.
            (first..self.rule.images).find(|&number| self.digest(number) == *key)
        })?;
        (!self.removed.contains(&number)).then_some(number)
    }

    pub(crate) fn digest(&self, number: u32) -> Key {
        // Not while the digests are borrowed, because the hash of an index needs those of its children.
        if let Some(known) = self.digests.borrow().get(number) {
            return known;
        }
        let key = Sha256::digest(self.manifest(number)).into();
        self.digests.borrow_mut().add(number, key);
        key
    }

    /// The tag `v` and the number; the platforms of an index have none.
    pub(crate) fn tag(&self, number: u32) -> Option<String> {
        (number >= 2 * self.rule.indexes).then(|| format!("v{number}"))
    }

    pub(crate) fn tagged(&self, tag: &str) -> Option<u32> {
        let number: u32 = tag.strip_prefix('v')?.parse().ok()?;
        let listed = number < self.rule.images && !self.removed.contains(&number);
        (listed && self.tag(number).as_deref() == Some(tag)).then_some(number)
    }

    /// The platforms of an index; `None` if the image is not an index.
    fn platforms(&self, number: u32) -> Option<[u32; 2]> {
        let index = number.checked_sub(self.rule.manifests())?;
        Some([2 * index, 2 * index + 1])
    }

    pub(crate) fn media_type(&self, number: u32) -> &'static str {
        if self.platforms(number).is_some() { manifest::INDEX } else { manifest::MANIFEST }
    }

    pub(crate) fn artifact_type(&self, number: u32) -> Option<&'static str> {
        self.platforms(number).is_none().then_some(manifest::CONFIG)
    }

    pub(crate) fn manifest(&self, number: u32) -> String {
        match self.platforms(number) {
            Some(platforms) => manifest::index(
                platforms.map(|child| (self.digest(child), self.manifest(child).len() as u64)),
            ),
            None => manifest::image(self.blobs(number).map(|blob| self.blob_digests.of(blob))),
        }
    }

    /// Config and layers of an image that is not an index.
    fn blobs(&self, number: u32) -> impl Iterator<Item = Blob> {
        let base = number / IMAGES_OF_A_BASE;
        let shared = (0..self.rule.shared_layers()).map(move |index| Blob::Shared { base, index });
        let own = (1..=self.rule.own_layers()).map(move |index| Blob::Own { image: number, index });
        std::iter::once(Blob::Own { image: number, index: 0 }).chain(shared).chain(own)
    }

    pub(crate) fn parts(&self, number: u32) -> Parts {
        let part = |key| Part { key, required: true };
        if let Some(platforms) = self.platforms(number) {
            let children = platforms.map(|child| part(self.digest(child))).to_vec();
            Parts { children, blobs: Vec::new() }
        } else {
            let blobs = self.blobs(number).map(|blob| part(self.blob_digests.of(blob))).collect();
            Parts { blobs, children: Vec::new() }
        }
    }

    pub(crate) fn size(&self, number: u32) -> u64 {
        let size =
            |number| self.blobs(number).map(|blob| manifest::blob_size(&self.blob_digests.of(blob))).sum();
        match self.platforms(number) {
            Some(platforms) => platforms.into_iter().map(size).max().unwrap_or_default(),
            None => size(number),
        }
    }

    /// What the repository holds for a digest by this rule.
    pub(crate) fn blob(&self, key: &Key) -> Option<Found<'static>> {
        let blob = self.blob_digests.blob(key)?;
        let held = match blob {
            Blob::Own { image, index } => {
                image < self.rule.manifests()
                    && index <= self.rule.own_layers()
                    && self.broken.get(&image) != Some(&index)
            }
            Blob::Shared { base, index } => {
                base <= (self.rule.manifests() - 1) / IMAGES_OF_A_BASE && index < self.rule.shared_layers()
            }
        };
        held.then(|| manifest::found(key, matches!(blob, Blob::Own { index: 0, .. })))
    }

    /// A listed image that names the digest as a blob or a child, if any.
    pub(crate) fn user_of(&self, key: &Key) -> Option<Key> {
        let number = if let Some(blob) = self.blob_digests.blob(key) {
            self.users(blob).next()?
        } else {
            let index = self.rule.manifests() + self.find(key)? / 2;
            self.numbers(index).next().filter(|&number| number == index)?
        };
        Some(self.digest(number))
    }

    /// Whether an active image names the digest as a blob.
    pub(crate) fn has_active_user(&self, key: &Key) -> bool {
        let is_active = |number| self.life(number).status == ImageStatus::Active;
        self.blob_digests.blob(key).is_some_and(|blob| self.users(blob).any(is_active))
    }

    /// The listed images that name a blob.
    fn users(&self, blob: Blob) -> impl Iterator<Item = u32> + '_ {
        let users = match blob {
            Blob::Own { image, index } if index <= self.rule.own_layers() => image..image.saturating_add(1),
            Blob::Shared { base, index } if index < self.rule.shared_layers() => {
                let first = base.saturating_mul(IMAGES_OF_A_BASE);
                first..first.saturating_add(IMAGES_OF_A_BASE)
            }
            _ => 0..0,
        };
        users.filter(|number| *number < self.rule.manifests() && !self.removed.contains(number))
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.removed.insert(number);
    }

    pub(crate) fn life(&self, number: u32) -> Life {
        let mut life = self.lives.get(&number).copied().unwrap_or_else(|| Self::first_life(number));
        life.pulled_at = self.pulled_at.get(number as usize).copied().filter(|&at| at > 0.0);
        life
    }

    fn first_life(number: u32) -> Life {
        Life::pushed(FIRST_PUSH + f64::from(number))
    }

    pub(crate) fn change_life(&mut self, number: u32, change: impl FnOnce(&mut Life)) {
        change(self.lives.entry(number).or_insert_with(|| Self::first_life(number)));
    }

    pub(crate) fn pulled(&mut self, number: u32, now: f64) {
        let index = number as usize;
        if self.pulled_at.len() <= index {
            self.pulled_at.resize(index + 1, 0.0);
        }
        self.pulled_at[index] = now;
    }
}

/// A word that depends on every bit of both.
fn blend(one: u64, other: u64) -> u64 {
    mix(mix(one).wrapping_add(other))
}
