//! The rules of the real services, and here the services themselves with their limits.
//!
//! Source of prefixes, lengths and patterns: the botocore service models `ecr`
//! (2015-09-21) and `ecr-public` (2020-10-30).

pub(crate) mod answer;
pub(crate) mod authorization;
pub mod key;
pub(crate) mod operation;
pub(crate) mod registry;
pub(crate) mod repository;
pub(crate) mod request;
pub(crate) mod store;

use operation::Operation;

/// Which of the services a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `ecr`: private registries.
    Private,
    /// `ecr-public`: the public gallery.
    Public,
    /// `sts`: who the caller is.
    Sts,
}

/// Digests in one call: botocore shape `BatchedOperationLayerDigestList`.
pub(crate) const MAX_DIGESTS: usize = 100;
/// Characters in one digest of a request: shape `BatchedOperationLayerDigest`.
pub(crate) const MAX_DIGEST_LENGTH: usize = 1000;

impl Service {
    /// Service and operation of an `X-Amz-Target`, if this endpoint serves the operation.
    pub(crate) fn of_target(target: &str) -> Option<(Self, Operation)> {
        let (prefix, name) = target.split_once('.')?;
        let service = [Self::Private, Self::Public].into_iter().find(|it| it.target_prefix() == prefix)?;
        let operation = Operation::of_name(name)?;
        service.has(operation).then_some((service, operation))
    }

    /// Whether this endpoint serves the operation for the service.
    fn has(self, operation: Operation) -> bool {
        match self {
            Self::Private => operation != Operation::GetCallerIdentity,
            Self::Public => operation == Operation::BatchCheckLayerAvailability,
            Self::Sts => operation == Operation::GetCallerIdentity,
        }
    }

    /// The first half of `X-Amz-Target`.
    #[must_use]
    pub fn target_prefix(self) -> &'static str {
        match self {
            Self::Private => "AmazonEC2ContainerRegistry_V20150921",
            Self::Public => "SpencerFrontendService",
            Self::Sts => "AWSSecurityTokenServiceV20110615",
        }
    }

    /// The name in endpoints and in the credential scope.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "ecr",
            Self::Public => "ecr-public",
            Self::Sts => "sts",
        }
    }

    /// The constraint that a repository name violates, in the service's words, or `None`.
    pub(crate) fn repository_name_fault(self, name: &str) -> Option<String> {
        let most = match self {
            Self::Private | Self::Sts => 256,
            Self::Public => 205,
        };
        length_fault(name, 2, most).or_else(|| {
            (!name.split('/').all(|part| self.is_path_component(part)))
                .then(|| format!("must satisfy regular expression '{}'", self.name_pattern()))
        })
    }

    /// The constraint that a registry id violates, in the service's words, or `None`.
    pub(crate) fn registry_id_fault(self, id: &str) -> Option<String> {
        match self {
            Self::Private | Self::Sts => (id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| "must satisfy regular expression '[0-9]{12}'".to_owned()),
            Self::Public => length_fault(id, 2, 50),
        }
    }

    fn name_pattern(self) -> &'static str {
        match self {
            Self::Private | Self::Sts => {
                "(?:[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
            }
            Self::Public => "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*",
        }
    }

    /// Whether `part` is runs of lower-case letters and digits, joined by the separators of `name_pattern`.
    fn is_path_component(self, part: &str) -> bool {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = part.as_bytes();
        let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
            return false;
        };
        is_word(first)
            && is_word(last)
            && bytes.split(|&byte| is_word(byte)).filter(|separator| !separator.is_empty()).all(|separator| {
                match (self, separator) {
                    (_, b"." | b"_" | b"-") | (Self::Private | Self::Sts, b"__") => true,
                    (Self::Private | Self::Sts, dashes) => dashes.iter().all(|&byte| byte == b'-'),
                    (Self::Public, _) => false,
                }
            })
    }
}

fn length_fault(text: &str, least: usize, most: usize) -> Option<String> {
    let length = text.chars().count();
    if length < least {
        Some(format!("Member must have length greater than or equal to {least}"))
    } else if length > most {
        Some(format!("Member must have length less than or equal to {most}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Service::{self, Private, Public};
    use super::operation::Operation;

    #[test]
    fn a_target_names_service_and_operation() {
        for service in [Private, Public] {
            let target = format!("{}.BatchCheckLayerAvailability", service.target_prefix());
            assert_eq!(Service::of_target(&target), Some((service, Operation::BatchCheckLayerAvailability)));
        }
        let target = format!("{}.PutImage", Private.target_prefix());
        assert_eq!(Service::of_target(&target), Some((Private, Operation::PutImage)));
        for other in [
            "",
            "SpencerFrontendService",
            "SpencerFrontendService.PutImage",
            "x.BatchCheckLayerAvailability",
            "AmazonEC2ContainerRegistry_V20150921.GetCallerIdentity",
        ] {
            assert_eq!(Service::of_target(other), None, "{other}");
        }
    }

    #[test]
    fn repository_names_follow_the_pattern_of_their_service() {
        let rows = [
            ("app", true, true),
            ("team/app.web_1", true, true),
            ("a__b", true, false),
            ("a---b", true, false),
            ("a-_b", false, false),
            ("a___b", false, false),
            ("App", false, false),
            ("a", false, false),
            ("/app", false, false),
            ("app/", false, false),
            ("-app", false, false),
            ("app.", false, false),
            ("äpp", false, false),
        ];
        for (name, private, public) in rows {
            assert_eq!(Private.repository_name_fault(name).is_none(), private, "{name}");
            assert_eq!(Public.repository_name_fault(name).is_none(), public, "{name}");
        }
        assert!(Private.repository_name_fault(&"a".repeat(256)).is_none());
        assert!(Private.repository_name_fault(&"a".repeat(257)).is_some());
        assert!(Public.repository_name_fault(&"a".repeat(205)).is_none());
        assert!(Public.repository_name_fault(&"a".repeat(206)).is_some());
    }

    #[test]
    fn registry_ids_follow_the_rule_of_their_service() {
        assert!(Private.registry_id_fault("012345678901").is_none());
        assert!(Private.registry_id_fault("12345678901").is_some());
        assert!(Private.registry_id_fault("alias").is_some());
        assert!(Public.registry_id_fault("alias").is_none());
        assert!(Public.registry_id_fault("a").is_some());
    }
}
