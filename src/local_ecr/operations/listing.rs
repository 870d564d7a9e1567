//! `ListImages` and `DescribeImages`: pages of what a repository holds, and details by name.

use serde::Serialize;

use super::page_token::TokenScope;
use super::request::{Filter, ImageId, ImagesRequest};
use super::{Context, bad_token, batch_get};
use crate::local_ecr::images::life::ImageStatus;
use crate::local_ecr::images::{Images, Place};
use crate::local_ecr::service::key;
use crate::local_ecr::service::request::ServiceError;
use crate::local_ecr::service::store::Repository;

/// A page of a listing. The service is said to send null entries at times.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) entries: Vec<Option<T>>,
    pub(crate) next_token: Option<String>,
    /// Whether a fault of paging changed the token: it repeats entries, or this page.
    pub(crate) repeats: bool,
    pub(crate) loops: bool,
}

impl<T: Serialize> Page<T> {
    pub(super) fn to_json(&self, member: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.entries.len() * 500);
        out.extend([b"{\"", member.as_bytes(), b"\":"].concat());
        out.extend(super::to_json(&self.entries));
        if let Some(token) = &self.next_token {
            out.extend_from_slice(b",\"nextToken\":");
            out.extend(super::to_json(token));
        }
        out.push(b'}');
        out
    }
}

/// `ImageDetail`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageDetail {
    registry_id: String,
    repository_name: String,
    pub(crate) image_digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) image_tags: Vec<String>,
    image_size_in_bytes: u64,
    image_pushed_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_manifest_media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_recorded_pull_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_manifest_digest: Option<String>,
    image_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_archived_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activated_at: Option<f64>,
}

impl ImageDetail {
    fn of(images: &Images, place: Place, account_id: &str, repository_name: &str) -> Self {
        let life = images.life(place);
        let own = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            registry_id: account_id.to_owned(),
            repository_name: repository_name.to_owned(),
            image_digest: key::text(&images.digest(place)),
            image_tags: images.tags(place).into_owned(),
            image_size_in_bytes: images.size(place),
            image_pushed_at: life.pushed_at,
            image_manifest_media_type: own(images.media_type(place)),
            artifact_media_type: images.artifact_type(place).and_then(own),
            last_recorded_pull_time: life.pulled_at,
            subject_manifest_digest: images.subject(place).and_then(own),
            image_status: life.status.word(),
            last_archived_at: life.archived_at,
            last_activated_at: life.activated_at,
        }
    }
}

/// A position in a listing: an image, and of its tags the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    place: Place,
    tag: u32,
}

impl Position {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.tag.to_le_bytes().to_vec();
        match self.place {
            Place::Stored(key) => bytes.extend(key),
            Place::Made(number) => bytes.extend(number.to_le_bytes()),
        }
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk::<4>()?;
        let place = match rest.len() {
            4 => Place::Made(u32::from_le_bytes(rest.try_into().ok()?)),
            _ => Place::Stored(rest.try_into().ok()?),
        };
        Some(Self { place, tag: u32::from_le_bytes(*tag) })
    }
}

/// Which images a listing shows. Without an `imageStatus`, only active ones, as the service documents.
struct Chosen<'a> {
    status: Option<ImageStatus>,
    tag_status: &'a str,
}

impl<'a> Chosen<'a> {
    fn of(filter: Option<&'a Filter>) -> Self {
        let word = |word: Option<&'a String>| word.map(String::as_str);
        let status = word(filter.and_then(|filter| filter.image_status.as_ref()));
        Self {
            status: ImageStatus::of_word(status.unwrap_or("ACTIVE")),
            tag_status: word(filter.and_then(|filter| filter.tag_status.as_ref())).unwrap_or("ANY"),
        }
    }

    fn has(&self, images: &Images, place: Place) -> bool {
        let tagged = || !images.tags(place).is_empty();
        self.status.is_none_or(|status| images.life(place).status == status)
            && match self.tag_status {
                "TAGGED" => tagged(),
                "UNTAGGED" => !tagged(),
                _ => true,
            }
    }

    fn words(&self) -> [&str; 2] {
        [self.status.map_or("ANY", ImageStatus::word), self.tag_status]
    }
}

/// `ListImages`: an entry for each tag, and one for an image without tags.
pub(super) fn list(request: &ImagesRequest, context: &Context<'_>) -> Result<Page<ImageId>, ServiceError> {
    let repository = context.repository(request.repository_name())?;
    let images = &repository.images;
    let chosen = Chosen::of(request.filter.as_ref());
    paged(request, context, repository, "ListImages", &chosen, |place| {
        let digest = Some(key::text(&images.digest(place)));
        let tags = images.tags(place);
        let with = |image_tag| ImageId { image_digest: digest.clone(), image_tag };
        if tags.is_empty() {
            vec![with(None)]
        } else {
            tags.iter().map(|tag| with((chosen.tag_status != "UNTAGGED").then(|| tag.clone()))).collect()
        }
    })
}

/// `DescribeImages`: pages of all images, or the images that the request names.
pub(super) fn describe(
    request: &ImagesRequest,
    context: &Context<'_>,
) -> Result<Page<ImageDetail>, ServiceError> {
    let name = request.repository_name();
    let repository = context.repository(name)?;
    let images = &repository.images;
    let detail = |place| ImageDetail::of(images, place, context.account_id, name);
    let Some(ids) = &request.image_ids else {
        let chosen = Chosen::of(request.filter.as_ref());
        return paged(request, context, repository, "DescribeImages", &chosen, |place| vec![detail(place)]);
    };
    let mut entries = Vec::with_capacity(ids.len());
    for id in ids {
        // Archived images are shown if they are named: AWS does not document whether the filter applies.
        let place = batch_get::find(images, id).map_err(|_| not_found(id, name, context.account_id))?;
        entries.push(Some(detail(place)));
    }
    Ok(Page { entries, next_token: None, repeats: false, loops: false })
}

/// One image that is not there fails the whole call. The wording is from reports of users.
fn not_found(id: &ImageId, name: &str, account_id: &str) -> ServiceError {
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "null".into());
    let text = format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
         name '{name}' in the registry with id '{account_id}'",
        word(&id.image_digest),
        word(&id.image_tag)
    );
    ServiceError::new("ImageNotFoundException", text)
}

fn paged<T>(
    request: &ImagesRequest,
    context: &Context<'_>,
    repository: &Repository,
    operation: &str,
    chosen: &Chosen<'_>,
    entries_of: impl Fn(Place) -> Vec<T>,
) -> Result<Page<T>, ServiceError> {
    let [status, tag_status] = chosen.words();
    let words = [operation, request.repository_name(), status, tag_status];
    let scope = TokenScope::new(context.seed, &words);
    let start = match &request.next_token {
        None => None,
        Some(token) => {
            let position = scope.position(token).and_then(|bytes| Position::of_bytes(&bytes));
            Some(position.ok_or_else(bad_token)?)
        }
    };
    let size = request.page_size();
    let mut positions: Vec<Position> = Vec::with_capacity(size);
    let mut entries = Vec::with_capacity(size);
    let mut next = None;
    let places = repository.images.from(start.map(|position| position.place));
    'places: for place in places.filter(|&place| chosen.has(&repository.images, place)) {
        // Tags before the position were on an earlier page, unless the image of that page is gone.
        let first = start.filter(|position| position.place == place).map_or(0, |position| position.tag);
        for (tag, entry) in (0u32..).zip(entries_of(place)).skip(first as usize) {
            let position = Position { place, tag };
            if entries.len() == size {
                next = Some(position);
                break 'places;
            }
            positions.push(position);
            entries.push(Some(entry));
        }
    }
    let mut page = Page { entries, next_token: None, repeats: false, loops: false };
    if let Some(share) = context.page_faults.repeat
        && next.is_some()
    {
        // At least one entry is new on the next page, so that the listing ends.
        let again = ((share * size as f64).round() as usize).clamp(1, size).min(size - 1);
        next = positions.get(size - again).copied().or(next);
        page.repeats = again > 0;
    }
    page.next_token = next.map(|next| scope.token(&next.to_bytes()));
    if context.page_faults.looped {
        let first = positions.first().copied().or(start);
        let again = request.next_token.clone().or(first.map(|first| scope.token(&first.to_bytes())));
        page.loops = again.is_some();
        page.next_token = again.or(page.next_token);
    }
    Ok(page)
}
