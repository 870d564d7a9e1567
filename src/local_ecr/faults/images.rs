//! Faults of content in the answers of images: pages of listings, and manifests.

use super::{FaultSpec, MAX_PADDING};
use crate::local_ecr::images::Images;
use crate::local_ecr::images::made::{ImageRule, MadeImages};
use crate::local_ecr::operations::request::{ENDLESS, ImageId, ImagesRequest};
use crate::local_ecr::operations::{
    Answer, Image, ImageDetail, ImageFailure, ImagesAnswer, Page, find_image,
};
use crate::local_ecr::random::Random;
use crate::local_ecr::service::key;
use crate::local_ecr::service::operation::Operation;

/// Applies one fault of content to an answer; returns whether it changed it.
pub(crate) fn apply(spec: &FaultSpec, operation: Operation, mut random: Random, answer: &mut Answer) -> bool {
    if let FaultSpec::TokenEndless = spec {
        return operation.is_paged() && make_endless(random.next(), answer);
    }
    match answer {
        Answer::Details(page) => apply_to_page(spec, random, page),
        Answer::Ids(page) => apply_to_page(spec, random, page),
        Answer::Images(answer) => apply_to_images(spec, random, answer),
        Answer::Bytes(_) => false,
    }
}

/// Puts a token that was never given before in place of the token of the next page, if there is one.
fn make_endless(number: u64, answer: &mut Answer) -> bool {
    let token = |real: Option<&str>| format!("{ENDLESS}{number:016x}-{}", real.unwrap_or_default());
    match answer {
        Answer::Details(page) => page.next_token = Some(token(page.next_token.as_deref())),
        Answer::Ids(page) => page.next_token = Some(token(page.next_token.as_deref())),
        Answer::Images(_) => return false,
        Answer::Bytes(bytes) => {
            let Ok(mut page) = serde_json::from_slice::<serde_json::Value>(bytes) else { return false };
            page["nextToken"] = token(page["nextToken"].as_str()).into();
            *bytes = page.to_string().into_bytes();
        }
    }
    true
}

/// Deletes a share of the images that a request names; returns whether there was one.
pub(crate) fn delete_named(
    request: &ImagesRequest,
    share: f64,
    mut random: Random,
    images: &mut Images,
) -> bool {
    let named = request.image_ids.iter().flatten();
    let places: Vec<_> = named.filter_map(|id| find_image(images, id).ok()).collect();
    let chosen = some(share, places.len(), &mut random);
    for &index in &chosen {
        images.remove(places[index]);
    }
    !chosen.is_empty()
}

/// Indices of a share of the entries, at least one if there are any.
fn some(share: f64, len: usize, random: &mut Random) -> Vec<usize> {
    if len == 0 {
        return Vec::new();
    }
    random.choose(len, ((share * len as f64).round() as usize).clamp(1, len))
}

fn keep<T>(entries: &mut Vec<T>, left_out: &[usize]) {
    let mut index = 0..;
    entries.retain(|_| index.next().is_none_or(|index| left_out.binary_search(&index).is_err()));
}

/// An entry of a listing.
trait Listed: Clone {
    fn digest(&mut self) -> Option<&mut String>;
    /// The entry once for each of its tags.
    fn by_tag(&self) -> Vec<Self>;
}

impl Listed for ImageDetail {
    fn digest(&mut self) -> Option<&mut String> {
        Some(&mut self.image_digest)
    }

    fn by_tag(&self) -> Vec<Self> {
        let one = |tag: &String| {
            let mut one = self.clone();
            one.image_tags = vec![tag.clone()];
            one
        };
        if self.image_tags.is_empty() {
            vec![self.clone()]
        } else {
            self.image_tags.iter().map(one).collect()
        }
    }
}

impl Listed for ImageId {
    fn digest(&mut self) -> Option<&mut String> {
        self.image_digest.as_mut()
    }

    fn by_tag(&self) -> Vec<Self> {
        vec![self.clone()]
    }
}

fn apply_to_page<T: Listed>(spec: &FaultSpec, mut random: Random, page: &mut Page<T>) -> bool {
    let entries = &mut page.entries;
    let len = entries.len();
    match spec {
        // The operation has applied these.
        FaultSpec::PageRepeat { .. } => return page.repeats,
        FaultSpec::TokenLoop => return page.loops,
        _ if entries.is_empty() => return false,
        FaultSpec::PageNull { share } => {
            for index in some(*share, len, &mut random).into_iter().rev() {
                entries.insert(index, None);
            }
        }
        FaultSpec::TagRepeat => {
            *entries = entries.iter().flatten().flat_map(Listed::by_tag).map(Some).collect();
            return entries.len() > len;
        }
        FaultSpec::Shuffle => random.shuffle(entries),
        FaultSpec::Omit { share } => keep(entries, &some(*share, len, &mut random)),
        FaultSpec::Repeat { share } => {
            let again: Vec<_> =
                some(*share, len, &mut random).iter().map(|&index| entries[index].clone()).collect();
            entries.extend(again);
        }
        FaultSpec::UpperCase { share } => {
            for index in some(*share, len, &mut random) {
                upper_case(entries[index].as_mut().and_then(Listed::digest));
            }
        }
        _ => return false,
    }
    true
}

fn upper_case(digest: Option<&mut String>) {
    if let Some(digest) = digest
        && let Some((algorithm, hex)) = digest.split_once(':')
    {
        *digest = format!("{algorithm}:{}", hex.to_ascii_uppercase());
    }
}

fn apply_to_images(spec: &FaultSpec, mut random: Random, answer: &mut ImagesAnswer) -> bool {
    if let FaultSpec::FailureWithoutDigest = spec {
        for failure in &mut answer.failures {
            // As moto writes it.
            failure.image_id = ImageId { image_digest: None, image_tag: Some("null".into()) };
        }
        return !answer.failures.is_empty();
    }
    let images = &mut answer.images;
    let len = images.len();
    if images.is_empty() {
        return false;
    }
    match spec {
        FaultSpec::Shuffle => random.shuffle(images),
        FaultSpec::Omit { share } => keep(images, &some(*share, len, &mut random)),
        FaultSpec::Repeat { share } => {
            let again: Vec<_> =
                some(*share, len, &mut random).iter().map(|&index| images[index].clone()).collect();
            images.extend(again);
        }
        FaultSpec::TagRepeat => {
            let once = |image: &Image| image.tags.len().max(1);
            let again: Vec<Image> = images
                .iter()
                .flat_map(|image| (0..once(image)).map(|index| with_tag(image, image.tags.get(index))))
                .collect();
            *images = again;
            return images.len() > len;
        }
        FaultSpec::Foreign { share } => {
            let count = some(*share, len, &mut random).len();
            let foreign: Vec<Image> = (0..count).map(|_| foreign(&images[0], &mut random)).collect();
            images.extend(foreign);
            random.shuffle(images);
        }
        FaultSpec::UpperCase { share } => {
            for index in some(*share, len, &mut random) {
                upper_case(images[index].image_id.image_digest.as_mut());
            }
        }
        FaultSpec::Contradict { share } => {
            for index in some(*share, len, &mut random) {
                let failure = failure(&images[index], "ImageNotFound", "Requested image not found");
                answer.failures.push(failure);
            }
        }
        FaultSpec::FailureCode { share, code } => {
            let failed = some(*share, len, &mut random);
            let failures =
                failed.iter().map(|&index| failure(&images[index], code, "A fault of the local endpoint"));
            answer.failures.extend(failures.collect::<Vec<_>>());
            keep(images, &failed);
        }
        FaultSpec::UnknownFailure { share, word } => {
            let failed = some(*share, len, &mut random);
            let reason = "A reason this model does not know";
            let failures = failed.iter().map(|&index| failure(&images[index], word, reason));
            answer.failures.extend(failures.collect::<Vec<_>>());
            keep(images, &failed);
        }
        FaultSpec::WrongManifest { share } => {
            for index in some(*share, len, &mut random) {
                images[index].image_manifest = other_manifest(&mut random).1;
            }
        }
        FaultSpec::Converted { share } => {
            for index in some(*share, len, &mut random) {
                convert(&mut images[index]);
            }
        }
        FaultSpec::BigAnswer { bytes } => {
            // The answer is made in memory.
            let each = (*bytes).min(MAX_PADDING / len as u64);
            for image in images {
                image.padding = "x".repeat(each as usize);
            }
        }
        _ => return false,
    }
    true
}

fn with_tag(image: &Image, tag: Option<&String>) -> Image {
    let image_id = ImageId { image_tag: tag.cloned(), ..image.image_id.clone() };
    Image { image_id, ..image.clone() }
}

fn failure(image: &Image, code: &str, reason: &str) -> ImageFailure {
    ImageFailure {
        image_id: image.image_id.clone(),
        failure_code: code.to_owned(),
        failure_reason: reason.to_owned(),
    }
}

/// A digest and the manifest of another image, which fits it.
fn other_manifest(random: &mut Random) -> (String, String) {
    let other =
        MadeImages::new(ImageRule { images: 1, layers: 1, seed: random.next(), ..ImageRule::default() });
    (key::text(&other.digest(0)), other.manifest(0))
}

/// An image that nobody asked for.
fn foreign(image: &Image, random: &mut Random) -> Image {
    let (digest, image_manifest) = other_manifest(random);
    let image_id = ImageId { image_digest: Some(digest), image_tag: None };
    Image { image_id, image_manifest, ..image.clone() }
}

/// OCI's media types and Docker's, which the service exchanges when it converts.
const CONVERSIONS: [(&str, &str); 4] = [
    ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"),
    ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"),
    ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"),
    ("application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
];

fn convert(image: &mut Image) {
    let to_docker = !image.image_manifest.contains("vnd.docker.");
    for (oci, docker) in CONVERSIONS {
        let (from, to) = if to_docker { (oci, docker) } else { (docker, oci) };
        image.image_manifest = image.image_manifest.replace(from, to);
        if let Some(media_type) = &mut image.image_manifest_media_type
            && media_type == from
        {
            to.clone_into(media_type);
        }
    }
}
