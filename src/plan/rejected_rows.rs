//! Rejected rows, kept compactly: the row, the kind, the offset, and the start of the original text.

use std::fmt;
use std::num::NonZero;

use crate::digest::hex;
use crate::digest::parse::{ParseError, RejectKind};
use crate::memory::{self, OutOfMemory};

/// Most bytes of a rejected row's text that are kept.
pub const MAX_TEXT: usize = 256;

/// One rejected row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject<'a> {
    /// Input row, counted from 0.
    pub row: usize,
    /// Line of the file on which the row starts, counted from 1; None for rows that are not lines.
    pub line: Option<u32>,
    /// The name of the file, if the files were named.
    pub file: Option<&'a str>,
    /// What is wrong.
    pub kind: RejectKind,
    /// Byte offset in the row of the fault.
    pub offset: usize,
    /// The first [`MAX_TEXT`] bytes of the row; None for a null.
    pub text: Option<&'a [u8]>,
    /// True if the text was longer.
    pub cut: bool,
}

impl Reject<'_> {
    /// Returns the kept text for people: invalid UTF-8 replaced, `…` where the text was cut.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let mut shown = String::from_utf8_lossy(self.text?).into_owned();
        if self.cut {
            shown.push('…');
        }
        Some(shown)
    }

    /// Returns true if 64 hex digits stand more than once in the kept text.
    fn holds_several(&self) -> bool {
        let runs = self.text.unwrap_or_default().split(|byte| !hex::is_digit(*byte));
        runs.filter(|run| run.len() == hex::TEXT_LEN).nth(1).is_some()
    }
}

impl fmt::Display for Reject<'_> {
    /// Says what is wrong, where, and what is expected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line} (row {})", file.escape_debug(), self.row)?,
            (Some(file), None) => write!(f, "{} (row {})", file.escape_debug(), self.row)?,
            (None, Some(line)) => write!(f, "line {line} (row {})", self.row)?,
            (None, None) => write!(f, "row {}", self.row)?,
        }
        write!(f, ", offset {}: ", self.offset)?;
        match self.kind {
            RejectKind::Empty => f.write_str("the row is empty; expected a digest such as \"sha256:\" and 64 hex digits"),
            RejectKind::WrongLength if self.text.is_some_and(is_raw_text) => {
                f.write_str("wrong length; raw digests have 32 bytes")
            }
            RejectKind::WrongLength => {
                f.write_str("wrong length; expected exactly 64 hex digits, alone or after \"sha256:\"")
            }
            RejectKind::NotHexadecimal => {
                match self.text.and_then(|text| text.get(self.offset)) {
                    Some(byte) => write!(f, "'{}' is not hexadecimal", byte.escape_ascii())?,
                    None => f.write_str("not hexadecimal")?,
                }
                if self.holds_several() {
                    return f.write_str("; the row holds more than one digest, put each on a line of its own");
                }
                f.write_str("; expected 64 hex digits, alone or after \"sha256:\"")?;
                if !self.cut && self.text.is_some_and(may_be_raw) {
                    f.write_str("; if these 32 bytes are a raw digest, pass raw=True")?;
                }
                Ok(())
            }
            RejectKind::UnsupportedAlgorithm => {
                f.write_str("unsupported algorithm; ECR identifies layers by sha256 only")
            }
            RejectKind::TagLike => f.write_str(
                "\"sha256-<hex>\" is a tag that names a manifest, not a layer; pass the layer digests of that manifest",
            ),
            RejectKind::NotCanonical => f.write_str(
                "not in the canonical form; strict mode takes only \"sha256:\" and 64 lower-case hex digits",
            ),
            RejectKind::NotText => f.write_str("null or not text; expected str or bytes"),
            RejectKind::ManifestPath => f.write_str(
                "the row names a manifest, not a layer; pass the layer digests of that manifest",
            ),
        }
    }
}

/// What is shown before the hex digits of binary data. No text that starts with it has a wrong length, because
/// `x` is not a hex digit.
const RAW_PREFIX: &[u8] = b"0x";

/// Hex digits that show that a row of binary data is the text of a digest.
const LEAST_HEX: usize = 32;

/// Returns the text of a rejected row of binary data.
pub(crate) fn raw_text(row: &[u8]) -> Vec<u8> {
    let digits = row.iter().take(MAX_TEXT).flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]);
    RAW_PREFIX.iter().copied().chain(digits).collect()
}

fn is_raw_text(text: &[u8]) -> bool {
    text.strip_prefix(RAW_PREFIX).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether a rejected row of binary data is the text of a digest, as far as it was kept.
pub(super) fn is_text_read_raw(text: &[u8]) -> bool {
    let Some(digits) = text.strip_prefix(RAW_PREFIX) else {
        return false;
    };
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let row: Option<Vec<u8>> =
        digits.chunks_exact(2).map(|pair| Some((nibble(pair[0])? << 4) | nibble(pair[1])?)).collect();
    row.is_some_and(|row| {
        let hex = row.strip_prefix(b"sha256:").unwrap_or(&row);
        hex.len() >= LEAST_HEX && hex.iter().all(u8::is_ascii_hexdigit)
    })
}

/// Whether a row is as long as a raw digest and is not text.
pub(super) fn may_be_raw(text: &[u8]) -> bool {
    let is_text = || std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control));
    text.len() == 32 && !is_text()
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    row: u64,
    offset: u64,
    text_start: u64,
    line: Option<NonZero<u32>>,
    text_len: u16,
    kind: RejectKind,
    rest: Rest,
}

/// What follows the kept text of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing: the whole text was kept.
    Whole,
    /// More text.
    Cut,
    /// The row is a null, without text.
    Null,
}

// The line costs no memory, because it fills a gap.
const _: () = assert!(size_of::<Entry>() == 32);

/// All rejected rows of a plan, in row order: 32 bytes each, and their texts in one array.
#[derive(Clone, Debug, Default)]
pub struct Rejects {
    entries: Vec<Entry>,
    texts: Vec<u8>,
    counts: [u64; RejectKind::ALL.len()],
    /// The names of the files, each with the first row of the file.
    files: Vec<(usize, Box<str>)>,
}

impl Rejects {
    /// Returns the number of rejected rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if no row was rejected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the number of rejected rows for each kind.
    #[must_use]
    pub fn counts(&self) -> [(RejectKind, u64); RejectKind::ALL.len()] {
        RejectKind::ALL.map(|kind| (kind, self.counts[kind as usize]))
    }

    /// Returns the rejection at position `at`.
    ///
    /// # Panics
    /// If `at` is not below [`Rejects::len`].
    #[must_use]
    pub fn get(&self, at: usize) -> Reject<'_> {
        let entry = &self.entries[at];
        let text = &self.texts[entry.text_start as usize..][..usize::from(entry.text_len)];
        let row = entry.row as usize;
        let named = self.files.partition_point(|(first, _)| *first <= row);
        Reject {
            row,
            line: entry.line.map(NonZero::get),
            file: named.checked_sub(1).map(|at| &*self.files[at].1),
            kind: entry.kind,
            offset: entry.offset as usize,
            text: (entry.rest != Rest::Null).then_some(text),
            cut: entry.rest == Rest::Cut,
        }
    }

    /// Returns the rejection of input row `row`, if that row was rejected.
    #[must_use]
    pub fn of_row(&self, row: usize) -> Option<Reject<'_>> {
        let at = self.entries.binary_search_by_key(&(row as u64), |entry| entry.row).ok()?;
        Some(self.get(at))
    }

    /// Names the file that the rows from `first` on come from.
    pub(crate) fn name_file(&mut self, first: usize, name: &str) {
        self.files.push((first, name.into()));
    }

    /// Adds a row that stands on this `line` of its file.
    pub(crate) fn push(
        &mut self,
        row: usize,
        line: Option<i64>,
        error: ParseError,
        text: Option<&[u8]>,
    ) -> Result<(), OutOfMemory> {
        let kept = text.map(|whole| &whole[..whole.len().min(MAX_TEXT)]);
        self.push_kept(row, error, kept, kept.map(<[u8]>::len) < text.map(<[u8]>::len))?;
        if let Some(entry) = self.entries.last_mut() {
            // A line beyond four billion is unknown.
            entry.line = line.and_then(|line| u32::try_from(line).ok()).and_then(NonZero::new);
        }
        Ok(())
    }

    /// Adds a row of which only `text` was kept, and which may be `cut`.
    pub(crate) fn push_kept(
        &mut self,
        row: usize,
        error: ParseError,
        text: Option<&[u8]>,
        cut: bool,
    ) -> Result<(), OutOfMemory> {
        let rest = match text {
            None => Rest::Null,
            Some(_) if cut => Rest::Cut,
            Some(_) => Rest::Whole,
        };
        let kept = text.unwrap_or_default();
        let entry = Entry {
            row: row as u64,
            offset: error.offset as u64,
            text_start: self.texts.len() as u64,
            text_len: kept.len() as u16,
            kind: error.kind,
            line: None,
            rest,
        };
        memory::reserve(&mut self.texts, kept.len())?;
        memory::push(&mut self.entries, entry)?;
        self.texts.extend_from_slice(kept);
        self.counts[error.kind as usize] += 1;
        Ok(())
    }
}
