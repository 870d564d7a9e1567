//! `PutImage`, for the wire and for the owner of the server.

use serde::Serialize;
use serde_json::json;

use super::request::{ImagesRequest, check_tag};
use super::{Answer, Context, request::ImageId};
use crate::local_ecr::images::stored::StoredImage;
use crate::local_ecr::images::{Images, Part, Place};
use crate::local_ecr::service::key::{self, Key};
use crate::local_ecr::service::request::ServiceError;
use crate::local_ecr::service::store::{Availability, Repository};
use crate::manifest::{Kind, Manifest};

/// An image that is put.
#[derive(Clone, Debug, Default)]
pub struct Push {
    /// The text of the manifest.
    pub manifest: String,
    /// With `None`, what the manifest says, else OCI's type for its members.
    pub media_type: Option<String>,
    /// The digest that the manifest is expected to have, or with `force` is given.
    pub digest: Option<Key>,
    /// Tags, which move if the repository lets them.
    pub tags: Vec<String>,
    /// Skip every check of the service, so that broken states can be made.
    pub force: bool,
}

/// Answers the operation.
pub(super) fn answer(request: &ImagesRequest, context: &mut Context<'_>) -> Result<Answer, ServiceError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Pushed<'a> {
        registry_id: &'a str,
        repository_name: &'a str,
        image_id: ImageId,
        image_manifest: &'a str,
        image_manifest_media_type: &'a str,
    }
    let name = request.repository_name();
    let (account_id, now) = (context.account_id, context.now);
    let repository = context.repository_mut(name)?;
    let manifest = request.image_manifest.clone().unwrap_or_default();
    let digest = match request.image_digest.as_deref() {
        None => None,
        Some(digest) => Some(key::parse(digest).ok_or_else(|| {
            ServiceError::parameter("imageDigest", "must be sha256: and 64 lower-case hexadecimal digits")
        })?),
    };
    let push = Push {
        manifest,
        media_type: request.image_manifest_media_type.clone(),
        digest,
        tags: request.image_tag.iter().cloned().collect(),
        force: false,
    };
    let place = Place::Stored(put(repository, push, name, account_id, now)?);
    let images = &repository.images;
    let image = Pushed {
        registry_id: account_id,
        repository_name: name,
        image_id: ImageId {
            image_digest: Some(key::text(&images.digest(place))),
            image_tag: request.image_tag.clone(),
        },
        image_manifest: &images.manifest(place),
        image_manifest_media_type: images.media_type(place),
    };
    Ok(Answer::json(&json!({ "image": image })))
}

/// Puts an image into a repository, as the service does; returns its digest.
pub(crate) fn put(
    repository: &mut Repository,
    push: Push,
    name: &str,
    account_id: &str,
    now: f64,
) -> Result<Key, ServiceError> {
    let Push { manifest, media_type, digest, tags, force } = push;
    if let Some(fault) = tags.iter().find_map(|tag| check_tag(tag)) {
        return Err(ServiceError::parameter("imageTag", fault));
    }
    let place = format!("in the registry with id '{account_id}'");
    if !force {
        check_content(&manifest, media_type.as_deref())?;
    }
    let declared = media_type.as_deref();
    let (computed, mut image) = StoredImage::read(manifest, declared, tags, now);
    if media_type.is_none() && image.media_type.is_empty() {
        image.usual_media_type().clone_into(&mut image.media_type);
    }
    let key = digest.unwrap_or(computed);
    if !force {
        if key != computed {
            // The wording is from reports of users.
            let text = format!(
                "The image with digest '{}' in repository '{name}' and registry ID '{account_id}' does not match the \
                 image digest that Amazon ECR has calculated.",
                key::text(&key)
            );
            return Err(ServiceError::new("ImageDigestDoesNotMatchException", text));
        }
        check_parts(repository, &image, name, &place)?;
        check_tags(repository, &key, &image, name, &place)?;
    }
    repository.images.put(key, image, now);
    Ok(key)
}

fn invalid_manifest(fault: &str) -> ServiceError {
    ServiceError::parameter("ImageManifest", fault)
}

fn check_content(text: &str, declared: Option<&str>) -> Result<(), ServiceError> {
    let manifest = Manifest::read(text.as_bytes(), declared).map_err(|error| {
        // As users report it for a text that is not JSON.
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        invalid_manifest(if is_json { error.kind.says() } else { "Invalid JSON syntax" })
    })?;
    if manifest.kind == Kind::Image && manifest.layers.is_empty() {
        return Err(invalid_manifest("An image must have at least one layer"));
    }
    let mut parts = manifest.config.iter().chain(&manifest.layers).chain(&manifest.children);
    match parts.find_map(|part| part.digest.as_ref().err()) {
        Some(unusable) => Err(invalid_manifest(&format!("Unsupported digest: {}", unusable.fault.name()))),
        None => Ok(()),
    }
}

fn missing(parts: &[Part], is_there: impl Fn(&Key) -> bool) -> Option<String> {
    let gone: Vec<String> = parts
        .iter()
        .filter(|part| part.required && !is_there(&part.key))
        .map(|part| key::text(&part.key))
        .collect();
    (!gone.is_empty()).then(|| gone.join(", "))
}

fn check_parts(
    repository: &Repository,
    image: &StoredImage,
    name: &str,
    place: &str,
) -> Result<(), ServiceError> {
    // Archived layers count as there: AWS does not document whether a push must upload them again.
    let held =
        |key: &Key| repository.find(key).is_some_and(|found| found.availability != Availability::Unavailable);
    let says = |what: &str, gone: String| {
        format!(
            "{what} with digests '[{gone}]' required for pushing image into repository with name '{name}' {place} do not exist"
        )
    };
    if let Some(gone) = missing(&image.parts.blobs, held) {
        return Err(ServiceError::new("LayersNotFoundException", says("Layers", gone)));
    }
    // The attestations of an index are children like others here.
    let children: Vec<Part> =
        image.parts.children.iter().map(|part| Part { required: true, ..*part }).collect();
    if let Some(gone) = missing(&children, |key| repository.images.find(key).is_some()) {
        return Err(ServiceError::new("ReferencedImagesNotFoundException", says("Images", gone)));
    }
    Ok(())
}

fn check_tags(
    repository: &Repository,
    key: &Key,
    image: &StoredImage,
    name: &str,
    place: &str,
) -> Result<(), ServiceError> {
    let images: &Images = &repository.images;
    let there = images.find(key);
    let digest = key::text(key);
    let again = |text: String| {
        let text = format!("{text} already exists in the repository with name '{name}' {place}");
        Err(ServiceError::new("ImageAlreadyExistsException", text))
    };
    for tag in &image.tags {
        match images.tagged(tag) {
            Some(held) if Some(held) == there => {
                return again(format!("Image with digest '{digest}' and tag '{tag}'"));
            }
            Some(_) if !repository.details.may_move(tag) => {
                let text = format!(
                    "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because \
                     the tag is immutable."
                );
                return Err(ServiceError::new("ImageTagAlreadyExistsException", text));
            }
            _ => {}
        }
    }
    let is_archived = there.is_some_and(|place| images.life(place).status.word() != "ACTIVE");
    if there.is_some() && image.tags.is_empty() && !is_archived {
        return again(format!("Image with digest '{digest}'"));
    }
    Ok(())
}

impl StoredImage {
    /// OCI's media type for the members of a manifest that does not say its own.
    fn usual_media_type(&self) -> &'static str {
        match Manifest::read(self.manifest.as_bytes(), None) {
            Ok(manifest) => match manifest.kind {
                Kind::Index => "application/vnd.oci.image.index.v1+json",
                Kind::Schema1 => "application/vnd.docker.distribution.manifest.v1+prettyjws",
                _ => "application/vnd.oci.image.manifest.v1+json",
            },
            Err(_) => "",
        }
    }
}
