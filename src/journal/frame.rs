//! A frame: its kind, its version, a checksum, and a body of numbers and texts.

use std::fmt;

use flate2::Crc;

use crate::memory::{self, OutOfMemory};

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
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Begins a small frame.
    pub(crate) fn new(kind: u8, room: usize) -> Self {
        Self::begin(kind, Vec::with_capacity(HEAD + room))
    }

    /// Begins a large frame, which must not become longer than `room`.
    pub(crate) fn with_room(kind: u8, room: usize) -> Result<Self, OutOfMemory> {
        memory::with_room(HEAD + room).map(|bytes| Self::begin(kind, bytes))
    }

    /// Begins a large frame of a format with a version of its own.
    pub(crate) fn with_version(kind: u8, version: u8, room: usize) -> Result<Self, OutOfMemory> {
        let mut bytes = memory::with_room(HEAD + room)?;
        bytes.extend_from_slice(&[kind, version, 0, 0, 0, 0]);
        Ok(Self(bytes))
    }

    fn begin(kind: u8, mut bytes: Vec<u8>) -> Self {
        bytes.extend_from_slice(&[kind, VERSION, 0, 0, 0, 0]);
        Self(bytes)
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Writes a number, seven bits in a byte, the lowest bits first.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.raw(text);
    }

    pub(crate) fn seal(mut self, about: &[u8]) -> Vec<u8> {
        let sum = checksum(&self.0, about);
        self.0[2..HEAD].copy_from_slice(&sum.to_le_bytes());
        self.0
    }
}

/// Reads a frame's body from its start to its end.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Opens the body of a frame of this kind. [`Reader::check`] checks the checksum.
    pub(crate) fn open(kind: u8, frame: &'a [u8]) -> Result<Self, CorruptRecord> {
        Self::open_version(kind, VERSION, frame)
    }

    /// Opens the body of a frame of a format with a version of its own.
    pub(crate) fn open_version(kind: u8, version: u8, frame: &'a [u8]) -> Result<Self, CorruptRecord> {
        let (head, body) = frame.split_at_checked(HEAD).ok_or(CorruptRecord("too short"))?;
        if head[0] != kind {
            return Err(CorruptRecord("of another kind"));
        }
        if head[1] != version {
            return Err(CorruptRecord("of another version"));
        }
        Ok(Self(body))
    }

    pub(crate) fn check(frame: &[u8], about: &[u8]) -> Result<(), CorruptRecord> {
        let written = frame.get(2..HEAD).ok_or(CorruptRecord("too short"))?;
        if written == checksum(frame, about).to_le_bytes() {
            Ok(())
        } else {
            Err(CorruptRecord("the checksum is wrong"))
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CorruptRecord> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], CorruptRecord> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CorruptRecord("cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u64, CorruptRecord> {
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
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, CorruptRecord> {
        match usize::try_from(self.number()?) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(CorruptRecord("a number is too large")),
        }
    }

    pub(crate) fn text(&mut self, most: usize) -> Result<&'a [u8], CorruptRecord> {
        let length = self.count(most)?;
        self.take(length)
    }

    pub(crate) fn end(&self) -> Result<(), CorruptRecord> {
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
