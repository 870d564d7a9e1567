//! Reads the body of one answer into entries to merge, without an object per entry.
//!
//! An entry must mean what it means after `json.loads` and the merge of parsed answers. The tests compare it
//! with both (`tests/python`, `test_answers.py`, and `tests/fuzz`). The last of two equal keys counts.
//! Unknown keys are skipped. A value of the wrong type counts as absent. An entry is skipped if it is null
//! or has no digest, and so is a layer without a word. A text with half a surrogate pair, which JSON can
//! spell and UTF-8 cannot, counts as empty.
//!
//! A body that is not an answer is an [`AnswerError`], and nothing of it is used. botocore fails on the same
//! bodies, also on those with an entry of another type. Two more kinds of body are errors here: those that
//! Python's reader takes beyond RFC 8259 (`NaN`, `Infinity`), and those beyond the limits, which no honest
//! answer comes near.

mod error;

use std::borrow::Cow;

pub use error::{AnswerError, AnswerErrorKind};

use super::MAX_BATCH;
use super::entry::{Entry, EntryStatus, read_digest};
use crate::digest::{Digest, TEXT_LEN};
use crate::json::{self, Scanner, Text};
pub use crate::json::{MAX_DEPTH, MAX_NUMBER};

/// Longest body that is read, in bytes. An answer for 100 layers is about 21 kB. The dispatcher reads no
/// more than this from the network either (`body_limit_bytes` of its limits).
pub const MAX_BODY: usize = 1 << 20;

/// Most entries of one list. A call asks for 100 digests, and an entry out of order is compared with all of
/// them.
pub const MAX_ENTRIES: usize = 4_096;

/// The entries of one answer. Texts without escapes are borrowed from the body.
#[derive(Clone, Debug, Default)]
pub struct Answer<'a> {
    layers: Vec<Fields<'a>>,
    failures: Vec<Fields<'a>>,
}

/// The fields of an entry. `word` and `note` are `layerAvailability` and `mediaType` of a layer, and
/// `failureCode` and `failureReason` of a failure.
#[derive(Clone, Debug, Default)]
struct Fields<'a> {
    digest: DigestField,
    word: Option<Cow<'a, str>>,
    note: Option<Cow<'a, str>>,
    size: Option<i64>,
}

/// What stands in the digest field of an entry.
#[derive(Clone, Copy, Debug, Default)]
enum DigestField {
    /// No text.
    #[default]
    Missing,
    /// A text that is not a sha256 digest.
    Malformed,
    Digest(Digest),
}

impl DigestField {
    fn digest(self) -> Option<Digest> {
        if let Self::Digest(digest) = self { Some(digest) } else { None }
    }
}

/// The two lists of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Layers,
    Failures,
}

/// The field that a key of an entry names; see [`Fields`].
#[derive(Clone, Copy, Debug)]
enum Field {
    Digest,
    Word,
    Note,
    Size,
    Unknown,
}

/// The value under a list's key.
#[derive(Debug)]
enum Found<'a> {
    /// Nothing or null.
    Nothing,
    Entries(Vec<Fields<'a>>),
    /// Another value than a list, and its offset.
    NotAList(usize),
    /// A list with another element than an entry, and the offset of that element.
    NotAnEntry(usize),
}

impl<'a> Answer<'a> {
    /// Reads the body of one answer.
    ///
    /// ```
    /// use layercheck::protocol::answer::{Answer, AnswerErrorKind};
    ///
    /// let body = br#"{"layers": [{"layerDigest": "sha256:00", "layerAvailability": "AVAILABLE"}]}"#;
    /// assert_eq!(Answer::read(body).unwrap().entries().count(), 1);
    /// let error = Answer::read(b"<html>").unwrap_err();
    /// assert_eq!((error.kind, error.offset), (AnswerErrorKind::Unexpected, 0));
    /// ```
    ///
    /// # Errors
    /// If the body is longer than [`MAX_BODY`] or beyond another limit, is not UTF-8, JSON and an object, or
    /// has neither of the two lists or another value in place of a list.
    pub fn read(body: &'a [u8]) -> Result<Self, AnswerError> {
        if body.len() > MAX_BODY {
            return Err(AnswerErrorKind::TooLong.at(MAX_BODY));
        }
        let mut json = Scanner::new(json::checked(body)?);
        let (mut layers, mut failures) = (Found::Nothing, Found::Nothing);
        let is_object = json.document::<AnswerError>(|json| {
            let key = json.key()?;
            if key.is("layers") {
                layers = list(json, List::Layers)?;
            } else if key.is("failures") {
                failures = list(json, List::Failures)?;
            } else {
                json.skip()?;
            }
            Ok(())
        })?;
        if !is_object {
            return Err(AnswerErrorKind::NotAnObject.at(0));
        }
        match (layers, failures) {
            (Found::NotAList(at), _) | (_, Found::NotAList(at)) => Err(AnswerErrorKind::NotAList.at(at)),
            (Found::NotAnEntry(at), _) | (_, Found::NotAnEntry(at)) => {
                Err(AnswerErrorKind::NotAnEntry.at(at))
            }
            (Found::Nothing, Found::Nothing) => Err(AnswerErrorKind::NoLists.at(body.len())),
            (layers, failures) => Ok(Self { layers: layers.entries(), failures: failures.entries() }),
        }
    }

    /// Returns the entries of the answer, layers first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let layers = self.layers.iter().map(Fields::layer);
        layers.chain(self.failures.iter().map(Fields::failure))
    }
}

impl<'a> Found<'a> {
    fn entries(self) -> Vec<Fields<'a>> {
        match self {
            Self::Entries(entries) => entries,
            Self::Nothing | Self::NotAList(_) | Self::NotAnEntry(_) => Vec::new(),
        }
    }
}

impl Fields<'_> {
    fn layer(&self) -> Entry<'_> {
        let status = EntryStatus::Layer {
            availability: self.word.as_deref().unwrap_or_default(),
            size: self.size,
            media_type: self.note.as_deref(),
        };
        Entry { digest: self.digest.digest(), status }
    }

    fn failure(&self) -> Entry<'_> {
        let code = self.word.as_deref().unwrap_or_default();
        let status = EntryStatus::Failure { code, reason: self.note.as_deref().unwrap_or_default() };
        Entry { digest: self.digest.digest(), status }
    }
}

/// Reads the value of `layers` or `failures`.
fn list<'a>(json: &mut Scanner<'a>, which: List) -> Result<Found<'a>, AnswerError> {
    let at = json.at();
    if json.null()? {
        return Ok(Found::Nothing);
    }
    let mut entries: Vec<Fields<'a>> = Vec::new();
    let mut not_an_entry = None;
    let is_list = json.list(|json| {
        let at = json.at();
        // The entry is filled in place, because moving it took as long as reading it.
        let kept = entries.len();
        if kept == 0 {
            entries.reserve(MAX_BATCH);
        }
        entries.push(Fields::default());
        let (before, new) = entries.split_at_mut(kept);
        if !entry(json, which, before.last(), &mut new[0])? && !json.was_null(at) {
            not_an_entry.get_or_insert(at);
        }
        let skipped =
            matches!(new[0].digest, DigestField::Missing) || (which == List::Layers && new[0].word.is_none());
        if skipped {
            entries.pop();
        } else if kept == MAX_ENTRIES {
            return Err(AnswerErrorKind::TooManyEntries.at(at));
        }
        Ok(())
    })?;
    Ok(match not_an_entry {
        _ if !is_list => Found::NotAList(at),
        Some(at) => Found::NotAnEntry(at),
        None => Found::Entries(entries),
    })
}

/// Reads one element of a list; returns false if the element is not an object. Many entries repeat the texts
/// of the entry `before`.
#[inline]
fn entry<'a>(
    json: &mut Scanner<'a>,
    which: List,
    before: Option<&Fields<'a>>,
    fields: &mut Fields<'a>,
) -> Result<bool, AnswerError> {
    json.object(|json| {
        match field(json, which)? {
            Field::Digest => fields.digest = digest(json)?,
            Field::Word => fields.word = text(json, before.and_then(|before| before.word.as_ref()))?,
            Field::Note => fields.note = text(json, before.and_then(|before| before.note.as_ref()))?,
            Field::Size => fields.size = json.integer()?.filter(|size| *size >= 0),
            Field::Unknown => json.skip()?,
        }
        Ok(())
    })
}

/// Reads the key of a field. The names are those of botocore's shapes `Layer` and `LayerFailure`.
#[inline]
fn field(json: &mut Scanner<'_>, which: List) -> Result<Field, AnswerError> {
    // A key as servers write it takes one comparison.
    if json.takes(b"\"layerDigest\":") {
        return Ok(Field::Digest);
    }
    match which {
        List::Layers if json.takes(b"\"layerAvailability\":") => return Ok(Field::Word),
        List::Layers if json.takes(b"\"layerSize\":") => return Ok(Field::Size),
        List::Layers if json.takes(b"\"mediaType\":") => return Ok(Field::Note),
        _ => {}
    }
    let key = json.key()?;
    let known: &[(&str, Field)] = match which {
        List::Layers => &[
            ("layerDigest", Field::Digest),
            ("layerAvailability", Field::Word),
            ("layerSize", Field::Size),
            ("mediaType", Field::Note),
        ],
        List::Failures => {
            &[("layerDigest", Field::Digest), ("failureCode", Field::Word), ("failureReason", Field::Note)]
        }
    };
    let found = known.iter().find(|(name, _)| key.is(name));
    Ok(found.map_or(Field::Unknown, |(_, field)| *field))
}

/// Reads a digest field. Skips another value than a text.
#[inline]
fn digest(json: &mut Scanner<'_>) -> Result<DigestField, AnswerError> {
    // Bytes that decode as hex digits hold neither the end of a text nor an escape.
    if let Some(digest) = json.fixed(|text: &[u8; TEXT_LEN]| read_digest(text)) {
        return Ok(DigestField::Digest(digest));
    }
    let named = |text: Text<'_>| match read_digest(text.unescape().as_bytes()) {
        Some(digest) => DigestField::Digest(digest),
        None => DigestField::Malformed,
    };
    Ok(json.text()?.map_or(DigestField::Missing, named))
}

/// Reads a text; returns None for another value. A text equal to `before` is not scanned.
#[inline]
fn text<'a>(
    json: &mut Scanner<'a>,
    before: Option<&Cow<'a, str>>,
) -> Result<Option<Cow<'a, str>>, AnswerError> {
    match before {
        // A borrowed text was written without escapes.
        Some(&Cow::Borrowed(before)) if json.repeats(before) => Ok(Some(Cow::Borrowed(before))),
        _ => Ok(json.text()?.map(Text::unescape)),
    }
}
