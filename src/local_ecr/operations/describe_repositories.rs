//! `DescribeRepositories`: pages of all repositories, or those that the request names.

use serde_json::{Value, json};

use super::page_token::TokenScope;
use super::request::ImagesRequest;
use super::{Answer, Context, bad_token};
use crate::local_ecr::service::request::ServiceError;
use crate::local_ecr::service::store::Repository;

/// Answers the operation. Repositories come sorted by name.
pub(super) fn answer(request: &ImagesRequest, context: &Context<'_>) -> Result<Answer, ServiceError> {
    if let Some(names) = &request.repository_names {
        let described: Result<Vec<Value>, ServiceError> =
            names.iter().map(|name| Ok(describe(name, context.repository(name)?, context))).collect();
        return Ok(Answer::json(&json!({ "repositories": described? })));
    }
    let scope = TokenScope::new(context.seed, &["DescribeRepositories"]);
    let first = match &request.next_token {
        None => String::new(),
        Some(token) => {
            let position = scope.position(token).and_then(|bytes| String::from_utf8(bytes).ok());
            position.ok_or_else(bad_token)?
        }
    };
    let mut following = context.store.from(&first);
    let page: Vec<Value> = following
        .by_ref()
        .take(request.page_size())
        .map(|(name, repository)| describe(name, repository, context))
        .collect();
    let mut answer = json!({ "repositories": page });
    if let Some((next, _)) = following.next() {
        answer["nextToken"] = scope.token(next.as_bytes()).into();
    }
    Ok(Answer::json(&answer))
}

fn describe(name: &str, repository: &Repository, context: &Context<'_>) -> Value {
    let Context { account_id, region, .. } = context;
    let details = &repository.details;
    let mut encryption = json!({ "encryptionType": details.encryption.word() });
    if details.encryption.word() != "AES256" {
        encryption["kmsKey"] = format!("arn:aws:kms:{region}:{account_id}:key/local-ecr").into();
    }
    let mut described = json!({
        "repositoryArn": format!("arn:aws:ecr:{region}:{account_id}:repository/{name}"),
        "registryId": account_id,
        "repositoryName": name,
        "repositoryUri": format!("{account_id}.dkr.ecr.{region}.amazonaws.com/{name}"),
        "createdAt": details.created_at,
        "imageTagMutability": details.mutability.word(),
        "imageScanningConfiguration": { "scanOnPush": false },
        "encryptionConfiguration": encryption,
    });
    if !details.filters.is_empty() {
        let filters: Vec<Value> = details
            .filters
            .iter()
            .map(|filter| json!({ "filterType": "WILDCARD", "filter": filter }))
            .collect();
        described["imageTagMutabilityExclusionFilters"] = filters.into();
    }
    described
}
