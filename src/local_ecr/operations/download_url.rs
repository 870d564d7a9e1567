//! `GetDownloadUrlForLayer`: a second witness that a layer is there.

use serde_json::json;

use super::request::ImagesRequest;
use super::{Answer, Context};
use crate::local_ecr::random::Random;
use crate::local_ecr::service::key;
use crate::local_ecr::service::request::ServiceError;
use crate::local_ecr::service::store::Availability;

/// Answers the operation. The URL is of this server, which has no content of layers and answers 404.
pub(super) fn answer(request: &ImagesRequest, context: &Context<'_>) -> Result<Answer, ServiceError> {
    let name = request.repository_name();
    let repository = context.repository(name)?;
    let digest = request.layer_digest.as_deref().unwrap_or_default();
    let found = key::parse(digest).and_then(|key| Some((key, repository.find(&key)?)));
    let place =
        format!("in the repository with name '{name}' in the registry with id '{}'", context.account_id);
    match found.map(|(key, found)| (key, found.availability)) {
        Some((key, Availability::Available)) => {
            // Signed URLs are secrets, so this one looks like a secret.
            let mut random = Random::of(&[context.seed, u64::from(key[0]), u64::from(key[1]), 0x75_726c]);
            let url = format!(
                "{}/{name}/{digest}?X-Amz-Expires=3600&X-Amz-Signature={:016x}{:016x}",
                context.endpoint_url,
                random.next(),
                random.next()
            );
            Ok(Answer::json(&json!({ "downloadUrl": url, "layerDigest": digest })))
        }
        // AWS does not document the code for layers of archived images alone.
        Some((_, Availability::Archived)) => Err(ServiceError::new(
            "LayerInaccessibleException",
            format!(
                "The layer with digest '{digest}' {place} is not accessible, because its images are archived"
            ),
        )),
        // The wording begins as users report it.
        _ => Err(ServiceError::new(
            "LayersNotFoundException",
            format!(
                "The layer with digest '{digest}' does not exist within the repository: it is not {place}"
            ),
        )),
    }
}
