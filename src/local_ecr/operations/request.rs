//! Requests of the operations of images, and the limits of the service model.

use serde::{Deserialize, Serialize};

use crate::local_ecr::service::Service;
use crate::local_ecr::service::operation::Operation;
use crate::local_ecr::service::request::{ServiceError, parse_object};

/// The members of all requests of images. Each operation reads its own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImagesRequest {
    pub(crate) registry_id: Option<String>,
    pub(crate) repository_name: Option<String>,
    pub(crate) repository_names: Option<Vec<String>>,
    pub(crate) image_ids: Option<Vec<ImageId>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<i64>,
    pub(crate) accepted_media_types: Option<Vec<String>>,
    pub(crate) image_manifest: Option<String>,
    pub(crate) image_manifest_media_type: Option<String>,
    pub(crate) image_tag: Option<String>,
    pub(crate) image_digest: Option<String>,
    pub(crate) layer_digest: Option<String>,
    pub(crate) ecr_repository_prefixes: Option<Vec<String>>,
    pub(crate) name: Option<String>,
}

/// `ImageIdentifier`, in requests and answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageId {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_tag: Option<String>,
}

impl ImageId {
    /// The digest, else the tag.
    fn name(&self) -> Option<&str> {
        self.image_digest.as_deref().or(self.image_tag.as_deref())
    }
}

/// `ListImagesFilter` and `DescribeImagesFilter`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filter {
    pub(crate) tag_status: Option<String>,
    pub(crate) image_status: Option<String>,
}

/// Start of the tokens of an endless listing, in front of a number and the token that a page has otherwise.
pub(crate) const ENDLESS: &str = "endless-";

const NULL: &str = "Member must not be null";
/// Entries of a list in a request: shapes `ImageIdentifierList`, `MediaTypeList`, `RepositoryNameList` and
/// `PullThroughCacheRuleRepositoryPrefixList`.
const MAX_LIST: usize = 100;
/// Entries of a page: shape `MaxResults`.
const MAX_RESULTS: i64 = 1000;
/// Characters of a manifest: shape `ImageManifest`.
const MAX_MANIFEST: usize = 4 << 20;
/// Characters of a tag: shape `ImageTag`.
const MAX_TAG: usize = 300;

impl ImagesRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ServiceError> {
        let mut request: Self = parse_object(body)?;
        request.next_token = request.next_token.and_then(|token| match token.strip_prefix(ENDLESS) {
            Some(made) => {
                made.split_once('-').map(|(_, real)| real.to_owned()).filter(|real| !real.is_empty())
            }
            None => Some(token),
        });
        Ok(request)
    }

    pub(crate) fn repository_name(&self) -> &str {
        self.repository_name.as_deref().unwrap_or_default()
    }

    /// The images, or the layer, that the request names: the digest, else the tag.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let images = self.image_ids.iter().flatten();
        images.filter_map(ImageId::name).chain(self.layer_digest.as_deref())
    }

    /// Entries of a page: 100 if the request does not say, as the service model documents.
    pub(crate) fn page_size(&self) -> usize {
        self.max_results.map_or(100, |most| most as usize)
    }

    /// Checks everything for which the service refuses a whole call.
    pub(crate) fn check(&self, operation: Operation) -> Result<(), ServiceError> {
        let wrong = |name: &str, fault: &str| Err(ServiceError::parameter(name, fault));
        if let Some(fault) = self.registry_id.as_deref().and_then(|id| Service::Private.registry_id_fault(id))
        {
            return wrong("registryId", &fault);
        }
        if operation.needs_repository() {
            let Some(name) = &self.repository_name else {
                return wrong("repositoryName", NULL);
            };
            if let Some(fault) = Service::Private.repository_name_fault(name) {
                return wrong("repositoryName", &fault);
            }
        }
        check_list("repositoryNames", self.repository_names.as_deref())?;
        for name in self.repository_names.iter().flatten() {
            if let Some(fault) = Service::Private.repository_name_fault(name) {
                return wrong("repositoryNames", &format!("Member must satisfy constraint: [{fault}]"));
            }
        }
        check_list("imageIds", self.image_ids.as_deref())?;
        check_list("acceptedMediaTypes", self.accepted_media_types.as_deref())?;
        check_list("ecrRepositoryPrefixes", self.ecr_repository_prefixes.as_deref())?;
        self.check_page()?;
        self.check_filter()?;
        match operation {
            Operation::BatchGetImage if self.image_ids.is_none() => wrong("imageIds", NULL),
            Operation::PutImage => self.check_push(),
            Operation::GetDownloadUrlForLayer => self.check_layer(),
            Operation::GetAccountSetting if self.name.is_none() => wrong("name", NULL),
            _ => Ok(()),
        }
    }

    fn check_page(&self) -> Result<(), ServiceError> {
        if let Some(most) = self.max_results {
            let fault = match most {
                1..=MAX_RESULTS => None,
                ..1 => Some("Member must have value greater than or equal to 1"),
                _ => Some("Member must have value less than or equal to 1000"),
            };
            if let Some(fault) = fault {
                return Err(ServiceError::parameter("maxResults", fault));
            }
        }
        let by_name = self.image_ids.is_some() || self.repository_names.is_some();
        let paged = [("nextToken", self.next_token.is_some()), ("maxResults", self.max_results.is_some())];
        match paged.iter().find(|(_, given)| *given && by_name) {
            Some((name, _)) => {
                let named = if self.image_ids.is_some() { "imageIds" } else { "repositoryNames" };
                // The model documents the rule; the wording is made up.
                let fault = format!("Member must not be specified when {named} is specified");
                Err(ServiceError::parameter(name, &fault))
            }
            None => Ok(()),
        }
    }

    fn check_filter(&self) -> Result<(), ServiceError> {
        let Some(filter) = &self.filter else {
            return Ok(());
        };
        let check = |name: &str, word: &Option<String>, known: &[&str]| match word {
            Some(word) if !known.contains(&&**word) => {
                let fault = format!("Member must satisfy enum value set: [{}]", known.join(", "));
                Err(ServiceError::parameter(name, &fault))
            }
            _ => Ok(()),
        };
        check("filter.tagStatus", &filter.tag_status, &["TAGGED", "UNTAGGED", "ANY"])?;
        check("filter.imageStatus", &filter.image_status, &["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"])
    }

    fn check_push(&self) -> Result<(), ServiceError> {
        let wrong = |name: &str, fault: &str| Err(ServiceError::parameter(name, fault));
        let Some(manifest) = &self.image_manifest else {
            return wrong("imageManifest", NULL);
        };
        if manifest.is_empty() {
            return wrong("imageManifest", "Member must have length greater than or equal to 1");
        }
        if manifest.len() > MAX_MANIFEST && manifest.chars().count() > MAX_MANIFEST {
            return wrong("imageManifest", "Member must have length less than or equal to 4194304");
        }
        match &self.image_tag {
            Some(tag) => check_tag(tag).map_or(Ok(()), |fault| wrong("imageTag", fault)),
            None => Ok(()),
        }
    }

    fn check_layer(&self) -> Result<(), ServiceError> {
        let Some(digest) = &self.layer_digest else {
            return Err(ServiceError::parameter("layerDigest", NULL));
        };
        if is_digest(digest) {
            return Ok(());
        }
        let fault = format!("must satisfy regular expression '{DIGEST_PATTERN}'");
        Err(ServiceError::parameter("layerDigest", &fault))
    }
}

/// The pattern of a digest in the service model.
pub(crate) const DIGEST_PATTERN: &str = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+";

/// Whether the text has the pattern of a digest.
pub(crate) fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digits)| {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte);
        !algorithm.is_empty()
            && algorithm.bytes().all(is_word)
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// What is wrong with a tag, by the OCI distribution specification and the length of the service model.
pub(crate) fn check_tag(tag: &str) -> Option<&'static str> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    if tag.len() > MAX_TAG {
        return Some("Member must have length less than or equal to 300");
    }
    (!bytes.next().is_some_and(is_word) || !bytes.all(|byte| is_word(byte) || b".-".contains(&byte)))
        .then_some("must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9-_.]{0,299}'")
}

fn check_list<T>(name: &str, list: Option<&[T]>) -> Result<(), ServiceError> {
    let fault = match list.map(<[T]>::len) {
        Some(0) => "Member must have length greater than or equal to 1",
        Some(length) if length > MAX_LIST => "Member must have length less than or equal to 100",
        _ => return Ok(()),
    };
    Err(ServiceError::parameter(name, fault))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ImagesRequest, check_tag, is_digest};
    use crate::local_ecr::service::operation::Operation;

    fn refused(operation: Operation, mut body: Value) -> Option<String> {
        let object = body.as_object_mut().unwrap();
        object.entry("repositoryName").or_insert_with(|| "app".into());
        let request = ImagesRequest::parse(body.to_string().as_bytes()).unwrap();
        request.check(operation).err().map(|error| {
            assert_eq!(error.code, "InvalidParameterException");
            error.message
        })
    }

    #[test]
    fn limits_are_those_of_the_service_model() {
        use Operation::{BatchGetImage, DescribeImages, GetDownloadUrlForLayer, ListImages, PutImage};
        let ids = |count: usize| json!(vec![json!({"imageTag": "v1"}); count]);
        for (operation, body, said) in [
            (BatchGetImage, json!({"imageIds": ids(100)}), None),
            (BatchGetImage, json!({"imageIds": ids(101)}), Some("imageIds")),
            (BatchGetImage, json!({"imageIds": []}), Some("imageIds")),
            (BatchGetImage, json!({}), Some("imageIds")),
            (DescribeImages, json!({}), None),
            (DescribeImages, json!({"imageIds": ids(1), "nextToken": "x"}), Some("nextToken")),
            (DescribeImages, json!({"imageIds": ids(1), "maxResults": 10}), Some("maxResults")),
            (ListImages, json!({"maxResults": 1000}), None),
            (ListImages, json!({"maxResults": 0}), Some("maxResults")),
            (ListImages, json!({"maxResults": 1001}), Some("maxResults")),
            (ListImages, json!({"filter": {"imageStatus": "ANY", "tagStatus": "TAGGED"}}), None),
            (ListImages, json!({"filter": {"imageStatus": "GONE"}}), Some("ACTIVATING, ANY")),
            (ListImages, json!({"filter": {"tagStatus": "tagged"}}), Some("tagStatus")),
            (ListImages, json!({"repositoryName": "Not A Name"}), Some("repositoryName")),
            (ListImages, json!({"registryId": "12"}), Some("registryId")),
            (PutImage, json!({"imageManifest": "{}"}), None),
            (PutImage, json!({"imageManifest": ""}), Some("imageManifest")),
            (PutImage, json!({"imageManifest": "x".repeat(4_194_305)}), Some("4194304")),
            (PutImage, json!({"imageManifest": "{}", "imageTag": "-x"}), Some("imageTag")),
            (GetDownloadUrlForLayer, json!({"layerDigest": "sha256:ab"}), None),
            (GetDownloadUrlForLayer, json!({"layerDigest": "ab"}), Some("regular expression")),
        ] {
            let refused = refused(operation, body.clone());
            match said {
                None => assert_eq!(refused, None, "{operation:?}"),
                Some(said) => assert!(
                    refused.as_ref().is_some_and(|text| text.contains(said)),
                    "{operation:?}: {refused:?}"
                ),
            }
        }
    }

    #[test]
    fn digests_and_tags_follow_their_patterns() {
        for (text, fits) in
            [("sha256:00Ff", true), ("sha512:0", true), ("sha256:", false), (":00", false), ("a b:0", false)]
        {
            assert_eq!(is_digest(text), fits, "{text}");
        }
        for (tag, fits) in [("v1", true), ("_x.y-z", true), ("", false), (".x", false), ("a/b", false)] {
            assert_eq!(check_tag(tag).is_none(), fits, "{tag}");
        }
        assert!(check_tag(&"x".repeat(300)).is_none());
        assert!(check_tag(&"x".repeat(301)).is_some());
    }
}
