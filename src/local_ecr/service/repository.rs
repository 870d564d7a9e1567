//! What a repository is besides its contents: tag mutability and encryption.

use crate::local_ecr::images::life::now;

/// Whether a tag may move: botocore shape `ImageTagMutability`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagMutability {
    /// It may.
    #[default]
    Mutable,
    /// It may not.
    Immutable,
    /// It may, except for tags that match a filter.
    MutableWithExclusion,
    /// It may not, except for tags that match a filter.
    ImmutableWithExclusion,
}

impl TagMutability {
    const ALL: [Self; 4] =
        [Self::Mutable, Self::Immutable, Self::MutableWithExclusion, Self::ImmutableWithExclusion];

    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::MutableWithExclusion => "MUTABLE_WITH_EXCLUSION",
            Self::ImmutableWithExclusion => "IMMUTABLE_WITH_EXCLUSION",
        }
    }

    /// The mutability for a word on the wire.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutability| mutability.word() == word)
    }
}

/// How a repository encrypts: botocore shape `EncryptionType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Keys of S3.
    #[default]
    Aes256,
    /// A key of KMS.
    Kms,
    /// Two layers of encryption.
    KmsDsse,
}

impl Encryption {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "KMS",
            Self::KmsDsse => "KMS_DSSE",
        }
    }

    /// The encryption for a word on the wire.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Aes256, Self::Kms, Self::KmsDsse].into_iter().find(|encryption| encryption.word() == word)
    }
}

/// The settings of a repository.
#[derive(Clone, Debug)]
pub(crate) struct RepositoryDetails {
    pub(crate) created_at: f64,
    pub(crate) mutability: TagMutability,
    /// Filters of the exclusion, with `*` for any characters.
    pub(crate) filters: Vec<String>,
    pub(crate) encryption: Encryption,
}

impl Default for RepositoryDetails {
    fn default() -> Self {
        Self {
            created_at: now(),
            mutability: TagMutability::default(),
            filters: Vec::new(),
            encryption: Encryption::default(),
        }
    }
}

impl RepositoryDetails {
    /// Whether the tag may move to another image.
    pub(crate) fn may_move(&self, tag: &str) -> bool {
        let excluded = || self.filters.iter().any(|filter| matches(filter.as_bytes(), tag.as_bytes()));
        match self.mutability {
            TagMutability::Mutable => true,
            TagMutability::Immutable => false,
            TagMutability::MutableWithExclusion => !excluded(),
            TagMutability::ImmutableWithExclusion => excluded(),
        }
    }
}

/// Whether a filter with `*` for any characters matches the whole text.
fn matches(filter: &[u8], text: &[u8]) -> bool {
    match filter.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        Some((first, rest)) => text.first() == Some(first) && matches(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::{RepositoryDetails, TagMutability};

    #[test]
    fn filters_turn_the_rule_around() {
        let may_move = |mutability, tag| {
            let filters = vec!["dev-*".to_owned(), "*latest".to_owned()];
            RepositoryDetails { mutability, filters, ..RepositoryDetails::default() }.may_move(tag)
        };
        for (tag, excluded) in
            [("dev-", true), ("dev-1", true), ("the-latest", true), ("v1", false), ("dev", false)]
        {
            assert!(may_move(TagMutability::Mutable, tag));
            assert!(!may_move(TagMutability::Immutable, tag));
            assert_eq!(may_move(TagMutability::MutableWithExclusion, tag), !excluded, "{tag}");
            assert_eq!(may_move(TagMutability::ImmutableWithExclusion, tag), excluded, "{tag}");
        }
    }
}
