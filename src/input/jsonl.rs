//! Reads JSON Lines: in each line a string, or an object with a string under one key.
//!
//! A line that is not JSON, or has another value than text there, is a row that is not text, so that one bad
//! line costs no other line. So is an object without the key; `null` is a null. Blank lines are not rows.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::blocks::{BYTE_ORDER_MARK, LineSplitter};
use super::jsonl_head::{HEAD, digest_key};
use super::{Format, FormatError, Quoted};
use crate::digest::parse::is_white;
use crate::plan::planner::Planner;
use crate::plan::row_sink::Sink;

/// Most bytes of a line that is parsed: objects are longer than digests. A longer line is not parsed.
const MAX_LINE: usize = 1 << 20;

/// Most keys of an object that are kept for a message.
pub(super) const MAX_KEYS: usize = 64;

/// Finds the rows of a JSON Lines file.
#[derive(Debug)]
pub struct JsonLines {
    lines: LineSplitter,
    cells: Cells,
    /// The start of the file, until it is long enough to tell the key; None once the key is known.
    head: Option<Vec<u8>>,
}

/// The key of the file's objects, and what the objects so far had under it.
#[derive(Debug)]
struct Cells {
    /// The key under which objects have their row. None until the first object, which must have only this
    /// key.
    key: Option<String>,
    /// Whether any object had the key.
    found: bool,
    /// The keys of the first object without the key, and the number of its row.
    others: Option<(Vec<String>, usize)>,
    /// Objects without the key.
    lacking: u64,
    /// Whether the key was not given but chosen here, among several.
    chosen: bool,
    /// Whether the next line is the first and may have a byte-order mark.
    at_start: bool,
}

impl JsonLines {
    /// Makes a reader for one file. Without a `key`, the first objects tell it: the only one that is named
    /// `digest` or holds digests, or the only one at all.
    #[must_use]
    pub fn new(key: Option<String>) -> Self {
        let head = key.is_none().then(Vec::new);
        let cells = Cells { key, found: false, others: None, lacking: 0, chosen: false, at_start: true };
        Self { lines: LineSplitter::new(MAX_LINE), cells, head }
    }

    /// Reads the start of the file.
    fn begin(&mut self, whole: bool, planner: &mut Planner) -> Result<(), FormatError> {
        let head = self.head.take().unwrap_or_default();
        if let Some(key) = digest_key(&head, whole)? {
            self.cells.key = Some(key);
            self.cells.chosen = true;
        }
        self.feed(&head, planner)
    }
}

impl Cells {
    fn line(&mut self, mut line: &[u8], planner: &mut Planner) -> Result<(), FormatError> {
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            planner.begin_file();
        }
        if line.iter().all(|byte| is_white(*byte)) {
            planner.skip_line();
            return Ok(());
        }
        if line.len() > MAX_LINE {
            planner.not_text(Some(line));
            return Ok(());
        }
        if self.key.is_none()
            && let Ok(Cell::Keys(mut keys)) = read(line, None)
        {
            if keys.len() != 1 {
                return Err(FormatError::Several(keys));
            }
            self.key = keys.pop();
            self.chosen = self.key.is_some();
        }
        match read(line, self.key.as_deref()) {
            Ok(Cell::Text(text)) => planner.row(text.as_bytes()),
            Ok(Cell::Member(member)) => {
                self.found = true;
                match member {
                    Member::Text(text) => planner.row(text.as_bytes()),
                    Member::Null => planner.not_text(None),
                    Member::Other => planner.not_text(Some(line)),
                }
            }
            Ok(Cell::Keys(keys)) => {
                self.lacking += 1;
                self.others.get_or_insert_with(|| (keys, planner.rows()));
                planner.not_text(Some(line));
            }
            Ok(Cell::Null) => planner.not_text(None),
            Ok(Cell::Other) | Err(_) => planner.not_text(Some(line)),
        }
        Ok(())
    }
}

impl Format for JsonLines {
    type Error = FormatError;

    fn feed(&mut self, block: &[u8], planner: &mut Planner) -> Result<(), FormatError> {
        if let Some(head) = &mut self.head {
            let (more, rest) = block.split_at(block.len().min(HEAD - head.len()));
            head.extend_from_slice(more);
            if head.len() < HEAD {
                return Ok(());
            }
            self.begin(false, planner)?;
            return self.feed(rest, planner);
        }
        let Self { lines, cells, .. } = self;
        lines.feed(block, |line| cells.line(line, planner))
    }

    /// Ends the file. If no object had the key, the key is wrong, and the rows are not so many nulls.
    fn end(&mut self, planner: &mut Planner) -> Result<(), FormatError> {
        if self.head.is_some() {
            self.begin(true, planner)?;
        }
        let Self { lines, cells, .. } = self;
        lines.end(|line| cells.line(line, planner))?;
        planner.end_file();
        match (&cells.key, &cells.others) {
            (Some(key), Some((others, _))) if !cells.found => {
                Err(FormatError::NoSuchName(key.clone(), others.clone()))
            }
            _ => Ok(()),
        }
    }

    fn notes(&self) -> Vec<String> {
        let Cells { key: Some(key), others, lacking, chosen, .. } = &self.cells else {
            return Vec::new();
        };
        let key = Quoted(key.as_bytes());
        let taken = chosen.then(|| format!("key {key}"));
        let lacking = others.as_ref().map(|(_, row)| {
            let records = if *lacking == 1 { "record" } else { "records" };
            format!("{lacking} {records} without the key {key} (the first is row {row})")
        });
        taken.into_iter().chain(lacking).collect()
    }
}

/// What a line holds.
enum Cell<'a> {
    Text(Cow<'a, str>),
    Null,
    /// An object, and its value under the key.
    Member(Member<'a>),
    /// An object without the key.
    Keys(Vec<String>),
    Other,
}

/// What an object holds under the key.
enum Member<'a> {
    Text(Cow<'a, str>),
    Null,
    Other,
}

fn read<'a>(line: &'a [u8], key: Option<&str>) -> serde_json::Result<Cell<'a>> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let cell = LineSeed(key).deserialize(&mut json)?;
    json.end()?;
    Ok(cell)
}

/// Returns the keys of the object in a line, each with its value if that is text; nothing for another line.
pub(super) fn members(line: &[u8]) -> Vec<(String, Option<String>)> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let members = json.deserialize_map(AllMembers).unwrap_or_default();
    if json.end().is_ok() { members } else { Vec::new() }
}

struct AllMembers;

impl<'de> Visitor<'de> for AllMembers {
    type Value = Vec<(String, Option<String>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = object.next_key()? {
            let text = match object.next_value()? {
                Member::Text(text) => Some(text.into_owned()),
                Member::Null | Member::Other => None,
            };
            members.push((key.into_owned(), text));
        }
        Ok(members)
    }
}

struct LineSeed<'k>(Option<&'k str>);

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = Cell<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an object")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Cell::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Cell::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Cell::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Cell::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut keys) = (None, Vec::new());
        while let Some(Key(key)) = object.next_key()? {
            if self.0 == Some(&*key) {
                // The last of two equal keys counts, as in Python's json.
                found = Some(object.next_value()?);
                continue;
            }
            if found.is_none() && keys.len() < MAX_KEYS {
                keys.push(key.into_owned());
            }
            object.next_value::<IgnoredAny>()?;
        }
        Ok(found.map_or(Cell::Keys(keys), Cell::Member))
    }
}

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Ok(match LineSeed(None).deserialize(json)? {
            Cell::Text(text) => Self::Text(text),
            Cell::Null => Self::Null,
            Cell::Member(_) | Cell::Keys(_) | Cell::Other => Self::Other,
        })
    }
}

/// A key, borrowed from the line if it has no escapes. Derived code would copy it.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        match LineSeed(None).deserialize(json)? {
            Cell::Text(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a key is a string")),
        }
    }
}
