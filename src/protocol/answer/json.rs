//! A scanner for JSON (RFC 8259) that is walked by its user: no tree, no copy, bounded.
//!
//! It takes exactly the documents of the grammar, within the limits of [`super`]: compared with
//! `serde_json` and Python's `json` by fuzzing. `serde_json` itself took four times as long for the
//! same answer (`bench/rust/answer.rs`), refuses texts with half a surrogate pair, which Python
//! takes, and knows no limit on digits.

use std::borrow::Cow;

use super::error::{AnswerError, AnswerErrorKind};
use crate::digest::{Digest, TEXT_LEN};
use crate::protocol::entry::read_digest;

/// Values within values. The answer itself needs three; what an unknown key holds may be deeper.
pub const MAX_DEPTH: usize = 32;

/// Bytes of one number: as many digits as Python's `int` reads (`sys.int_info`), sign included.
pub const MAX_NUMBER: usize = 4_300;

type Result<T> = std::result::Result<T, AnswerError>;

/// What an entry speaks of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum DigestField {
    /// There is no text.
    #[default]
    Missing,
    /// The text names no sha256 digest.
    Malformed,
    Digest(Digest),
}

impl DigestField {
    pub(super) fn digest(self) -> Option<Digest> {
        if let Self::Digest(digest) = self { Some(digest) } else { None }
    }
}

/// A text as it stands between its quotation marks, escapes checked but not undone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

/// Reads a document from front to back. Between two calls it stands at the start of a value.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    /// UTF-8, as the reader of the answer has checked.
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Reads the whole text, of which nothing but white space may be left; see [`Self::object`].
    pub(super) fn document(&mut self, member: impl FnMut(&mut Self) -> Result<()>) -> Result<bool> {
        self.white();
        let is_object = self.object(member)?;
        self.white();
        if self.at == self.text.len() { Ok(is_object) } else { Err(self.unexpected()) }
    }

    /// Calls `member` at each key of an object, to read key and value; false for another value, which
    /// is skipped.
    #[inline]
    pub(super) fn object(&mut self, member: impl FnMut(&mut Self) -> Result<()>) -> Result<bool> {
        self.each([b'{', b'}'], member)
    }

    /// Calls `element` at each element of a list, to read it; false for another value, which is
    /// skipped.
    #[inline]
    pub(super) fn list(&mut self, element: impl FnMut(&mut Self) -> Result<()>) -> Result<bool> {
        self.each([b'[', b']'], element)
    }

    /// Whether the value that started at `at`, and was read, was null: no other starts like it.
    pub(super) fn was_null(&self, at: usize) -> bool {
        self.text.get(at) == Some(&b'n')
    }

    /// A key and its colon.
    pub(super) fn key(&mut self) -> Result<Text<'a>> {
        let key = self.string()?;
        self.white();
        self.expect(b':')?;
        self.white();
        Ok(key)
    }

    /// Takes a key and its colon if they are written just like this, as servers write them.
    #[inline]
    pub(super) fn takes<const LENGTH: usize>(&mut self, key: &[u8; LENGTH]) -> bool {
        let takes = self.text[self.at..].first_chunk() == Some(key);
        if takes {
            self.at += LENGTH;
            self.white();
        }
        takes
    }

    /// A text; None for another value, which is skipped.
    pub(super) fn text(&mut self) -> Result<Option<Text<'a>>> {
        if self.peek() == Some(b'"') { self.string().map(Some) } else { self.skip().map(|()| None) }
    }

    /// The digest that a text names, if it names one; another value than a text is skipped.
    ///
    /// What decodes as hex digits has no end and no escape in it, so the common text is not looked
    /// through first.
    #[inline]
    pub(super) fn digest(&mut self) -> Result<DigestField> {
        if let Some((b'"', text)) = self.text[self.at..].split_first()
            && let Some((text, [b'"', ..])) = text.split_first_chunk::<TEXT_LEN>()
            && let Some(digest) = read_digest(text)
        {
            self.at += TEXT_LEN + 2;
            return Ok(DigestField::Digest(digest));
        }
        let named = |text: Text<'_>| match read_digest(text.unescape().as_bytes()) {
            Some(digest) => DigestField::Digest(digest),
            None => DigestField::Malformed,
        };
        Ok(self.text()?.map_or(DigestField::Missing, named))
    }

    /// Takes the text `expected`, which has no escapes, if it comes next.
    #[inline]
    pub(super) fn repeats(&mut self, expected: &str) -> bool {
        let end = self.at + 1 + expected.len();
        let repeats = self.peek() == Some(b'"')
            && self.text.get(end) == Some(&b'"')
            && self.text[self.at + 1..end] == *expected.as_bytes();
        if repeats {
            self.at = end + 1;
        }
        repeats
    }

    /// A whole number that fits; None for another value, which is skipped.
    #[inline]
    pub(super) fn integer(&mut self) -> Result<Option<i64>> {
        // So few digits fit, whatever they are.
        let mut number = 0;
        for (at, byte) in self.text[self.at..].iter().take(18).enumerate() {
            match byte {
                b'0'..=b'9' if at == 0 || number > 0 => number = number * 10 + i64::from(byte - b'0'),
                b',' | b'}' if at > 0 => {
                    self.at += at;
                    return Ok(Some(number));
                }
                _ => break,
            }
        }
        self.any_integer()
    }

    fn any_integer(&mut self) -> Result<Option<i64>> {
        let start = self.at;
        self.skip()?;
        // Of all values, only whole numbers parse: a fraction or an exponent does not.
        Ok(std::str::from_utf8(&self.text[start..self.at]).ok().and_then(|text| text.parse().ok()))
    }

    /// Takes a null if there is one.
    pub(super) fn null(&mut self) -> Result<bool> {
        let found = self.peek() == Some(b'n');
        if found {
            self.word("null")?;
        }
        Ok(found)
    }

    /// Any value.
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            // The depth is bounded, and so is this recursion.
            Some(b'{') => self.object(|json| json.key().and_then(|_| json.skip())).map(drop),
            Some(b'[') => self.list(Self::skip).map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.unexpected()),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// What stands here cannot stand here.
    #[cold]
    fn unexpected(&self) -> AnswerError {
        let ended = self.at == self.text.len();
        let kind = if ended { AnswerErrorKind::EndsEarly } else { AnswerErrorKind::Unexpected };
        kind.at(self.at)
    }

    /// Walks through an object or a list.
    #[inline]
    fn each(&mut self, ends: [u8; 2], mut one: impl FnMut(&mut Self) -> Result<()>) -> Result<bool> {
        if self.peek() != Some(ends[0]) {
            return self.skip().map(|()| false);
        }
        if self.depth == MAX_DEPTH {
            return Err(AnswerErrorKind::TooDeep.at(self.at));
        }
        self.depth += 1;
        self.at += 1;
        self.white();
        if self.peek() != Some(ends[1]) {
            loop {
                one(self)?;
                self.white();
                if self.peek() == Some(ends[1]) {
                    break;
                }
                self.expect(b',')?;
                self.white();
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(true)
    }

    fn word(&mut self, word: &str) -> Result<()> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.at - start > MAX_NUMBER {
            return Err(AnswerErrorKind::NumberTooLong.at(start));
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<()> {
        let Some(b'0'..=b'9') = self.peek() else {
            return Err(self.unexpected());
        };
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }

    /// A text with its quotation marks.
    fn string(&mut self) -> Result<Text<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                // A control character, or the end.
                _ => return Err(self.unexpected()),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Text { raw, escaped })
    }

    /// Goes to the next byte that is not itself within a text: a quotation mark, a backslash, a
    /// control character, or the end. Eight bytes at a time: most texts here have 9 to 71.
    #[inline]
    fn plain(&mut self) {
        while let Some(block) = self.text[self.at..].first_chunk() {
            let found = special(u64::from_le_bytes(*block));
            if found != 0 {
                self.at += found.trailing_zeros() as usize / 8;
                return;
            }
            self.at += block.len();
        }
        while let Some(byte) = self.peek()
            && !matches!(byte, b'"' | b'\\' | 0..0x20)
        {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.unexpected());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }
}

/// The top bit of the lowest byte that is a quotation mark, a backslash or a control character;
/// bits of higher bytes may be wrong. The well-known test for a zero byte, three times.
#[inline]
fn special(bytes: u64) -> u64 {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    let zero = |bytes: u64| bytes.wrapping_sub(LOW) & !bytes;
    let quotation_mark = zero(bytes ^ (LOW * 0x22));
    let backslash = zero(bytes ^ (LOW * 0x5c));
    let control = bytes.wrapping_sub(LOW * 0x20) & !bytes;
    (quotation_mark | backslash | control) & HIGH
}

impl<'a> Text<'a> {
    /// True if it is `name`.
    #[inline]
    pub(super) fn is(self, name: &str) -> bool {
        if self.escaped { self.unescape() == name } else { self.raw == name.as_bytes() }
    }

    /// The text that is meant; empty if it has half a surrogate pair, which UTF-8 cannot hold.
    #[inline]
    pub(super) fn unescape(self) -> Cow<'a, str> {
        // UTF-8 it is; asking again is cheap for what is short, and needs no promise to the compiler.
        let raw = std::str::from_utf8(self.raw).unwrap_or_default();
        if self.escaped { Cow::Owned(undo(raw).unwrap_or_default()) } else { Cow::Borrowed(raw) }
    }
}

/// The text without its escapes; None for half a surrogate pair.
#[cold]
fn undo(mut rest: &str) -> Option<String> {
    let mut out = String::with_capacity(rest.len());
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let (letter, after) = escape.split_at_checked(1)?;
        rest = after;
        out.push(match letter {
            "b" => '\u{8}',
            "f" => '\u{c}',
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "u" => unicode(&mut rest)?,
            // A quotation mark, a backslash or a slash.
            _ => letter.chars().next()?,
        });
    }
    out.push_str(rest);
    Some(out)
}

/// The character behind `\u`, which may be spelled as two.
fn unicode(rest: &mut &str) -> Option<char> {
    let unit = |text: &str| u16::from_str_radix(text, 16).ok();
    let (digits, after) = rest.split_at_checked(4)?;
    let first = unit(digits)?;
    *rest = after;
    if let Some(alone) = char::from_u32(first.into()) {
        return Some(alone);
    }
    let (digits, after) = after.strip_prefix("\\u")?.split_at_checked(4)?;
    *rest = after;
    char::decode_utf16([first, unit(digits)?]).next()?.ok()
}
