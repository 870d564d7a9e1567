//! What a registry is besides its repositories: pull-through rules, pull-time exclusions, account settings.

use std::collections::{BTreeMap, BTreeSet};

/// A pull-through cache rule.
#[derive(Clone, Debug)]
pub(crate) struct PullThroughRule {
    pub(crate) upstream_url: String,
    pub(crate) created_at: f64,
}

/// The settings of a registry and its account.
#[derive(Debug)]
pub(crate) struct Registry {
    /// By the prefix of repository names.
    pub(crate) pull_through: BTreeMap<String, PullThroughRule>,
    /// ARNs whose pulls do not count.
    pub(crate) exclusions: BTreeSet<String>,
    pub(crate) account_settings: BTreeMap<&'static str, String>,
    /// Who makes every call: the server does not know the holders of access keys.
    pub(crate) caller_arn: String,
    /// How often an image was asked for that a pull-through cache does not hold: the service would import it.
    pub(crate) imports: u64,
}

/// Names and defaults of account settings: botocore documentation of `GetAccountSetting`.
const ACCOUNT_SETTINGS: [(&str, &str); 3] = [
    ("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"),
    ("BLOB_MOUNTING", "DISABLED"),
    ("REGISTRY_POLICY_SCOPE", "V2"),
];

impl Registry {
    pub(crate) fn new(caller_arn: String) -> Self {
        Self {
            pull_through: BTreeMap::new(),
            exclusions: BTreeSet::new(),
            account_settings: ACCOUNT_SETTINGS.map(|(name, value)| (name, value.to_owned())).into(),
            caller_arn,
            imports: 0,
        }
    }

    /// Sets an account setting; returns false if there is none of this name.
    pub(crate) fn set_account_setting(&mut self, name: &str, value: String) -> bool {
        let Some((name, _)) = ACCOUNT_SETTINGS.iter().find(|(known, _)| *known == name) else {
            return false;
        };
        self.account_settings.insert(name, value);
        true
    }

    /// Whether a pull-through cache rule covers the repository. The prefix `ROOT` covers all.
    pub(crate) fn is_pull_through(&self, repository: &str) -> bool {
        self.pull_through.keys().any(|prefix| {
            prefix == "ROOT" || repository.strip_prefix(&**prefix).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether pulls of the caller do not count. Exclusions name roles and users, and calls name sessions.
    pub(crate) fn is_excluded(&self) -> bool {
        self.exclusions.contains(&self.caller_arn)
            || role_of(&self.caller_arn)
                .is_some_and(|role| self.exclusions.iter().any(|excluded| role_name(excluded) == Some(role)))
    }
}

/// Account and role of a session: `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
fn role_of(session_arn: &str) -> Option<(&str, &str)> {
    let mut parts = session_arn.splitn(6, ':');
    let account = parts.nth(4)?;
    let role = parts.next()?.strip_prefix("assumed-role/")?.split('/').next()?;
    Some((account, role))
}

/// Account and role of `arn:aws:iam::<account>:role/<path>/<role>`.
fn role_name(role_arn: &str) -> Option<(&str, &str)> {
    let mut parts = role_arn.splitn(6, ':');
    let account = parts.nth(4)?;
    let role = parts.next()?.strip_prefix("role/")?.rsplit('/').next()?;
    Some((account, role))
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn a_role_is_excluded_whatever_its_path_and_session() {
        let excluded = |caller: &str, exclusion: &str| {
            let mut registry = Registry::new(caller.into());
            registry.exclusions.insert(exclusion.into());
            registry.is_excluded()
        };
        let session = "arn:aws:sts::123456789012:assumed-role/audit/monday";
        assert!(excluded(session, "arn:aws:iam::123456789012:role/audit"));
        assert!(excluded(session, "arn:aws:iam::123456789012:role/teams/one/audit"));
        assert!(!excluded(session, "arn:aws:iam::210987654321:role/audit"));
        assert!(!excluded(session, "arn:aws:iam::123456789012:role/audit2"));
        let user = "arn:aws:iam::123456789012:user/ann";
        assert!(excluded(user, user));
        assert!(!excluded(user, session));
    }

    #[test]
    fn a_prefix_covers_the_names_below_it() {
        let mut registry = Registry::new(String::new());
        let rule = super::PullThroughRule { upstream_url: String::new(), created_at: 0.0 };
        registry.pull_through.insert("hub".into(), rule);
        for (name, covered) in
            [("hub/library/busybox", true), ("hub", false), ("hubs/app", false), ("app", false)]
        {
            assert_eq!(registry.is_pull_through(name), covered, "{name}");
        }
    }
}
