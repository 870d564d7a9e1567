//! Where rows come from when they are bytes: plain, gzipped or zstd-compressed text.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::plan::Planner;

/// Bytes read at a time into one block that is used again and again: fresh memory costs more than
/// the work done in it.
pub const BLOCK: usize = 1 << 20;

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// Reads one file of text into a planner, a block at a time.
pub struct TextSource<R: Read> {
    stream: Stream<R>,
    block: Vec<u8>,
}

enum Stream<R: Read> {
    Plain(BufReader<R>),
    Gzip(Box<MultiGzDecoder<BufReader<R>>>),
    Zstd(ZstdDecoder<'static, BufReader<R>>),
}

impl<R: Read> TextSource<R> {
    /// Looks at the first bytes to see whether the file is compressed; its name does not matter.
    ///
    /// # Errors
    /// Those of the file.
    pub fn open(file: R) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(BLOCK, file);
        let head = fill(&mut file)?;
        let stream = if head.starts_with(GZIP_MAGIC) {
            Stream::Gzip(Box::new(MultiGzDecoder::new(file)))
        } else if head.starts_with(ZSTD_MAGIC) {
            Stream::Zstd(ZstdDecoder::with_buffer(file)?)
        } else {
            Stream::Plain(file)
        };
        Ok(Self { stream, block: Vec::new() })
    }

    /// Feeds the next block to `planner`; at the end of the file it ends the file there and gives
    /// false.
    ///
    /// # Errors
    /// Those of the file, and broken compressed data.
    pub fn feed(&mut self, planner: &mut Planner) -> io::Result<bool> {
        let fed = self.block(|block| planner.feed(block))?;
        if fed.is_none() {
            planner.end_of_file();
        }
        Ok(fed.is_some())
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

fn fill<R: Read>(file: &mut BufReader<R>) -> io::Result<&[u8]> {
    // A signal between two blocks is no error; the borrow checker wants the result asked for twice.
    while let Err(error) = file.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    file.fill_buf()
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
