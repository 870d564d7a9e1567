//! The images of one repository: those that were put, and those that a rule makes.

pub(crate) mod life;
pub(crate) mod made;
pub(crate) mod stored;
pub(crate) mod truth;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::service::key::Key;
use super::service::store::Found;
use life::{ImageStatus, Life};
use made::MadeImages;
use stored::StoredImage;

/// Where an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Stored(Key),
    Made(u32),
}

/// The images of one repository.
#[derive(Debug, Default)]
pub(crate) struct Images {
    stored: BTreeMap<Key, StoredImage>,
    /// The image of each tag. The tags of made-up images follow from their numbers.
    tags: HashMap<String, Key>,
    made: Option<MadeImages>,
}

/// What an image needs, as its manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) blobs: Vec<Part>,
    pub(crate) children: Vec<Part>,
}

/// A blob or a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) key: Key,
    /// Whether a pull needs it: not layers that are not distributed, and not attestations.
    pub(crate) required: bool,
}

impl Images {
    /// Looks up a digest.
    pub(crate) fn find(&self, key: &Key) -> Option<Place> {
        if self.stored.contains_key(key) {
            return Some(Place::Stored(*key));
        }
        self.made.as_ref()?.find(key).map(Place::Made)
    }

    /// Looks up a tag.
    pub(crate) fn tagged(&self, tag: &str) -> Option<Place> {
        if let Some(&key) = self.tags.get(tag) {
            return Some(Place::Stored(key));
        }
        self.made.as_ref()?.tagged(tag).map(Place::Made)
    }

    pub(crate) fn digest(&self, place: Place) -> Key {
        match place {
            Place::Stored(key) => key,
            Place::Made(number) => self.made().digest(number),
        }
    }

    pub(crate) fn tags(&self, place: Place) -> Cow<'_, [String]> {
        match place {
            Place::Stored(key) => Cow::Borrowed(&self.stored[&key].tags),
            Place::Made(number) => {
                let tag = self.made().tag(number).filter(|tag| !self.tags.contains_key(tag));
                Cow::Owned(tag.into_iter().collect())
            }
        }
    }

    pub(crate) fn manifest(&self, place: Place) -> Cow<'_, str> {
        match place {
            Place::Stored(key) => Cow::Borrowed(&self.stored[&key].manifest),
            Place::Made(number) => Cow::Owned(self.made().manifest(number)),
        }
    }

    pub(crate) fn media_type(&self, place: Place) -> &str {
        match place {
            Place::Stored(key) => &self.stored[&key].media_type,
            Place::Made(number) => self.made().media_type(number),
        }
    }

    pub(crate) fn artifact_type(&self, place: Place) -> Option<&str> {
        match place {
            Place::Stored(key) => self.stored[&key].artifact_type.as_deref(),
            Place::Made(number) => self.made().artifact_type(number),
        }
    }

    pub(crate) fn subject(&self, place: Place) -> Option<&str> {
        match place {
            Place::Stored(key) => self.stored[&key].subject.as_deref(),
            Place::Made(_) => None,
        }
    }

    /// Bytes of the image; of an index, those of its largest child.
    pub(crate) fn size(&self, place: Place) -> u64 {
        match place {
            Place::Stored(key) => {
                let image = &self.stored[&key];
                let children = image.parts.children.iter().filter_map(|child| self.stored.get(&child.key));
                children.map(|child| child.size).max().unwrap_or(image.size)
            }
            Place::Made(number) => self.made().size(number),
        }
    }

    pub(crate) fn life(&self, place: Place) -> Life {
        match place {
            Place::Stored(key) => self.stored[&key].life,
            Place::Made(number) => self.made().life(number),
        }
    }

    pub(crate) fn parts(&self, place: Place) -> Cow<'_, Parts> {
        match place {
            Place::Stored(key) => Cow::Borrowed(&self.stored[&key].parts),
            Place::Made(number) => Cow::Owned(self.made().parts(number)),
        }
    }

    /// The images from a place on, in the order of the listings.
    pub(crate) fn from(&self, start: Option<Place>) -> impl Iterator<Item = Place> + '_ {
        let (first_key, first_number) = match start {
            None => (Some([0; 32]), 0),
            Some(Place::Stored(key)) => (Some(key), 0),
            Some(Place::Made(number)) => (None, number),
        };
        let stored = first_key.into_iter().flat_map(|key| self.stored.range(key..));
        let made = self.made.iter().flat_map(move |made| made.numbers(first_number));
        stored.map(|(&key, _)| Place::Stored(key)).chain(made.map(Place::Made))
    }

    /// What the rule of made-up images holds for the digest of a blob.
    pub(crate) fn made_blob(&self, key: &Key) -> Option<Found<'static>> {
        self.made.as_ref()?.blob(key)
    }

    /// An image that is listed and names this digest as a blob or a child, if any.
    pub(crate) fn user_of(&self, key: &Key) -> Option<Key> {
        let names = |image: &StoredImage| {
            image.parts.blobs.iter().chain(&image.parts.children).any(|part| part.key == *key)
        };
        self.stored
            .iter()
            .find(|(_, image)| names(image))
            .map(|(&key, _)| key)
            .or_else(|| self.made.as_ref()?.user_of(key))
    }

    /// Whether an active image names this digest as a blob.
    pub(crate) fn has_active_user(&self, key: &Key) -> bool {
        let names = |image: &StoredImage| {
            image.life.status == ImageStatus::Active && image.parts.blobs.iter().any(|part| part.key == *key)
        };
        self.stored.values().any(names) || self.made.as_ref().is_some_and(|made| made.has_active_user(key))
    }

    /// Stores an image, or adds the tags to the image that is there. Tags move.
    pub(crate) fn put(&mut self, key: Key, mut image: StoredImage, now: f64) {
        let mut seen = HashSet::new();
        image.tags.retain(|tag| seen.insert(tag.clone()));
        for tag in &image.tags {
            if let Some(before) = self.tags.insert(tag.clone(), key)
                && let Some(holder) = self.stored.get_mut(&before)
            {
                holder.tags.retain(|held| held != tag);
            }
        }
        if let Some(made) = &mut self.made
            && let Some(number) = made.find(&key)
        {
            // The stored image takes the place of the made-up one, which has the same manifest.
            made.remove(number);
        }
        match self.stored.get_mut(&key) {
            Some(there) => {
                there.tags.extend(image.tags);
                there.life.activate(now);
            }
            None => {
                self.stored.insert(key, image);
            }
        }
    }

    pub(crate) fn remove(&mut self, place: Place) {
        match place {
            Place::Stored(key) => {
                self.stored.remove(&key);
                self.tags.retain(|_, held| *held != key);
            }
            Place::Made(number) => {
                if let Some(made) = &mut self.made {
                    made.remove(number);
                }
            }
        }
    }

    /// Changes the status and its times.
    pub(crate) fn change_life(&mut self, place: Place, change: impl FnOnce(&mut Life)) {
        match place {
            Place::Stored(key) => {
                if let Some(image) = self.stored.get_mut(&key) {
                    change(&mut image.life);
                }
            }
            Place::Made(number) => {
                if let Some(made) = &mut self.made {
                    made.change_life(number, change);
                }
            }
        }
    }

    /// Records a pull.
    pub(crate) fn pulled(&mut self, place: Place, now: f64) {
        match place {
            Place::Stored(_) => self.change_life(place, |life| life.pulled_at = Some(now)),
            Place::Made(number) => {
                if let Some(made) = &mut self.made {
                    made.pulled(number, now);
                }
            }
        }
    }

    pub(crate) fn set_made(&mut self, made: Option<MadeImages>) {
        self.made = made;
    }

    fn made(&self) -> &MadeImages {
        // A place with a number comes from this value, and the state is locked while places are in use.
        self.made.as_ref().expect("a made-up image has a rule")
    }
}
