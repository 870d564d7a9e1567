//! The operations that read settings of the registry and its account.

use serde_json::{Value, json};

use super::page_token::TokenScope;
use super::request::ImagesRequest;
use super::{Answer, Context, bad_token};
use crate::local_ecr::service::request::ServiceError;

/// `DescribePullThroughCacheRules`.
pub(super) fn pull_through_rules(
    request: &ImagesRequest,
    context: &Context<'_>,
) -> Result<Answer, ServiceError> {
    let rules = &context.registry.pull_through;
    for prefix in request.ecr_repository_prefixes.iter().flatten() {
        if !rules.contains_key(prefix) {
            let text = format!(
                "The pull through cache rule with repository prefix '{prefix}' does not exist in the registry with id \
                 '{}'",
                context.account_id
            );
            return Err(ServiceError::new("PullThroughCacheRuleNotFoundException", text));
        }
    }
    let asked = request.ecr_repository_prefixes.as_ref();
    let chosen = rules.iter().filter(|(prefix, _)| asked.is_none_or(|asked| asked.contains(prefix)));
    let described = chosen.map(|(prefix, rule)| {
        let described = json!({
            "ecrRepositoryPrefix": prefix,
            "upstreamRegistryUrl": rule.upstream_url,
            "createdAt": rule.created_at,
            "registryId": context.account_id,
        });
        (prefix.as_str(), described)
    });
    paged(request, context, "pullThroughCacheRules", described)
}

/// `ListPullTimeUpdateExclusions`.
pub(super) fn exclusions(request: &ImagesRequest, context: &Context<'_>) -> Result<Answer, ServiceError> {
    let listed = context.registry.exclusions.iter().map(|arn| (arn.as_str(), Value::from(arn.as_str())));
    paged(request, context, "pullTimeUpdateExclusions", listed)
}

/// A page of entries that are sorted by their names.
fn paged<'a>(
    request: &ImagesRequest,
    context: &Context<'_>,
    member: &str,
    entries: impl Iterator<Item = (&'a str, Value)>,
) -> Result<Answer, ServiceError> {
    let scope = TokenScope::new(context.seed, &[member]);
    let first = match &request.next_token {
        None => Vec::new(),
        Some(token) => scope.position(token).ok_or_else(bad_token)?,
    };
    let mut following = entries.skip_while(|(name, _)| name.as_bytes() < &first[..]);
    let page: Vec<Value> = following.by_ref().take(request.page_size()).map(|(_, entry)| entry).collect();
    let mut answer = json!({ member: page });
    if let Some((next, _)) = following.next() {
        answer["nextToken"] = scope.token(next.as_bytes()).into();
    }
    Ok(Answer::json(&answer))
}

/// `GetAccountSetting`.
pub(super) fn account_setting(
    request: &ImagesRequest,
    context: &Context<'_>,
) -> Result<Answer, ServiceError> {
    let name = request.name.as_deref().unwrap_or_default();
    match context.registry.account_settings.get(name) {
        Some(value) => Ok(Answer::json(&json!({ "name": name, "value": value }))),
        None => Err(ServiceError::new(
            "ValidationException",
            format!("The account setting '{name}' is not one of the settings of this service"),
        )),
    }
}
