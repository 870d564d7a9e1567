//! The body of one answer becomes entries to merge, without an object per entry.
//!
//! What an entry says must be what it says after `json.loads` and the merge of parsed answers, and
//! is compared with both (`tests/python/test_answers.py`, `tests/fuzz`): the last of two equal keys
//! counts, unknown keys are skipped, a value that has not the type it should have is as good as
//! absent, and an entry that is null or names no digest, or a layer without a word, is passed over. A
//! text with half a surrogate pair, which JSON can spell and UTF-8 cannot, is as good as an empty one.
//!
//! A body that is no such answer at all is an [`AnswerError`], and nothing of it is used; botocore
//! fails on the same ones, those with an entry of another type among them. That is
//! also the end of the few bodies that Python's reader takes beyond RFC 8259 (`NaN`, `Infinity`), and
//! of those beyond the limits here, which no honest answer comes near.

mod error;
mod json;

use std::borrow::Cow;

pub use error::{AnswerError, AnswerErrorKind};
use json::{DigestField, Scanner, Text};
pub use json::{MAX_DEPTH, MAX_NUMBER};

use super::MAX_BATCH;
use super::entry::{Entry, EntryStatus};

/// Longest body that is read. An answer for 100 layers is about 21 kB; the dispatcher reads no more
/// than this from the network either (`Tuning.body_limit_bytes`).
pub const MAX_BODY: usize = 1 << 20;

/// Entries of one list that are kept. A call asks for 100 digests, and each entry is compared with
/// all of them if it comes out of order.
pub const MAX_ENTRIES: usize = 4_096;

/// The entries of one answer; they borrow from its body where it has no escapes.
#[derive(Clone, Debug, Default)]
pub struct Answer<'a> {
    layers: Vec<Fields<'a>>,
    failures: Vec<Fields<'a>>,
}

/// What is read of an entry. The texts are `layerAvailability` and `mediaType` of a layer,
/// `failureCode` and `failureReason` of a failure.
#[derive(Clone, Debug, Default)]
struct Fields<'a> {
    digest: DigestField,
    word: Option<Cow<'a, str>>,
    note: Option<Cow<'a, str>>,
    size: Option<i64>,
}

/// The two lists of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Layers,
    Failures,
}

/// What a key of an entry stands for; see [`Fields`].
#[derive(Clone, Copy, Debug)]
enum Field {
    Digest,
    Word,
    Note,
    Size,
    Unknown,
}

/// What stands under a list's key.
#[derive(Debug)]
enum Found<'a> {
    /// Nothing or null.
    Nothing,
    Entries(Vec<Fields<'a>>),
    /// Something else, and where.
    NoList(usize),
    /// A list with something in it that is no entry, and where.
    NoEntry(usize),
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
    /// If the body is longer than [`MAX_BODY`], is not UTF-8 or not JSON, is no object, has neither of
    /// the two lists or something else in their place, or is beyond the other limits.
    pub fn read(body: &'a [u8]) -> Result<Self, AnswerError> {
        if body.len() > MAX_BODY {
            return Err(AnswerErrorKind::TooLong.at(MAX_BODY));
        }
        // Nearly every answer is ASCII, and that is seen five times faster than that it is UTF-8.
        if !body.is_ascii() {
            std::str::from_utf8(body).map_err(|error| AnswerErrorKind::NotUtf8.at(error.valid_up_to()))?;
        }
        let mut json = Scanner::new(body);
        let (mut layers, mut failures) = (Found::Nothing, Found::Nothing);
        let is_object = json.document(|json| {
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
            (Found::NoList(at), _) | (_, Found::NoList(at)) => Err(AnswerErrorKind::NotAList.at(at)),
            (Found::NoEntry(at), _) | (_, Found::NoEntry(at)) => Err(AnswerErrorKind::NotAnEntry.at(at)),
            (Found::Nothing, Found::Nothing) => Err(AnswerErrorKind::NoLists.at(body.len())),
            (layers, failures) => Ok(Self { layers: layers.entries(), failures: failures.entries() }),
        }
    }

    /// What the answer says, entry by entry.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let layers = self.layers.iter().map(Fields::layer);
        layers.chain(self.failures.iter().map(Fields::failure))
    }
}

impl<'a> Found<'a> {
    fn entries(self) -> Vec<Fields<'a>> {
        match self {
            Self::Entries(entries) => entries,
            Self::Nothing | Self::NoList(_) | Self::NoEntry(_) => Vec::new(),
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

/// The value of `layers` or `failures`.
fn list<'a>(json: &mut Scanner<'a>, which: List) -> Result<Found<'a>, AnswerError> {
    let at = json.at();
    if json.null()? {
        return Ok(Found::Nothing);
    }
    let mut entries: Vec<Fields<'a>> = Vec::new();
    let mut no_entry = None;
    let is_list = json.list(|json| {
        let at = json.at();
        // Filled where it stays: moving it cost as much as reading it.
        let kept = entries.len();
        if kept == 0 {
            entries.reserve(MAX_BATCH);
        }
        entries.push(Fields::default());
        let (before, new) = entries.split_at_mut(kept);
        if !entry(json, which, before.last(), &mut new[0])? && !json.was_null(at) {
            no_entry.get_or_insert(at);
        }
        let passed_over =
            matches!(new[0].digest, DigestField::Missing) || (which == List::Layers && new[0].word.is_none());
        if passed_over {
            entries.pop();
        } else if kept == MAX_ENTRIES {
            return Err(AnswerErrorKind::TooManyEntries.at(at));
        }
        Ok(())
    })?;
    Ok(match no_entry {
        _ if !is_list => Found::NoList(at),
        Some(at) => Found::NoEntry(at),
        None => Found::Entries(entries),
    })
}

/// One element of a list; false if it is no object. Many say the same as the one before.
#[inline]
fn entry<'a>(
    json: &mut Scanner<'a>,
    which: List,
    before: Option<&Fields<'a>>,
    fields: &mut Fields<'a>,
) -> Result<bool, AnswerError> {
    json.object(|json| {
        match field(json, which)? {
            Field::Digest => fields.digest = json.digest()?,
            Field::Word => fields.word = text(json, before.and_then(|before| before.word.as_ref()))?,
            Field::Note => fields.note = text(json, before.and_then(|before| before.note.as_ref()))?,
            Field::Size => fields.size = json.integer()?.filter(|size| *size >= 0),
            Field::Unknown => json.skip()?,
        }
        Ok(())
    })
}

/// The key of an entry. The names are those of botocore's shapes `Layer` and `LayerFailure`.
#[inline]
fn field(json: &mut Scanner<'_>, which: List) -> Result<Field, AnswerError> {
    // As servers write them they take one comparison each.
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

/// A text; None for anything else. It is not looked through if it is the same as `before`.
#[inline]
fn text<'a>(
    json: &mut Scanner<'a>,
    before: Option<&Cow<'a, str>>,
) -> Result<Option<Cow<'a, str>>, AnswerError> {
    match before {
        // Borrowed, so it was written without escapes.
        Some(&Cow::Borrowed(before)) if json.repeats(before) => Ok(Some(Cow::Borrowed(before))),
        _ => Ok(json.text()?.map(Text::unescape)),
    }
}
