//! Answers and errors as JSON, written in one pass without an allocation per digest.

use std::borrow::Cow;
use std::io::Write;

use super::key;
use super::request::{ServiceError, Text};
use super::store::{Availability, Repository};

/// One entry of an answer, borrowed from request and store unless a fault of content changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) digest: Cow<'a, str>,
    pub(crate) status: EntryStatus<'a>,
}

/// The answer for one digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryStatus<'a> {
    /// An element of `layers`; only available layers have size and media type.
    Layer { availability: Cow<'a, str>, details: Option<(u64, &'a str)> },
    /// An element of `failures`.
    Failure { code: Cow<'a, str>, reason: &'static str },
}

impl EntryStatus<'static> {
    const ABSENT: Self = Self::Layer { availability: Cow::Borrowed("UNAVAILABLE"), details: None };

    const fn failure(code: &'static str, reason: &'static str) -> Self {
        Self::Failure { code: Cow::Borrowed(code), reason }
    }
}

/// Counts of digests by status, before faults of content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) available: u64,
    pub(crate) unavailable: u64,
    pub(crate) archived: u64,
    pub(crate) failed: u64,
}

/// Which words an answer may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wording {
    /// Whether `ARCHIVED` exists. In ECR Public it does not, and an archived layer is `UNAVAILABLE`.
    pub(crate) knows_archived: bool,
    /// Whether absent digests are failures `MissingLayerDigest`, as in moto.
    pub(crate) absent_as_failure: bool,
}

/// The correct entries for `digests`, in the order of the request, with repeats.
pub(crate) fn entries<'a>(
    digests: &'a [Text<'_>],
    repository: &'a Repository,
    wording: Wording,
) -> (Vec<Entry<'a>>, Tally) {
    let mut tally = Tally::default();
    let entries = digests
        .iter()
        .map(|Text(digest)| Entry {
            digest: Cow::Borrowed(digest),
            status: status_of(digest, repository, wording, &mut tally),
        })
        .collect();
    (entries, tally)
}

fn status_of<'a>(
    digest: &str,
    repository: &'a Repository,
    wording: Wording,
    tally: &mut Tally,
) -> EntryStatus<'a> {
    let Some(key) = key::parse(digest) else {
        tally.failed += 1;
        return if digest.is_empty() {
            // The code fits only this case: the request shape allows length 0.
            EntryStatus::failure("MissingLayerDigest", "A layer digest must be specified")
        } else {
            EntryStatus::failure(
                "InvalidLayerDigest",
                "The layer digest must be sha256: and 64 lower-case hexadecimal digits",
            )
        };
    };
    match repository.find(&key) {
        Some(found) if found.availability == Availability::Available => {
            tally.available += 1;
            EntryStatus::Layer {
                availability: Cow::Borrowed(found.availability.word()),
                details: Some((found.size, found.media_type)),
            }
        }
        Some(found) if found.availability == Availability::Archived && wording.knows_archived => {
            tally.archived += 1;
            // AWS does not document size and media type here. They are sent, because the blob exists.
            EntryStatus::Layer {
                availability: Cow::Borrowed(found.availability.word()),
                details: Some((found.size, found.media_type)),
            }
        }
        _ if wording.absent_as_failure => {
            tally.failed += 1;
            EntryStatus::failure("MissingLayerDigest", "The layer does not exist")
        }
        _ => {
            tally.unavailable += 1;
            EntryStatus::ABSENT
        }
    }
}

/// Upper bound of the usual entry in bytes: 71 for the digest, a media type, the member names.
const ENTRY_BYTES: usize = 224;

/// `BatchCheckLayerAvailabilityResponse` as JSON.
pub(crate) fn write(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + entries.len() * ENTRY_BYTES);
    let mut failures = 0;
    out.extend_from_slice(br#"{"layers":["#);
    let mut comma: &[u8] = b"";
    for entry in entries {
        let EntryStatus::Layer { availability, details } = &entry.status else {
            failures += 1;
            continue;
        };
        out.extend_from_slice(comma);
        comma = b",";
        out.extend_from_slice(br#"{"layerDigest":"#);
        string(&mut out, &entry.digest);
        out.extend_from_slice(br#","layerAvailability":"#);
        string(&mut out, availability);
        if let Some((size, media_type)) = details {
            // Writing into a Vec cannot fail.
            let _ = write!(out, r#","layerSize":{size},"mediaType":"#);
            string(&mut out, media_type);
        }
        out.push(b'}');
    }
    out.extend_from_slice(br#"],"failures":["#);
    if failures > 0 {
        comma = b"";
        for entry in entries {
            let EntryStatus::Failure { code, reason } = &entry.status else {
                continue;
            };
            out.extend_from_slice(comma);
            comma = b",";
            out.extend_from_slice(br#"{"layerDigest":"#);
            string(&mut out, &entry.digest);
            out.extend_from_slice(br#","failureCode":"#);
            string(&mut out, code);
            out.extend_from_slice(br#","failureReason":"#);
            string(&mut out, reason);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"]}");
    out
}

/// An error in the form of AWS JSON 1.1.
pub(crate) fn write_error(error: &ServiceError) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + error.code.len() + error.message.len());
    out.extend_from_slice(br#"{"__type":"#);
    string(&mut out, &error.code);
    out.extend_from_slice(br#","message":"#);
    string(&mut out, &error.message);
    out.push(b'}');
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Cannot fail, because every string is valid JSON and the writer is a Vec.
        let _ = serde_json::to_writer(&mut *out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::{Cow, Entry, EntryStatus, write, write_error};
    use crate::local_ecr::service::request::ServiceError;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        #[test]
        fn what_is_written_is_what_serde_reads(digest in any::<String>(), word in any::<String>(), size in any::<u64>()) {
            let entries = [
                Entry { digest: Cow::Borrowed(&digest), status: EntryStatus::failure("C", "r") },
                Entry { digest: Cow::Borrowed(&digest), status: EntryStatus::Layer { availability: Cow::Borrowed(&word), details: Some((size, &word)) } },
                Entry { digest: Cow::Borrowed(&digest), status: EntryStatus::ABSENT },
            ];
            let read: Value = serde_json::from_slice(&write(&entries)).unwrap();
            prop_assert_eq!(read, json!({
                "layers": [
                    {"layerDigest": digest, "layerAvailability": word, "layerSize": size, "mediaType": word},
                    {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"},
                ],
                "failures": [{"layerDigest": digest, "failureCode": "C", "failureReason": "r"}],
            }));
        }

        #[test]
        fn errors_are_json_whatever_they_say(message in any::<String>()) {
            let read: Value = serde_json::from_slice(&write_error(&ServiceError::new("X", message.clone()))).unwrap();
            prop_assert_eq!(read, json!({"__type": "X", "message": message}));
        }
    }

    #[test]
    fn no_entries_are_two_empty_lists() {
        assert_eq!(write(&[]), br#"{"layers":[],"failures":[]}"#);
    }
}
