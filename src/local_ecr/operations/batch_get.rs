//! `BatchGetImage`: manifests by digest or tag.

use serde::Serialize;

use super::Context;
use super::request::{DIGEST_PATTERN, ImageId, ImagesRequest, check_tag, is_digest};
use crate::local_ecr::images::life::ImageStatus;
use crate::local_ecr::images::{Images, Place};
use crate::local_ecr::service::key;
use crate::local_ecr::service::request::ServiceError;

/// `BatchGetImageResponse`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ImagesAnswer {
    pub(crate) images: Vec<Image>,
    pub(crate) failures: Vec<ImageFailure>,
}

/// `Image`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "the names of the service model")]
pub(crate) struct Image {
    pub(crate) registry_id: String,
    pub(crate) repository_name: String,
    pub(crate) image_id: ImageId,
    pub(crate) image_manifest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_manifest_media_type: Option<String>,
    /// A member that no model has, for answers that are too big.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) padding: String,
    /// All tags of the image.
    #[serde(skip)]
    pub(crate) tags: Vec<String>,
}

/// `ImageFailure`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageFailure {
    pub(crate) image_id: ImageId,
    pub(crate) failure_code: String,
    pub(crate) failure_reason: String,
}

/// Why an image cannot be had: code and reason.
type Refusal = (&'static str, String);

const NOT_FOUND: (&str, &str) = ("ImageNotFound", "Requested image not found");

/// The image that an id names.
pub(crate) fn find(images: &Images, id: &ImageId) -> Result<Place, Refusal> {
    let refuse = |code, reason: &str| Err((code, reason.to_owned()));
    match (&id.image_digest, &id.image_tag) {
        (None, None) => refuse("MissingDigestAndTag", "Image identifier must contain a digest or a tag"),
        (Some(digest), _) if !is_digest(digest) => {
            let reason = format!(
                "Invalid request parameters: image digest should satisfy the regex '{DIGEST_PATTERN}'"
            );
            Err(("InvalidImageDigest", reason))
        }
        (_, Some(tag)) if check_tag(tag).is_some() => refuse(
            "InvalidImageTag",
            "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9-_.]+'",
        ),
        (Some(digest), tag) => {
            let Some(place) = key::parse(digest).and_then(|key| images.find(&key)) else {
                return refuse(NOT_FOUND.0, NOT_FOUND.1);
            };
            match tag {
                Some(tag) if images.tagged(tag) != Some(place) => {
                    refuse("ImageTagDoesNotMatchDigest", "The image tag does not belong to the image digest")
                }
                _ => Ok(place),
            }
        }
        (None, Some(tag)) => images.tagged(tag).ok_or((NOT_FOUND.0, NOT_FOUND.1.to_owned())),
    }
}

/// Images in the order of the request, repeats included. An image whose media type is not accepted is in
/// neither list, as users report; the endpoint never converts.
pub(super) fn answer(
    request: &ImagesRequest,
    context: &mut Context<'_>,
) -> Result<ImagesAnswer, ServiceError> {
    let name = request.repository_name();
    let (account_id, now) = (context.account_id, context.now);
    let counts = !context.registry.is_excluded();
    let is_cache = context.registry.is_pull_through(name);
    let mut imports = 0;
    let images = &mut context.repository_mut(name)?.images;
    let mut answer = ImagesAnswer::default();
    for id in request.image_ids.iter().flatten() {
        let place = find(images, id).and_then(|place| match images.life(place).status {
            ImageStatus::Active => Ok(place),
            // AWS does not document the code for these; users see that they cannot be pulled.
            status => Err((
                "ImageInaccessible",
                format!("The image is not active: its status is {}", status.word()),
            )),
        });
        match place {
            Err((code, failure_reason)) => {
                imports += u64::from(is_cache && code == NOT_FOUND.0);
                let failure_code = code.to_owned();
                answer.failures.push(ImageFailure { image_id: id.clone(), failure_code, failure_reason });
            }
            Ok(place) => {
                let media_type = images.media_type(place);
                let accepted = request.accepted_media_types.as_ref();
                if accepted.is_some_and(|accepted| !accepted.iter().any(|one| one == media_type)) {
                    continue;
                }
                answer.images.push(Image {
                    registry_id: account_id.to_owned(),
                    repository_name: name.to_owned(),
                    image_id: ImageId {
                        image_digest: Some(key::text(&images.digest(place))),
                        image_tag: id.image_tag.clone(),
                    },
                    image_manifest: images.manifest(place).into_owned(),
                    image_manifest_media_type: Some(media_type.to_owned()).filter(|text| !text.is_empty()),
                    padding: String::new(),
                    tags: images.tags(place).into_owned(),
                });
                if counts {
                    images.pulled(place, now);
                }
            }
        }
    }
    context.registry.imports += imports;
    Ok(answer)
}
