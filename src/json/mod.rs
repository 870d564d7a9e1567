//! A pull scanner for JSON (RFC 8259): no tree, no copy, bounded.
//!
//! It accepts exactly the documents of the grammar, within its limits; fuzzing compares it with
//! `serde_json` and Python's `json`. `serde_json` took four times as long for the same answer
//! (`bench/rust/answer.rs`), rejects texts with half a surrogate pair, which Python accepts, and does not
//! limit the digits of a number. Answers of the service (`protocol/answer`) and manifests (`manifest`) are
//! read with it.

mod error;

use std::borrow::Cow;

pub use error::{JsonError, JsonErrorKind};

/// Most levels of nesting. An answer needs three, and a manifest four; the value of an unknown key may be
/// deeper.
pub const MAX_DEPTH: usize = 32;

/// Most bytes of one number: as many digits as Python's `int` reads (`sys.int_info`), sign included.
pub const MAX_NUMBER: usize = 4_300;

type Result<T, E = JsonError> = std::result::Result<T, E>;

/// Checks that a document is UTF-8, as a [`Scanner`] needs it.
///
/// # Errors
/// The offset of the first byte that is not.
pub(crate) fn checked(text: &[u8]) -> Result<&[u8]> {
    // Nearly every document is ASCII, and the check for ASCII is five times faster than the check for UTF-8.
    if !text.is_ascii() {
        std::str::from_utf8(text).map_err(|error| JsonErrorKind::NotUtf8.at(error.valid_up_to()))?;
    }
    Ok(text)
}

/// A text as it stands between its quotation marks: escapes are checked, not decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

/// Reads a document from front to back. Between two calls it is at the start of a value.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    /// UTF-8, checked by the caller; see [`checked`].
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Returns the current offset.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Reads the whole document, behind which only white space may follow; see [`Self::object`].
    pub(crate) fn document<E: From<JsonError>>(
        &mut self,
        member: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.white();
        let is_object = self.object(member)?;
        self.white();
        if self.at == self.text.len() { Ok(is_object) } else { Err(self.unexpected().into()) }
    }

    /// Calls `member` at each key of an object, to read the key and the value. Skips another value and
    /// returns false.
    #[inline]
    pub(crate) fn object<E: From<JsonError>>(
        &mut self,
        member: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.each([b'{', b'}'], member)
    }

    /// Calls `element` at each element of a list, to read it. Skips another value and returns false.
    #[inline]
    pub(crate) fn list<E: From<JsonError>>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.each([b'[', b']'], element)
    }

    /// Returns whether the value that was read from `at` on was null: no other value starts with this byte.
    pub(crate) fn was_null(&self, at: usize) -> bool {
        self.text.get(at) == Some(&b'n')
    }

    /// Returns whether the value that was read from `at` on was an object.
    pub(crate) fn was_object(&self, at: usize) -> bool {
        self.text.get(at) == Some(&b'{')
    }

    /// Reads a key and its colon.
    pub(crate) fn key(&mut self) -> Result<Text<'a>> {
        let key = self.string()?;
        self.white();
        self.expect(b':')?;
        self.white();
        Ok(key)
    }

    /// Reads a key and its colon if they are written exactly like `key`, as servers write them.
    #[inline]
    pub(crate) fn takes<const LENGTH: usize>(&mut self, key: &[u8; LENGTH]) -> bool {
        let takes = self.text[self.at..].first_chunk() == Some(key);
        if takes {
            self.at += LENGTH;
            self.white();
        }
        takes
    }

    /// Reads a text. Skips another value and returns None.
    pub(crate) fn text(&mut self) -> Result<Option<Text<'a>>> {
        if self.peek() == Some(b'"') { self.string().map(Some) } else { self.skip().map(|()| None) }
    }

    /// Reads a text of `LENGTH` bytes without an escape, if it comes next and `decode` takes it.
    ///
    /// `decode` must refuse quotation marks, backslashes and control characters: then no scan for the end of
    /// the text is needed.
    #[inline]
    pub(crate) fn fixed<const LENGTH: usize, T>(
        &mut self,
        decode: impl FnOnce(&[u8; LENGTH]) -> Option<T>,
    ) -> Option<T> {
        let (b'"', text) = self.text[self.at..].split_first()? else {
            return None;
        };
        let (text, [b'"', ..]) = text.split_first_chunk::<LENGTH>()? else {
            return None;
        };
        let decoded = decode(text)?;
        self.at += LENGTH + 2;
        Some(decoded)
    }

    /// Reads the text `expected`, which has no escapes, if it comes next.
    #[inline]
    pub(crate) fn repeats(&mut self, expected: &str) -> bool {
        let end = self.at + 1 + expected.len();
        let repeats = self.peek() == Some(b'"')
            && self.text.get(end) == Some(&b'"')
            && self.text[self.at + 1..end] == *expected.as_bytes();
        if repeats {
            self.at = end + 1;
        }
        repeats
    }

    /// Reads an integer that fits. Skips another value and returns None.
    #[inline]
    pub(crate) fn integer(&mut self) -> Result<Option<i64>> {
        match self.short_integer() {
            Some(number) => Ok(i64::try_from(number).ok()),
            None => self.any_integer(),
        }
    }

    /// Reads an integer without a sign and of less than 18 digits, if it comes next and a comma or a brace follows.
    #[inline]
    pub(crate) fn short_integer(&mut self) -> Option<u64> {
        let mut number = 0;
        for (at, byte) in self.text[self.at..].iter().take(18).enumerate() {
            match byte {
                b'0'..=b'9' if at == 0 || number > 0 => number = number * 10 + u64::from(byte - b'0'),
                b',' | b'}' if at > 0 => {
                    self.at += at;
                    return Some(number);
                }
                _ => break,
            }
        }
        None
    }

    fn any_integer(&mut self) -> Result<Option<i64>> {
        let start = self.at;
        self.skip()?;
        // Only integers parse: a fraction or an exponent does not.
        Ok(std::str::from_utf8(&self.text[start..self.at]).ok().and_then(|text| text.parse().ok()))
    }

    /// Reads null, if it comes next.
    pub(crate) fn null(&mut self) -> Result<bool> {
        let found = self.peek() == Some(b'n');
        if found {
            self.word("null")?;
        }
        Ok(found)
    }

    /// Skips a value.
    pub(crate) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            // The depth is bounded, so the recursion is.
            Some(b'{') => self.object::<JsonError>(|json| json.key().and_then(|_| json.skip())).map(drop),
            Some(b'[') => self.list::<JsonError>(Self::skip).map(drop),
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

    #[inline]
    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
            // An indented line begins with many spaces.
            while let Some(block) = self.text[self.at..].first_chunk() {
                let others = u64::from_le_bytes(*block) ^ u64::from_le_bytes(*b"        ");
                self.at += others.trailing_zeros() as usize / 8;
                if others != 0 {
                    break;
                }
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// Makes the error for a byte that JSON does not allow here.
    #[cold]
    fn unexpected(&self) -> JsonError {
        let ended = self.at == self.text.len();
        let kind = if ended { JsonErrorKind::EndsEarly } else { JsonErrorKind::Unexpected };
        kind.at(self.at)
    }

    /// Calls `one` for each item of an object or a list.
    #[inline]
    fn each<E: From<JsonError>>(
        &mut self,
        ends: [u8; 2],
        mut one: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.peek() != Some(ends[0]) {
            return Ok(self.skip().map(|()| false)?);
        }
        if self.depth == MAX_DEPTH {
            return Err(JsonErrorKind::TooDeep.at(self.at).into());
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
            return Err(JsonErrorKind::NumberTooLong.at(start));
        }
        Ok(())
    }

    /// Skips one digit or more.
    fn digits(&mut self) -> Result<()> {
        let Some(b'0'..=b'9') = self.peek() else {
            return Err(self.unexpected());
        };
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a text with its quotation marks.
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

    /// Moves to the next byte with a meaning in a text: a quotation mark, a backslash, a control character,
    /// or the end. Eight bytes at a time, because most texts of an answer have 9 to 71 bytes.
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

/// Returns the top bit of the lowest byte that is a quotation mark, a backslash or a control character. The
/// bits of higher bytes may be wrong. This is the well-known test for a zero byte, three times.
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
    /// Returns true if the text is `name`.
    #[inline]
    pub(crate) fn is(self, name: &str) -> bool {
        if self.escaped { self.unescape() == name } else { self.raw == name.as_bytes() }
    }

    /// Decodes the escapes. The result is empty if the text has half a surrogate pair, which UTF-8 cannot
    /// hold.
    #[inline]
    pub(crate) fn unescape(self) -> Cow<'a, str> {
        // The bytes are UTF-8. The second check is cheap for short texts and saves an `unsafe` block.
        let raw = std::str::from_utf8(self.raw).unwrap_or_default();
        if self.escaped { Cow::Owned(undo(raw).unwrap_or_default()) } else { Cow::Borrowed(raw) }
    }
}

/// Decodes the escapes of a text; returns None for half a surrogate pair.
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

/// Reads the character behind `\u`, which may be spelled as two escapes.
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
