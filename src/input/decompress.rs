//! Where rows come from when they are bytes: plain, gzipped or zstd-compressed text.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// Bytes read at a time into one block that is used again and again: fresh memory costs more than
/// the work done in it.
pub const BLOCK: usize = 1 << 18;

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// Reads one file of text, a block at a time.
pub struct TextSource<R: Read> {
    stream: Stream<R>,
    block: Vec<u8>,
}

/// A file whose first bytes were read to see what it is, and are given back in front of the rest.
type Whole<R> = BufReader<io::Chain<io::Cursor<Vec<u8>>, R>>;

enum Stream<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
    Zstd(ZstdDecoder<'static, Whole<R>>),
}

impl<R: Read> TextSource<R> {
    /// Looks at the first bytes to see whether the file is compressed; its name does not matter.
    ///
    /// # Errors
    /// Those of the file.
    pub fn open(mut file: R) -> io::Result<Self> {
        // A pipe may give fewer bytes in its first piece than it takes to know.
        let mut head = Vec::new();
        file.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut head)?;
        let (is_gzip, is_zstd) = (head.starts_with(GZIP_MAGIC), head.starts_with(ZSTD_MAGIC));
        let file = BufReader::with_capacity(BLOCK, io::Cursor::new(head).chain(file));
        let stream = if is_gzip {
            Stream::Gzip(Box::new(MultiGzDecoder::new(file)))
        } else if is_zstd {
            Stream::Zstd(ZstdDecoder::with_buffer(file)?)
        } else {
            Stream::Plain(file)
        };
        Ok(Self { stream, block: Vec::new() })
    }

    /// Hands the next block, never an empty one, to `take`; None is the end of the file.
    ///
    /// # Errors
    /// Those of the file, and broken compressed data.
    pub fn block<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> io::Result<Option<T>> {
        let Self { stream, block } = self;
        let unpacked = match stream {
            Stream::Plain(file) => {
                let block = fill(file)?;
                let taken = (!block.is_empty()).then(|| take(block));
                let read = block.len();
                file.consume(read);
                return Ok(taken);
            }
            Stream::Gzip(stream) => decompress(stream, block).map_err(|error| explain(error, "gzip"))?,
            Stream::Zstd(stream) => decompress(stream, block).map_err(|error| explain(error, "zstd"))?,
        };
        Ok((unpacked > 0).then(|| take(&block[..unpacked])))
    }
}

impl<R: Read> fmt::Debug for TextSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSource").finish_non_exhaustive()
    }
}

/// The next block. A signal between two blocks is no error.
fn fill(file: &mut BufReader<impl Read>) -> io::Result<&[u8]> {
    loop {
        match file.fill_buf() {
            // What was read is asked for by another name: asking again would read on at the end.
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

/// Errors in the data say what data; errors of the file itself stay as they are.
fn explain(error: io::Error, format: &str) -> io::Error {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), format!("broken {format} data: {error}"))
        }
        _ => error,
    }
}
