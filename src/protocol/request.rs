//! Writes a batch of digests as a request body.

use crate::digest::{Digest, TEXT_LEN};

const TAIL: &[u8] = b"]}";

/// Writes request bodies for one target. Everything but the digests is made once.
///
/// ```
/// use layercheck::protocol::request::Packer;
/// use layercheck::Digest;
///
/// let packer = Packer::new("team/app", Some("123456789012"));
/// let mut body = Vec::new();
/// packer.pack(&[Digest([0; 32])], &mut body);
/// let start = br#"{"registryId":"123456789012","repositoryName":"team/app","layerDigests":["sha256:00"#;
/// assert!(body.starts_with(start));
/// ```
#[derive(Clone, Debug)]
pub struct Packer {
    head: Vec<u8>,
}

impl Packer {
    /// Makes a packer for one repository. The field names are those of botocore's shape
    /// `BatchCheckLayerAvailabilityRequest`.
    #[must_use]
    pub fn new(repository_name: &str, registry_id: Option<&str>) -> Self {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let registry = registry_id.map(|id| format!("\"registryId\":{},", quoted(id)));
        let head = format!(
            "{{{}\"repositoryName\":{},\"layerDigests\":[",
            registry.unwrap_or_default(),
            quoted(repository_name)
        );
        Self { head: head.into_bytes() }
    }

    /// Replaces `body` with the request for `digests`.
    pub fn pack(&self, digests: &[Digest], body: &mut Vec<u8>) {
        body.clear();
        body.resize(self.len(digests.len()), 0);
        self.pack_into(digests, body);
    }

    /// Returns the length in bytes of a request for so many digests.
    #[must_use]
    pub fn len(&self, digests: usize) -> usize {
        // Quotation marks around each digest and a comma between any two.
        self.head.len() + digests * (TEXT_LEN + 3) - usize::from(digests > 0) + TAIL.len()
    }

    /// Writes the request for `digests` into `body`, which must have exactly its length.
    ///
    /// # Panics
    /// If `body` is not [`Packer::len`] bytes long.
    pub fn pack_into(&self, digests: &[Digest], body: &mut [u8]) {
        assert_eq!(body.len(), self.len(digests.len()), "the request fills the body");
        let (head, rest) = body.split_at_mut(self.head.len());
        let (list, tail) = rest.split_at_mut(rest.len() - TAIL.len());
        head.copy_from_slice(&self.head);
        tail.copy_from_slice(TAIL);
        for (place, digest) in list.chunks_mut(TEXT_LEN + 3).zip(digests) {
            place[0] = b'"';
            place[1..=TEXT_LEN].copy_from_slice(&digest.text());
            place[TEXT_LEN + 1] = b'"';
            // The place of the last digest has no room for a comma.
            if let Some(comma) = place.get_mut(TEXT_LEN + 2) {
                *comma = b',';
            }
        }
    }
}
