//! The contents of repositories: stored digests, and rules.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::key::Key;
use super::repository::RepositoryDetails;
use crate::local_ecr::images::Images;
use crate::local_ecr::random::mix;

/// The media type of a gzipped OCI layer, used for digests without a media type.
pub(crate) const LAYER_MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The availability of one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// The repository holds it.
    Available,
    /// The repository does not hold it.
    Unavailable,
    /// Only archived images contain it. Exists only in private registries.
    Archived,
}

impl Availability {
    /// The word on the wire (botocore shape `LayerAvailability`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Unavailable => "UNAVAILABLE",
            Self::Archived => "ARCHIVED",
        }
    }

    /// The availability for a word on the wire.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Available, Self::Unavailable, Self::Archived]
            .into_iter()
            .find(|availability| availability.word() == word)
    }
}

/// What a repository stores for one digest.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The availability in the answer.
    pub availability: Availability,
    /// Bytes; with `None` the size is computed from the digest, so that sizes differ and can be checked.
    pub size: Option<u64>,
    /// With `None`, the media type of a gzipped OCI layer.
    pub media_type: Option<Arc<str>>,
}

impl Default for Holding {
    fn default() -> Self {
        Self { availability: Availability::Available, size: None, media_type: None }
    }
}

/// Decides which digests a repository holds without storing them, for tests with millions of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Holds digests whose last hexadecimal digit is even.
    Even,
    /// Holds digests whose keyed hash is in this fraction of all hashes.
    Fraction {
        /// From 0 (nothing) to 1 (everything).
        fraction: f64,
        /// The key: another seed chooses other digests.
        seed: u64,
    },
}

impl Rule {
    fn holds(self, key: &Key) -> bool {
        match self {
            Self::Even => key[31].is_multiple_of(2),
            Self::Fraction { fraction, seed } => {
                let (words, _) = key.as_chunks::<8>();
                let hash = words
                    .iter()
                    .fold(mix(seed ^ 0x6c61_7965_7273), |state, word| mix(state ^ u64::from_le_bytes(*word)));
                // Compared at 53 bits, so that 1.0 holds every digest and 0.0 none.
                ((hash >> 11) as f64) < fraction * (1u64 << 53) as f64
            }
        }
    }
}

/// The size of a digest that was added without a size: 1 byte to 64 MiB, computed from the digest.
pub(crate) fn made_size(key: &Key) -> u64 {
    let [a, b, c, d, ..] = *key;
    1 + u64::from(u32::from_le_bytes([a, b, c, d]) % (64 << 20))
}

/// The contents of one repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    holdings: HashMap<Key, Holding>,
    rule: Option<Rule>,
    pub(crate) images: Images,
    pub(crate) details: RepositoryDetails,
}

/// What a repository holds for one digest, complete for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) availability: Availability,
    pub(crate) size: u64,
    pub(crate) media_type: &'a str,
}

impl Repository {
    /// Looks up `key`. A stored digest takes precedence over the rule.
    pub(crate) fn find(&self, key: &Key) -> Option<Found<'_>> {
        if let Some(holding) = self.holdings.get(key) {
            return Some(Found {
                availability: holding.availability,
                size: holding.size.unwrap_or_else(|| made_size(key)),
                media_type: holding.media_type.as_deref().unwrap_or(LAYER_MEDIA_TYPE),
            });
        }
        if self.rule.is_some_and(|rule| rule.holds(key)) {
            return Some(Found {
                availability: Availability::Available,
                size: made_size(key),
                media_type: LAYER_MEDIA_TYPE,
            });
        }
        self.images.made_blob(key)
    }

    pub(crate) fn holding_mut(&mut self, key: Key) -> &mut Holding {
        self.holdings.entry(key).or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.holdings.len()
    }
}

/// Repositories by name.
#[derive(Debug, Default)]
pub(crate) struct Store(BTreeMap<String, Repository>);

impl Store {
    pub(crate) fn get(&self, name: &str) -> Option<&Repository> {
        self.0.get(name)
    }

    pub(crate) fn put(&mut self, name: &str, holdings: impl IntoIterator<Item = (Key, Holding)>) {
        self.entry(name).holdings.extend(holdings);
    }

    pub(crate) fn set_rule(&mut self, name: &str, rule: Option<Rule>) {
        self.entry(name).rule = rule;
    }

    pub(crate) fn remove(&mut self, name: &str, keys: &[Key]) -> usize {
        self.0.get_mut(name).map_or(0, |repository| {
            keys.iter().filter(|&key| repository.holdings.remove(key).is_some()).count()
        })
    }

    pub(crate) fn delete(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The repositories from a name on, sorted by name.
    pub(crate) fn from(&self, name: &str) -> impl Iterator<Item = (&str, &Repository)> {
        self.0.range::<str, _>((Bound::Included(name), Bound::Unbounded)).map(|(name, it)| (&**name, it))
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Repository> {
        self.0.get_mut(name)
    }

    /// The repository, which is made if it does not exist.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Repository {
        self.0.entry(name.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Availability, Holding, Rule, Store};

    #[test]
    fn a_stored_digest_takes_precedence_over_the_rule() {
        let mut store = Store::default();
        let even = [0; 32];
        store.set_rule("app", Some(Rule::Even));
        store.put("app", [(even, Holding { availability: Availability::Archived, ..Holding::default() })]);
        let repository = store.get("app").unwrap();
        assert_eq!(repository.find(&even).unwrap().availability, Availability::Archived);
        assert_eq!(repository.find(&[2; 32]).unwrap().availability, Availability::Available);
        assert_eq!(repository.find(&[3; 32]), None);
    }

    #[test]
    fn a_fraction_holds_its_share_and_another_seed_other_digests() {
        let held = |fraction, seed| -> Vec<bool> {
            let rule = Rule::Fraction { fraction, seed };
            (0..10_000u32)
                .map(|number| {
                    let mut key = [0; 32];
                    key[..4].copy_from_slice(&number.to_le_bytes());
                    rule.holds(&key)
                })
                .collect()
        };
        let count = |held: &[bool]| held.iter().filter(|&&is| is).count();
        assert!((2_800..3_200).contains(&count(&held(0.3, 1))));
        assert_eq!(held(0.3, 1), held(0.3, 1));
        assert_ne!(held(0.3, 1), held(0.3, 2));
        assert_eq!(count(&held(0.0, 1)), 0);
        assert_eq!(count(&held(1.0, 1)), 10_000);
    }
}
