//! A document's parts as bytes, for a store that keeps manifests: what verdicts need, and nothing else.
//!
//! The bytes have a version and a checksum over themselves and the document's digest, so that bytes of
//! another document, of another version, or with a wrong bit are an error and never a wrong verdict.

use std::borrow::Cow;

use super::parts::{BlobPart, ChildPart, Faults, NO_SIZE, Parts, flag};
use crate::digest::Digest;
use crate::journal::CorruptRecord;
use crate::journal::frame::{Reader, Writer};
use crate::manifest::{Kind, KnownType, MAX_DESCRIPTORS, MediaType};
use crate::memory::{self, OutOfMemory};

/// Version of the form. Raise it if its rules change, also if [`KnownType`] changes the order of its codes, or
/// the reader of manifests reads a document otherwise: then stored manifests are read anew.
pub const VERSION: u8 = 2;

const KIND: u8 = b'm';

/// Longest text that is taken.
const MAX_TEXT: usize = 4 << 20;

/// Most bytes that a part takes beside its texts.
const PART: usize = 56;

/// Why bytes give no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// They are not what this version wrote for this document.
    Corrupt(CorruptRecord),
    /// The system gives no more memory.
    Memory(OutOfMemory),
}

impl From<CorruptRecord> for Refused {
    fn from(corrupt: CorruptRecord) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl From<OutOfMemory> for Refused {
    fn from(refused: OutOfMemory) -> Self {
        Self::Memory(refused)
    }
}

/// Writes the parts of the document with this digest.
pub(super) fn encode(parts: &Parts<'_>, digest: &Digest) -> Result<Vec<u8>, OutOfMemory> {
    let texts = parts.blobs.iter().map(|blob| blob.media_type.text().len()).sum::<usize>()
        + parts.children.iter().flat_map(|child| &child.platform).map(|word| word.len()).sum::<usize>()
        + parts.media_type.text().len()
        + parts.artifact_type.len()
        + parts.faults.text.len();
    let room = texts + PART * (parts.blobs.len() + parts.children.len() + 3);
    let mut writer = Writer::with_version(KIND, VERSION, room)?;
    writer.byte(parts.kind as u8);
    media_type(&mut writer, &parts.media_type);
    writer.text(parts.artifact_type.as_bytes());
    writer.byte(u8::from(parts.subject.is_some()));
    if let Some(subject) = &parts.subject {
        writer.raw(&subject.0);
    }
    writer.number(u64::from(parts.faults.malformed));
    writer.number(u64::from(parts.faults.unsupported));
    if parts.faults.malformed + parts.faults.unsupported > 0 {
        writer.number(u64::from(parts.faults.offset));
        writer.text(parts.faults.text.as_bytes());
    }
    writer.number(parts.blobs.len() as u64);
    let mut before = &MediaType::default();
    for blob in &parts.blobs {
        // The two bits that no blob has say whether the type is that of the blob before.
        let same = blob.media_type == *before;
        writer.byte(blob.flags | if same { SAME } else { 0 });
        if !same {
            media_type(&mut writer, &blob.media_type);
        }
        before = &blob.media_type;
        writer.number((blob.size + 1) as u64);
        writer.raw(&blob.digest.0);
    }
    writer.number(parts.children.len() as u64);
    for child in &parts.children {
        writer.byte(child.flags);
        for word in &child.platform {
            writer.text(word.as_bytes());
        }
        writer.raw(&child.digest.0);
    }
    Ok(writer.seal(&digest.0))
}

/// The bit in a blob's flags that says: the media type is that of the blob before.
const SAME: u8 = 128;

/// Reads what [`encode`] wrote.
pub(super) fn decode<'a>(bytes: &'a [u8], digest: &Digest) -> Result<Parts<'a>, Refused> {
    let mut reader = Reader::open_version(KIND, VERSION, bytes)?;
    Reader::check(bytes, &digest.0)?;
    let kind = *Kind::ALL.get(usize::from(reader.byte()?)).ok_or(CorruptRecord("of an unknown kind"))?;
    let own_type = read_media_type(&mut reader)?;
    let artifact_type = read_text(&mut reader)?;
    let subject = match reader.byte()? {
        0 => None,
        1 => Some(read_digest(&mut reader)?),
        _ => return Err(CorruptRecord("a subject is there or not").into()),
    };
    let malformed = reader.count(MAX_DESCRIPTORS)? as u32;
    let unsupported = reader.count(MAX_DESCRIPTORS)? as u32;
    let mut faults = Faults { malformed, unsupported, ..Faults::default() };
    if malformed + unsupported > 0 {
        faults.offset = reader.count(crate::manifest::MAX_DOCUMENT)? as u32;
        faults.text = Cow::Borrowed(read_text(&mut reader)?);
    }
    // Memory grows with the parts that are read, and not with the number that was read.
    let mut blobs: Vec<BlobPart<'a>> = Vec::new();
    for _ in 0..reader.count(MAX_DESCRIPTORS + 1)? {
        let head = reader.byte()?;
        let flags = head & !SAME;
        if flags & !flag::OF_BLOBS != 0 || flags & (flag::CONFIG | flag::LAYER) == 0 {
            return Err(CorruptRecord("a blob has flags that no blob has").into());
        }
        let media_type = if head & SAME == 0 {
            read_media_type(&mut reader)?
        } else {
            blobs.last().map_or_else(MediaType::default, |blob| blob.media_type.clone())
        };
        let size = i64::try_from(reader.number()?)
            .map_err(|_| CorruptRecord("a number is too large"))?
            .checked_sub(1)
            .filter(|size| *size >= NO_SIZE)
            .ok_or(CorruptRecord("a size is too small"))?;
        let digest = read_digest(&mut reader)?;
        memory::push(&mut blobs, BlobPart { digest, size, media_type, flags })?;
    }
    let mut children: Vec<ChildPart<'a>> = Vec::new();
    for _ in 0..reader.count(MAX_DESCRIPTORS)? {
        let flags = reader.byte()?;
        if flags & !flag::OF_CHILDREN != 0 {
            return Err(CorruptRecord("a child has flags that no child has").into());
        }
        let mut word =
            || -> Result<Cow<'a, str>, CorruptRecord> { read_text(&mut reader).map(Cow::Borrowed) };
        let platform = [word()?, word()?, word()?, word()?];
        let digest = read_digest(&mut reader)?;
        memory::push(&mut children, ChildPart { digest, platform, flags })?;
    }
    reader.end()?;
    let artifact_type = Cow::Borrowed(artifact_type);
    Ok(Parts { kind, media_type: own_type, artifact_type, subject, blobs, children, faults })
}

/// Writes the code of a known type plus one, or 0 and the text.
fn media_type(writer: &mut Writer, media_type: &MediaType<'_>) {
    match media_type {
        MediaType::Known(known) => writer.byte(*known as u8 + 1),
        MediaType::Other(text) => {
            writer.byte(0);
            writer.text(text.as_bytes());
        }
    }
}

fn read_media_type<'a>(reader: &mut Reader<'a>) -> Result<MediaType<'a>, CorruptRecord> {
    match reader.byte()? {
        0 => {
            let text = read_text(reader)?;
            if KnownType::of(text).is_some() {
                return Err(CorruptRecord("a known media type has a code"));
            }
            Ok(MediaType::Other(Cow::Borrowed(text)))
        }
        code => KnownType::ALL
            .get(usize::from(code) - 1)
            .map(|known| MediaType::Known(*known))
            .ok_or(CorruptRecord("of an unknown media type")),
    }
}

fn read_text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, CorruptRecord> {
    std::str::from_utf8(reader.text(MAX_TEXT)?).map_err(|_| CorruptRecord("a text is not UTF-8"))
}

fn read_digest(reader: &mut Reader<'_>) -> Result<Digest, CorruptRecord> {
    let bytes = reader.take(32)?;
    Ok(Digest(bytes.try_into().map_err(|_| CorruptRecord("cut short"))?))
}
