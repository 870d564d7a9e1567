//! Takes what a listing says of images.

use super::graph::{Graph, NO_TIME, Reading, fact};
use crate::digest::Digest;
use crate::digest::hex::{self, Decoded};
use crate::memory::{self, OutOfMemory};

/// What a listing says of one image. Texts may be empty, and values unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedImage<'a> {
    /// `imageDigest`.
    pub digest: &'a str,
    /// `imageTags`, or the one `imageTag` of `ListImages`.
    pub tags: Vec<&'a str>,
    /// `imageStatus`: ACTIVE, ARCHIVED, ACTIVATING. Any other word, and none, counts as ACTIVE.
    pub status: &'a str,
    /// `imageManifestMediaType`.
    pub media_type: &'a str,
    /// `artifactMediaType`.
    pub artifact_type: &'a str,
    /// `subjectManifestDigest`.
    pub subject: &'a str,
    /// `imagePushedAt`, in milliseconds since 1970.
    pub pushed_ms: Option<i64>,
    /// `lastRecordedPullTime`, in milliseconds since 1970.
    pub pulled_ms: Option<i64>,
    /// `imageSizeInBytes`.
    pub size: Option<i64>,
}

impl Graph {
    /// Takes one image. An image that was listed before gets more tags, and what was unknown of it.
    ///
    /// Returns true if it is new. An entry without a canonical sha256 is skipped and counted.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn list(&mut self, image: &ListedImage<'_>) -> Result<bool, OutOfMemory> {
        let Some(digest) = digest_of(image.digest) else {
            self.skipped += 1;
            return Ok(false);
        };
        memory::reserve(&mut self.listed, 1)?;
        let at = self.number(&digest)?;
        let subject = match digest_of(image.subject) {
            Some(subject) => Some(self.number(&subject)?),
            None => None,
        };
        let (status, media_type) = (self.word(image.status), self.word(image.media_type));
        let artifact_type = self.word(image.artifact_type);
        let document = &mut self.documents[at as usize];
        let is_new = !document.is(fact::LISTED);
        if is_new {
            document.facts =
                (document.facts & !(fact::FOUND | fact::GONE | fact::DENIED_ONCE)) | fact::LISTED;
            self.listed.push(at);
        }
        if document.status == 0 {
            document.status = status;
            if matches!(image.status, "ARCHIVED" | "ACTIVATING") {
                document.facts |= fact::ARCHIVED;
            }
        }
        if document.reading != Reading::Read || document.media_type == 0 {
            document.media_type = or(document.media_type, media_type);
        }
        document.artifact_type = or(document.artifact_type, artifact_type);
        if let Some(subject) = subject {
            document.subject = subject;
        }
        if document.pushed_ms == NO_TIME {
            document.pushed_ms = image.pushed_ms.unwrap_or(NO_TIME);
        }
        if document.pulled_ms == NO_TIME {
            document.pulled_ms = image.pulled_ms.unwrap_or(NO_TIME);
        }
        if document.size < 0 {
            document.size = image.size.filter(|size| *size >= 0).unwrap_or(-1);
        }
        for tag in &image.tags {
            if tag.is_empty() || tag.len() > MAX_TAG || !self.tags.add(&mut document.tags, tag)? {
                self.skipped += 1;
            }
        }
        Ok(is_new)
    }

    /// Counts an entry or a value that could not be used.
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Returns at most `limit` listed images whose manifests are needed and were not handed out, and marks them
    /// as handed out.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn hand_out(&mut self, limit: usize) -> Result<Vec<Digest>, OutOfMemory> {
        let mut out = memory::with_room(limit.min(self.listed.len()))?;
        while let Some(at) = self.listed.get(self.next_unread)
            && out.len() < limit
        {
            self.next_unread += 1;
            let document = &mut self.documents[*at as usize];
            if document.reading == Reading::Unread && document.is_active() {
                document.reading = Reading::HandedOut;
                out.push(self.index.digests()[*at as usize]);
            }
        }
        Ok(out)
    }

    /// Takes back images that were handed out, so that they are handed out again.
    pub fn take_back(&mut self, digests: &[Digest]) {
        for digest in digests {
            if let Some(at) = self.find_listed(digest)
                && self.document(at).reading == Reading::HandedOut
            {
                self.documents[at as usize].reading = Reading::Unread;
                // Few images come back, so the search starts anew.
                self.next_unread = 0;
            }
        }
    }
}

/// Longest tag that is kept, in bytes. ECR allows 300 characters (botocore shape `ImageTag`).
const MAX_TAG: usize = 1_200;

/// Reads a digest as the service writes it; None for any other text.
#[must_use]
pub fn digest_of(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix("sha256:")?.as_bytes().try_into().ok()?;
    let mut digest = Digest([0; 32]);
    (hex::decode(digits, &mut digest.0) == Decoded::Lower).then_some(digest)
}

const fn or(known: u16, new: u16) -> u16 {
    if known == 0 { new } else { known }
}
