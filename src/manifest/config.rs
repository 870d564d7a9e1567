//! The config of an image: the platform, and the digests of its unpacked layers.
//!
//! An index tells the platform of a child; for an image without an index only its config does. The digests of
//! unpacked layers tell which files of an archive are layers.

use super::descriptor::{Platform, digest, platform_member};
use super::error::{ManifestError, ManifestErrorKind};
use super::{MAX_DESCRIPTORS, MAX_DOCUMENT};
use crate::digest::Digest;
use crate::json::{self, Scanner};
use crate::memory;

/// What the config of an image says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig<'a> {
    /// The platform that the image runs on; None if the config gives neither an os nor an architecture, as
    /// those of artifacts do not.
    pub platform: Option<Platform<'a>>,
    /// `rootfs.diff_ids`: the sha256 of each unpacked layer. Other values are left out.
    pub diff_ids: Vec<Digest>,
}

impl<'a> ImageConfig<'a> {
    /// Reads the config of an image.
    ///
    /// # Errors
    /// If the document is not a JSON object, or beyond a limit.
    pub fn read(document: &'a [u8]) -> Result<Self, ManifestError> {
        if document.len() > MAX_DOCUMENT {
            return Err(ManifestErrorKind::TooLong.at(MAX_DOCUMENT));
        }
        let mut json = Scanner::new(json::checked(document)?);
        let mut platform = Platform::default();
        let mut diff_ids = Vec::new();
        let is_object = json.document::<ManifestError>(|json| {
            let key = json.key()?;
            if !key.is("rootfs") {
                return platform_member(json, key, &mut platform);
            }
            json.object::<ManifestError>(|json| {
                if !json.key()?.is("diff_ids") {
                    return Ok(json.skip()?);
                }
                diff_ids.clear();
                json.list::<ManifestError>(|json| {
                    let at = json.at();
                    if let Ok(digest) = digest(json)? {
                        memory::push(&mut diff_ids, digest)
                            .map_err(|_| ManifestErrorKind::NoMemory.at(at))?;
                    }
                    if diff_ids.len() > MAX_DESCRIPTORS {
                        return Err(ManifestErrorKind::TooManyDescriptors.at(at));
                    }
                    Ok(())
                })
                .map(drop)
            })
            .map(drop)
        })?;
        if !is_object {
            return Err(ManifestErrorKind::NotAnObject.at(0));
        }
        let is_given = !platform.os.is_empty() || !platform.architecture.is_empty();
        Ok(Self { platform: is_given.then_some(platform), diff_ids })
    }
}
