//! Writes a batch of digests as a request body.

use crate::digest::{Digest, hex};

const TAIL: &[u8] = b"]}";

/// What stands before the digits of a digest in the list, and behind them.
const ITEM_START: &[u8; 8] = b"\"sha256:";
const ITEM_END: &[u8; 2] = b"\",";

/// Bytes of a digest in the list.
const ITEM_LEN: usize = ITEM_START.len() + hex::TEXT_LEN + ITEM_END.len();

/// Digests whose digits are made at once.
const AT_ONCE: usize = 25;

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
        self.head.len() + digests * ITEM_LEN - usize::from(digests > 0) + TAIL.len()
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
        // The digits of several digests are made at once, because choosing the kernel for each digest costs
        // more than its digits. Measured by the case `100 digests to a request body` of `bench/`.
        let mut digits = [[0; hex::TEXT_LEN]; AT_ONCE];
        for (places, digests) in list.chunks_mut(AT_ONCE * ITEM_LEN).zip(digests.chunks(AT_ONCE)) {
            hex::encode_all(Digest::bytes_of(digests), digits[..digests.len()].as_flattened_mut());
            let (whole, shorter) = places.as_chunks_mut::<ITEM_LEN>();
            for (place, digits) in whole.iter_mut().zip(&digits) {
                place[..ITEM_START.len()].copy_from_slice(ITEM_START);
                place[ITEM_START.len()..][..hex::TEXT_LEN].copy_from_slice(digits);
                place[ITEM_LEN - ITEM_END.len()..].copy_from_slice(ITEM_END);
            }
            // The place of the last digest of all has no room for a comma.
            if let Some(place) = shorter.first_chunk_mut::<{ ITEM_LEN - 1 }>() {
                place[..ITEM_START.len()].copy_from_slice(ITEM_START);
                place[ITEM_START.len()..][..hex::TEXT_LEN].copy_from_slice(&digits[digests.len() - 1]);
                place[ITEM_LEN - ITEM_END.len()] = b'"';
            }
        }
    }
}
