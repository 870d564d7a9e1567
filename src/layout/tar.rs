//! Reads a tar archive from front to back, an entry at a time, in bounded memory.
//!
//! The headers are read by the crate `tar`; the walk over them is here, because that of the crate takes a long
//! name of any length into memory, and says neither where a broken archive ends nor in which entry.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use tar::{EntryType, GnuExtSparseHeader, Header, PaxExtensions};

use super::error::LayoutError;
use super::names::{MAX_NAME, clean};
use crate::input::Quoted;

/// Bytes of a block, to which everything in a tar archive is padded.
const BLOCK: usize = 512;

/// Most bytes of the extended headers of one entry. Real ones have a few hundred.
const MAX_EXTENDED: u64 = 1 << 20;

/// Most bytes of all files with holes together: the largest layer that ECR takes has 52,000 MiB. A hole costs
/// nothing in the archive and time to hash.
const MAX_SPARSE: u64 = 64 << 30;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    /// A second name for the file with this name.
    HardLink(Vec<u8>),
    /// A link to this path, from the folder of the entry.
    SymbolicLink(Vec<u8>),
    /// A device, a pipe.
    Other,
}

/// One entry, whose content comes next.
#[derive(Debug)]
pub(super) struct Entry {
    /// The cleaned name; None for a name that leaves the archive.
    pub(super) name: Option<Vec<u8>>,
    /// The name for messages.
    pub(super) shown: String,
    pub(super) kind: EntryKind,
    /// Size of the content, with its holes.
    pub(super) size: u64,
    /// Bytes of the content in the archive.
    stored: u64,
    /// Where the stored bytes stand in a file with holes: offset and length of each piece.
    pieces: Option<Vec<(u64, u64)>>,
}

/// Extended headers that are about the next entry.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

/// Reads one archive.
pub(super) struct Tar<R> {
    file: R,
    /// Bytes read so far, unpacked.
    at: u64,
    chunk: Vec<u8>,
    /// Whether the archive has its end mark of two empty blocks.
    pub(super) has_end: bool,
    global: Extended,
    /// Bytes of the files with holes so far.
    sparse: u64,
}

impl<R: Read> Tar<R> {
    /// Begins an archive of which `at` bytes are in front of `file` again.
    pub(super) fn new(file: R) -> Self {
        Self { file, at: 0, chunk: vec![0; CHUNK], has_end: false, global: Extended::default(), sparse: 0 }
    }

    /// Reads the next header; returns None at the end. The content of the entry before must be read.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, LayoutError> {
        let mut extended = Extended::default();
        loop {
            let start = self.at;
            let mut block = [0; BLOCK];
            match self.fill(&mut block)? {
                BLOCK => {}
                0 => return Ok(None),
                read => return Err(self.cut(&format!("{read} bytes of a header"))),
            }
            if block == [0; BLOCK] {
                self.has_end = true;
                self.drain()?;
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if !is_header(&block) {
                return Err(LayoutError::unusable(
                    format!("byte {start}"),
                    "broken tar archive: a header is expected here, and its checksum does not match; fetch or \
                     write the archive again",
                ));
            }
            let size = header.entry_size().map_err(|_| Self::broken(start, "a size is not a number"))?;
            match header.entry_type() {
                EntryType::GNULongName => extended.name = Some(self.long_name(start, size)?),
                EntryType::GNULongLink => extended.link = Some(self.long_name(start, size)?),
                EntryType::XHeader => {
                    let content = self.small(start, size, MAX_EXTENDED)?;
                    pax(&content, &mut extended);
                }
                EntryType::XGlobalHeader => {
                    let content = self.small(start, size, MAX_EXTENDED)?;
                    pax(&content, &mut self.global);
                }
                kind => return self.entry(start, header, kind, extended, size).map(Some),
            }
        }
    }

    fn entry(
        &mut self,
        start: u64,
        header: &Header,
        kind: EntryType,
        extended: Extended,
        size: u64,
    ) -> Result<Entry, LayoutError> {
        let name = extended.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let shown = Quoted(&name).to_string();
        let size = extended.size.or(self.global.size).unwrap_or(size);
        if extended.is_sparse {
            return Err(Self::broken(
                start,
                &format!(
                    "the entry {shown} is stored with holes in a form that is not read; write the archive without --sparse"
                ),
            ));
        }
        let link = || extended.link.clone().or_else(|| header.link_name_bytes().map(Cow::into_owned));
        let is_too_long = name.len() > MAX_NAME || link().is_some_and(|link| link.len() > MAX_NAME);
        if is_too_long {
            return Err(Self::broken(start, &format!("the name {shown} is longer than {MAX_NAME} bytes")));
        }
        let mut entry =
            Entry { name: clean(&name), shown, kind: EntryKind::Other, size: 0, stored: 0, pieces: None };
        entry.kind = match kind {
            EntryType::Link => EntryKind::HardLink(link().unwrap_or_default()),
            EntryType::Symlink => EntryKind::SymbolicLink(link().unwrap_or_default()),
            EntryType::Directory => EntryKind::Folder,
            EntryType::GNUSparse => {
                self.holes(start, header, &mut entry)?;
                EntryKind::File
            }
            // The oldest form of tar marks a folder by a slash, and any unknown type is a file by POSIX.
            EntryType::Regular if name.last() == Some(&b'/') => EntryKind::Folder,
            EntryType::Char | EntryType::Block | EntryType::Fifo => EntryKind::Other,
            _ => EntryKind::File,
        };
        if entry.kind == EntryKind::File {
            entry.stored = size;
            if entry.pieces.is_none() {
                entry.size = size;
            }
        }
        Ok(entry)
    }

    /// Reads where the pieces of a file with holes stand, in the form of GNU.
    fn holes(&mut self, start: u64, header: &Header, entry: &mut Entry) -> Result<(), LayoutError> {
        let broken = || Self::broken(start, "the map of a file with holes cannot be read");
        let gnu = header.as_gnu().ok_or_else(broken)?;
        let real = gnu.real_size().map_err(|_| broken())?;
        self.sparse = self.sparse.saturating_add(real);
        if self.sparse > MAX_SPARSE {
            return Err(Self::broken(
                start,
                &format!(
                    "the entry {}, and those before it, have more than 64 GiB with their holes",
                    entry.shown
                ),
            ));
        }
        let mut pieces = Vec::new();
        let mut more = gnu.is_extended();
        let mut take = |sparse: &[tar::GnuSparseHeader]| {
            for piece in sparse.iter().filter(|piece| !piece.is_empty()) {
                let (offset, length) = (piece.offset(), piece.length());
                pieces.push((offset.map_err(|_| broken())?, length.map_err(|_| broken())?));
            }
            if pieces.len() > 1 << 16 { Err(broken()) } else { Ok(()) }
        };
        take(&gnu.sparse)?;
        while more {
            let mut block = GnuExtSparseHeader::new();
            if self.fill(block.as_mut_bytes())? != BLOCK {
                return Err(self.cut("the map of a file with holes"));
            }
            take(block.sparse())?;
            more = block.isextended[0] == 1;
        }
        let mut end = 0;
        for &(offset, length) in &pieces {
            let next = offset.checked_add(length).filter(|next| offset >= end && *next <= real);
            end = next.ok_or_else(broken)?;
        }
        entry.size = real;
        entry.pieces = Some(pieces);
        Ok(())
    }

    /// Reads the content of an entry and passes it to `take` in pieces, holes as zeros.
    pub(super) fn content(
        &mut self,
        entry: &Entry,
        mut take: impl FnMut(&[u8]) -> Result<(), LayoutError>,
    ) -> Result<(), LayoutError> {
        match &entry.pieces {
            None => self.stored(entry, entry.stored, &mut take)?,
            Some(pieces) => {
                let mut at = 0;
                let mut left = entry.stored;
                for &(offset, length) in pieces {
                    zeros(offset - at, &mut take)?;
                    left = left.checked_sub(length).ok_or_else(|| {
                        LayoutError::unusable(
                            &entry.shown,
                            "broken tar archive: its map of holes does not fit",
                        )
                    })?;
                    self.stored(entry, length, &mut take)?;
                    at = offset + length;
                }
                zeros(entry.size - at, &mut take)?;
                self.stored(entry, left, &mut |_| Ok(()))?;
            }
        }
        let padding = entry.stored.next_multiple_of(BLOCK as u64) - entry.stored;
        let mut block = [0; BLOCK];
        if self.fill(&mut block[..padding as usize])? as u64 != padding {
            return Err(self.cut(&format!("the entry {} of {} bytes", entry.shown, entry.stored)));
        }
        Ok(())
    }

    fn stored(
        &mut self,
        entry: &Entry,
        length: u64,
        take: &mut impl FnMut(&[u8]) -> Result<(), LayoutError>,
    ) -> Result<(), LayoutError> {
        let mut chunk = std::mem::take(&mut self.chunk);
        let mut left = length;
        while left > 0 {
            let room = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = self.fill(&mut chunk[..room])?;
            if read != room {
                return Err(self.cut(&format!("the entry {} of {} bytes", entry.shown, entry.stored)));
            }
            take(&chunk[..read])?;
            left -= read as u64;
        }
        self.chunk = chunk;
        Ok(())
    }

    /// Reads the content of a header that is small.
    fn small(&mut self, start: u64, size: u64, most: u64) -> Result<Vec<u8>, LayoutError> {
        if size > most {
            return Err(Self::broken(start, &format!("an extended header of {size} bytes")));
        }
        let mut content = vec![0; size.next_multiple_of(BLOCK as u64) as usize];
        if self.fill(&mut content)? != content.len() {
            return Err(self.cut("an extended header"));
        }
        content.truncate(size as usize);
        Ok(content)
    }

    /// Reads a long name of GNU, which ends in a zero.
    fn long_name(&mut self, start: u64, size: u64) -> Result<Vec<u8>, LayoutError> {
        if size > MAX_NAME as u64 + 1 {
            return Err(Self::broken(start, &format!("a name longer than {MAX_NAME} bytes")));
        }
        let mut name = self.small(start, size, size)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    /// Fills `into` as far as the file goes; returns the bytes read.
    fn fill(&mut self, into: &mut [u8]) -> Result<usize, LayoutError> {
        let mut read = 0;
        while read < into.len() {
            match self.file.read(&mut into[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let is_data = error.get_ref().is_some() && error.kind() != ErrorKind::Other;
                    let place =
                        if is_data { format!("byte {}", self.at + read as u64) } else { String::new() };
                    return Err(LayoutError::Io(place, error));
                }
            }
        }
        self.at += read as u64;
        Ok(read)
    }

    /// Reads what stands behind the end mark, so that a program that writes the archive into a pipe can end.
    fn drain(&mut self) -> Result<(), LayoutError> {
        let mut chunk = std::mem::take(&mut self.chunk);
        while self.fill(&mut chunk)? > 0 {}
        self.chunk = chunk;
        Ok(())
    }

    fn cut(&self, within: &str) -> LayoutError {
        LayoutError::unusable(
            format!("byte {}", self.at),
            format!("the archive is cut short: it ends within {within}; fetch or write it again"),
        )
    }

    fn broken(start: u64, text: &str) -> LayoutError {
        LayoutError::unusable(format!("byte {start}"), format!("broken tar archive: {text}"))
    }
}

/// Passes so many zeros to `take`.
fn zeros(count: u64, take: &mut impl FnMut(&[u8]) -> Result<(), LayoutError>) -> Result<(), LayoutError> {
    let block = [0; 8 * BLOCK];
    let mut left = count;
    while left > 0 {
        let now = left.min(block.len() as u64);
        take(&block[..now as usize])?;
        left -= now;
    }
    Ok(())
}

fn pax(content: &[u8], extended: &mut Extended) {
    for extension in PaxExtensions::new(content).flatten() {
        let value = extension.value_bytes();
        match extension.key_bytes() {
            b"path" => extended.name = Some(value.to_vec()),
            b"linkpath" => extended.link = Some(value.to_vec()),
            b"size" => extended.size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()),
            key if key.starts_with(b"GNU.sparse.") => extended.is_sparse = true,
            _ => {}
        }
    }
}

/// Returns true if a block is the header of an entry: its checksum is right. The mark `ustar` is no test,
/// because the oldest archives have none.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<BLOCK>() else {
        return false;
    };
    // The sum counts its own field as spaces.
    let sum: u32 = block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum();
    let stated = Header::from_byte_slice(block).cksum();
    stated.is_ok_and(|stated| stated == sum + 8 * 32)
}
