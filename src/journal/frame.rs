//! A frame: its kind, its version, a checksum, and a body of numbers and texts.

use std::fmt;

use flate2::Crc;

/// Version of the encoding, written into each frame.
pub const VERSION: u8 = 4;

/// Bytes of a frame before its body: kind, version and checksum.
const HEAD: usize = 6;

/// Why bytes are not a frame that this version wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptRecord(pub &'static str);

impl fmt::Display for CorruptRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CorruptRecord {}

/// Writes a frame. The bytes `about` are not written but are part of the checksum, so that only a reader
/// that knows them can open the frame.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u8, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + room);
        bytes.extend_from_slice(&[kind, VERSION, 0, 0, 0, 0]);
        Self(bytes)
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Writes a number, seven bits in a byte, the lowest bits first.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.raw(text);
    }

    pub(super) fn seal(mut self, about: &[u8]) -> Vec<u8> {
        let sum = checksum(&self.0, about);
        self.0[2..HEAD].copy_from_slice(&sum.to_le_bytes());
        self.0
    }
}

/// Reads a frame's body from its start to its end.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Opens the body of a frame of this kind. [`Reader::check`] checks the checksum.
    pub(super) fn open(kind: u8, frame: &'a [u8]) -> Result<Self, CorruptRecord> {
        let (head, body) = frame.split_at_checked(HEAD).ok_or(CorruptRecord("too short"))?;
        if head[0] != kind {
            return Err(CorruptRecord("of another kind"));
        }
        if head[1] != VERSION {
            return Err(CorruptRecord("of another version"));
        }
        Ok(Self(body))
    }

    pub(super) fn check(frame: &[u8], about: &[u8]) -> Result<(), CorruptRecord> {
        let written = frame.get(2..HEAD).ok_or(CorruptRecord("too short"))?;
        if written == checksum(frame, about).to_le_bytes() {
            Ok(())
        } else {
            Err(CorruptRecord("the checksum is wrong"))
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, CorruptRecord> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], CorruptRecord> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CorruptRecord("cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, CorruptRecord> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(CorruptRecord("a number is too large"))
    }

    /// Reads a number that is at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, CorruptRecord> {
        match usize::try_from(self.number()?) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(CorruptRecord("a number is too large")),
        }
    }

    pub(super) fn text(&mut self, most: usize) -> Result<&'a [u8], CorruptRecord> {
        let length = self.count(most)?;
        self.take(length)
    }

    pub(super) fn end(&self) -> Result<(), CorruptRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(CorruptRecord("longer than it should be")) }
    }
}

fn checksum(frame: &[u8], about: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(&frame[..2]);
    sum.update(&frame[HEAD..]);
    sum.update(about);
    sum.sum()
}
