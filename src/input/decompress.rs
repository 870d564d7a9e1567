//! Reads the blocks of a file: plain, gzipped or zstd-compressed.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// Bytes of a block. All blocks of a file use the same memory, because fresh memory costs more than the work
/// done in it.
pub const BLOCK: usize = 1 << 18;

/// How a file may be compressed: the one table of names, suffixes and first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// The compression of a file that starts with `head`; a file's name does not matter.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| head.starts_with(compression.magic()))
    }

    /// The compression that the suffix of a name stands for, in lower case.
    #[must_use]
    pub fn of_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.suffix() == suffix)
    }

    /// The word for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The suffix that names of such files have, lower case.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    const fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"\x1f\x8b",
            Self::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }
}

/// Bytes that are enough to tell every compression.
const MAGIC_LEN: u64 = 4;

/// Reads one file of text, a block at a time.
pub struct TextSource<R: Read> {
    stream: Stream<R>,
    block: Vec<u8>,
}

/// A file whose first bytes were read to tell its compression, with these bytes in front again.
type Whole<R> = BufReader<io::Chain<io::Cursor<Vec<u8>>, R>>;

enum Stream<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
    Zstd(ZstdDecoder<'static, Whole<R>>),
}

impl<R: Read> TextSource<R> {
    /// Opens a file and tells from its first bytes whether it is compressed.
    ///
    /// # Errors
    /// The errors of the file.
    pub fn open(mut file: R) -> io::Result<Self> {
        // The first piece from a pipe may be shorter than the magic numbers.
        let mut head = Vec::new();
        file.by_ref().take(MAGIC_LEN).read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        let file = BufReader::with_capacity(BLOCK, io::Cursor::new(head).chain(file));
        let stream = match compression {
            Some(Compression::Gzip) => Stream::Gzip(Box::new(MultiGzDecoder::new(file))),
            Some(Compression::Zstd) => Stream::Zstd(ZstdDecoder::with_buffer(file)?),
            None => Stream::Plain(file),
        };
        Ok(Self { stream, block: Vec::new() })
    }

    /// Passes the next block, which is never empty, to `take`; returns None at the end of the file.
    ///
    /// # Errors
    /// The errors of the file, and broken compressed data.
    pub fn block<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> io::Result<Option<T>> {
        let Self { stream, block } = self;
        let (unpacked, compression) = match stream {
            Stream::Plain(file) => {
                let block = fill(file)?;
                let taken = (!block.is_empty()).then(|| take(block));
                let read = block.len();
                file.consume(read);
                return Ok(taken);
            }
            Stream::Gzip(stream) => (decompress(stream, block), Compression::Gzip),
            Stream::Zstd(stream) => (decompress(stream, block), Compression::Zstd),
        };
        let unpacked = unpacked.map_err(|error| explain(error, compression))?;
        Ok((unpacked > 0).then(|| take(&block[..unpacked])))
    }
}

impl<R: Read> fmt::Debug for TextSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSource").finish_non_exhaustive()
    }
}

/// Reads the next block. A signal between two blocks is not an error.
fn fill(file: &mut BufReader<impl Read>) -> io::Result<&[u8]> {
    loop {
        match file.fill_buf() {
            // `buffer` and not a second `fill_buf`, which would read again at the end of the file.
            Ok(_) => return Ok(file.buffer()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn decompress(stream: &mut impl Read, block: &mut Vec<u8>) -> io::Result<usize> {
    block.resize(BLOCK, 0);
    loop {
        match stream.read(block) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Names the compression in an error in the data. An error of the file itself stays as it is.
fn explain(error: io::Error, compression: Compression) -> io::Error {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), format!("broken {} data: {error}", compression.name()))
        }
        _ => error,
    }
}
