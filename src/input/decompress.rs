//! Reads the blocks of a file: plain, gzipped or zstd-compressed.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use zstd::stream::read::Decoder as ZstdDecoder;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use super::content::{Compression, Container};
use super::foreign;
use super::gzip::Members;

/// Bytes of a block. All blocks of a file use the same memory, because fresh memory costs more than the work
/// done in it.
pub const BLOCK: usize = 1 << 18;

/// Reads one file of text, a block at a time.
pub struct TextSource<R: Read> {
    stream: Stream<R>,
    block: Vec<u8>,
    /// Whether no block was read yet.
    at_start: bool,
    /// Bytes of the blocks so far.
    taken: u64,
}

/// A file whose first bytes were read to tell its compression, with these bytes in front again.
type Whole<R> = BufReader<io::Chain<io::Cursor<Vec<u8>>, Outside<io::Take<R>>>>;

enum Stream<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<Members<Whole<R>>>),
    Zstd(ZstdDecoder<'static, Whole<R>>),
}

impl<R: Read> Stream<R> {
    fn open(mut file: R) -> io::Result<Self> {
        // The first piece from a pipe may be shorter than the magic numbers.
        let mut head = Vec::new();
        file.by_ref().take(foreign::HEAD as u64).read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        // A file that ended is not read again: a terminal would wait for a second end.
        let rest = if head.len() < foreign::HEAD { 0 } else { u64::MAX };
        let file = io::Cursor::new(head).chain(Outside(file.take(rest)));
        let file = BufReader::with_capacity(BLOCK, file);
        Ok(match compression {
            Some(Compression::Gzip) => Self::Gzip(Box::new(Members::new(file))),
            Some(Compression::Zstd) => Self::Zstd(ZstdDecoder::with_buffer(file)?),
            None => Self::Plain(file),
        })
    }
}

/// Reads the bytes of a file of any kind, unpacked if it is gzip or zstd by its first bytes.
pub struct Unpacked<R: Read>(Stream<R>);

impl<R: Read> Unpacked<R> {
    /// Opens a file and tells from its first bytes whether it is compressed.
    ///
    /// # Errors
    /// The errors of the file.
    pub fn open(file: R) -> io::Result<Self> {
        Stream::open(file).map(Self)
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(file) => file.read(into).map_err(original),
            Stream::Gzip(stream) => stream.read(into).map_err(|error| explain(error, Compression::Gzip)),
            Stream::Zstd(stream) => stream.read(into).map_err(|error| explain(error, Compression::Zstd)),
        }
    }
}

impl<R: Read> fmt::Debug for Unpacked<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked").finish_non_exhaustive()
    }
}

impl<R: Read> TextSource<R> {
    /// Opens a file and tells from its first bytes whether it is compressed.
    ///
    /// # Errors
    /// The errors of the file.
    pub fn open(file: R) -> io::Result<Self> {
        Ok(Self { stream: Stream::open(file)?, block: Vec::new(), at_start: true, taken: 0 })
    }

    /// Returns the bytes of the file that were passed on so far; None for a compressed file, whose blocks have
    /// other lengths than their parts of the file.
    #[must_use]
    pub fn taken(&self) -> Option<u64> {
        matches!(self.stream, Stream::Plain(_)).then_some(self.taken)
    }

    /// Passes the next block, which is never empty, to `take`; returns None at the end of the file.
    ///
    /// # Errors
    /// The errors of the file, broken compressed data, compressed data that holds compressed data or a table,
    /// and [`foreign::Foreign`] for what else is not text.
    pub fn block<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> io::Result<Option<T>> {
        let Self { stream, block, at_start, taken: passed } = self;
        let at_start = std::mem::take(at_start);
        // The first block is long enough to tell what it is.
        let least = if at_start { foreign::HEAD } else { 1 };
        let (unpacked, compression) = match stream {
            Stream::Plain(file) => {
                let block = fill(file).map_err(original)?;
                if at_start {
                    foreign::check(block)?;
                }
                let taken = (!block.is_empty()).then(|| take(block));
                let read = block.len();
                file.consume(read);
                *passed += read as u64;
                return Ok(taken);
            }
            Stream::Gzip(stream) => (decompress(stream, block, least), Compression::Gzip),
            Stream::Zstd(stream) => (decompress(stream, block, least), Compression::Zstd),
        };
        let unpacked = unpacked.map_err(|error| explain(error, compression))?;
        let unpacked = &block[..unpacked];
        if at_start {
            refuse_packed(unpacked, compression)?;
            foreign::check(unpacked)?;
        }
        Ok((!unpacked.is_empty()).then(|| take(unpacked)))
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

/// Unpacks at least `least` bytes, unless the file ends before, and at most a block.
fn decompress(stream: &mut impl Read, block: &mut Vec<u8>, least: usize) -> io::Result<usize> {
    block.resize(BLOCK, 0);
    let mut unpacked = 0;
    while unpacked < least {
        match stream.read(&mut block[unpacked..]) {
            Ok(0) => break,
            Ok(read) => unpacked += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(unpacked)
}

/// Refuses data that was packed twice, or a table that was packed as a whole: neither is text.
fn refuse_packed(unpacked: &[u8], compression: Compression) -> io::Result<()> {
    let inside = Compression::of(unpacked).map(Compression::name);
    let Some(inside) = inside.or_else(|| Container::of(unpacked).map(Container::name)) else {
        return Ok(());
    };
    let message = format!("the {} data holds {inside}, not text: unpack it first", compression.name());
    Err(io::Error::new(ErrorKind::InvalidData, message))
}

/// A file, whose own errors are kept apart from those of a decoder.
struct Outside<R>(R);

/// An error of the file itself.
#[derive(Debug)]
struct OutsideError(io::Error);

impl fmt::Display for OutsideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for OutsideError {}

impl<R: Read> Read for Outside<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, OutsideError(error)),
        })
    }
}

/// Returns the file's own error as the file gave it.
fn original(error: io::Error) -> io::Error {
    error.downcast::<OutsideError>().map_or_else(|error| error, |outside| outside.0)
}

/// Names the compression in an error in the data. An error of the file itself stays as it is.
fn explain(error: io::Error, compression: Compression) -> io::Error {
    let error = match error.downcast::<OutsideError>() {
        Ok(outside) => return outside.0,
        Err(error) => error,
    };
    let is = |code| {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<zstd::Error>());
        inner.is_some_and(|error| error.is(code))
    };
    if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        // The limit of the library, and of zstd(1) without its option --long.
        let message =
            "the zstd data needs a window of more than 128 MiB: unpack it first, with zstd -d --long=31";
        return io::Error::new(ErrorKind::InvalidData, message);
    }
    // The first frame has a magic number, or else the file would be text.
    let reason = if is(ZSTD_ErrorCode::ZSTD_error_prefix_unknown) {
        "bytes that are not zstd follow the last frame".to_owned()
    } else {
        error.to_string()
    };
    let kind = if error.kind() == ErrorKind::Other { ErrorKind::InvalidData } else { error.kind() };
    io::Error::new(kind, format!("broken {} data: {reason}", compression.name()))
}
