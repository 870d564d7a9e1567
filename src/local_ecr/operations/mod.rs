//! The operations of images: from a checked request to its answer.

mod batch_get;
pub(crate) mod caller_identity;
mod describe_repositories;
mod download_url;
mod listing;
mod page_token;
pub(crate) mod push;
mod registry_settings;
pub(crate) mod request;

use serde::Serialize;

use super::service::operation::Operation;
use super::service::registry::Registry;
use super::service::request::ServiceError;
use super::service::store::{Repository, Store};
pub(crate) use batch_get::{Image, ImageFailure, ImagesAnswer, find as find_image};
pub(crate) use listing::{ImageDetail, Page};
use request::{ImageId, ImagesRequest};

/// What an operation may read and change.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) registry: &'a mut Registry,
    pub(crate) account_id: &'a str,
    /// The region of the caller's endpoint, for ARNs and URIs.
    pub(crate) region: &'a str,
    pub(crate) seed: u64,
    pub(crate) endpoint_url: &'a str,
    pub(crate) request_id: &'a str,
    /// Seconds since 1970.
    pub(crate) now: f64,
    pub(crate) page_faults: PageFaults,
}

/// Faults of paging, which change where the next page starts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageFaults {
    /// The next page starts with this share of the entries of this page again.
    pub(crate) repeat: Option<f64>,
    /// The next token leads to this page again.
    pub(crate) looped: bool,
}

/// An answer that faults of content may change before it is written.
pub(crate) enum Answer {
    Details(Page<ImageDetail>),
    Ids(Page<ImageId>),
    Images(ImagesAnswer),
    /// Bytes that no fault of content changes.
    Bytes(Vec<u8>),
}

impl Answer {
    fn json(value: &impl Serialize) -> Self {
        Self::Bytes(to_json(value))
    }

    /// The body of the response.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Details(page) => page.to_json("imageDetails"),
            Self::Ids(page) => page.to_json("imageIds"),
            Self::Images(answer) => to_json(&answer),
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Cannot fail: the values are structs of strings, numbers and lists.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Answers a checked request of any operation of images.
pub(crate) fn answer(
    operation: Operation,
    request: &ImagesRequest,
    context: &mut Context<'_>,
) -> Result<Answer, ServiceError> {
    match operation {
        Operation::BatchGetImage => batch_get::answer(request, context).map(Answer::Images),
        Operation::DescribeImages => listing::describe(request, context).map(Answer::Details),
        Operation::ListImages => listing::list(request, context).map(Answer::Ids),
        Operation::PutImage => push::answer(request, context),
        Operation::DescribeRepositories => describe_repositories::answer(request, context),
        Operation::GetDownloadUrlForLayer => download_url::answer(request, context),
        Operation::DescribePullThroughCacheRules => registry_settings::pull_through_rules(request, context),
        Operation::ListPullTimeUpdateExclusions => registry_settings::exclusions(request, context),
        Operation::GetAccountSetting => registry_settings::account_setting(request, context),
        Operation::GetCallerIdentity => Ok(Answer::Bytes(caller_identity::answer(context))),
        // The layer check has a request and an answer of its own, without a copy for each digest.
        Operation::BatchCheckLayerAvailability => Ok(Answer::Bytes(Vec::new())),
    }
}

impl Context<'_> {
    fn repository(&self, name: &str) -> Result<&Repository, ServiceError> {
        self.store.get(name).ok_or_else(|| no_repository(name, self.account_id))
    }

    fn repository_mut(&mut self, name: &str) -> Result<&mut Repository, ServiceError> {
        self.store.get_mut(name).ok_or_else(|| no_repository(name, self.account_id))
    }
}

/// The error for a repository that does not exist.
pub(crate) fn no_repository(name: &str, registry_id: &str) -> ServiceError {
    let text =
        format!("The repository with name '{name}' does not exist in the registry with id '{registry_id}'");
    ServiceError::new("RepositoryNotFoundException", text)
}

/// The error for a token that this listing did not give.
fn bad_token() -> ServiceError {
    // The wording is made up: AWS does not document what becomes of foreign and old tokens.
    ServiceError::parameter("nextToken", "Member must be a token of the same listing")
}
