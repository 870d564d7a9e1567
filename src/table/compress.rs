//! Compresses blocks of text to one gzip member or one zstd frame, with memory that does not grow.
//!
//! Some readers stop behind the first member or frame, so there is only one. Its bytes depend on the blocks,
//! and not on the number of threads. Only a zstd file is another one, of the same content, where the system
//! refuses threads or the memory for them.

use std::io::{self, Write};
use std::sync::Mutex;
use std::thread;

use flate2::{Compress, Crc, FlushCompress};
use zstd::stream::write::Encoder;
use zstd::zstd_safe::CParameter;

use crate::input::content::Compression;
use crate::memory::{self, OutOfMemory};

/// The default level of the `zstd` command.
const ZSTD_LEVEL: i32 = 3;

/// Bytes that one thread of zstd compresses at a time. The default of 8 MB would need more memory.
const ZSTD_JOB: u32 = 2 << 20;

/// Bytes of memory that a thread of zstd needs, with some to spare.
const ZSTD_MEMORY: usize = 32 << 20;

/// Deflate data, no name, no time, any system: what RFC 1952 (section 2.3) asks for before the data.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The last block of deflate data, without bytes (RFC 1951, section 3.2.6).
const DEFLATE_END: [u8; 2] = [3, 0];

/// Room for more deflated data.
const DEFLATE_ROOM: usize = 64 << 10;

/// Does what a block needs before it is written, on the thread that made it.
#[derive(Debug)]
pub(super) struct Packer {
    deflate: Option<Compress>,
}

/// A block as it is written.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Of the text, in a gzip file.
    checksum: Crc,
}

impl Packer {
    pub(super) fn new(compression: Option<Compression>) -> Self {
        let deflate = compression == Some(Compression::Gzip);
        Self { deflate: deflate.then(|| Compress::new(flate2::Compression::default(), false)) }
    }

    pub(super) fn pack(&mut self, text: Vec<u8>) -> io::Result<Block> {
        let mut checksum = Crc::new();
        let Some(deflate) = &mut self.deflate else {
            return Ok(Block { bytes: text, checksum });
        };
        checksum.update(&text);
        deflate.reset();
        let mut bytes = memory::with_room(text.len() / 2 + DEFLATE_ROOM).map_err(refused)?;
        // The block ends at a whole byte, and what follows it does not refer to it. If room is left, the end is
        // written.
        while bytes.len() == bytes.capacity() || (deflate.total_in() as usize) < text.len() {
            memory::reserve(&mut bytes, DEFLATE_ROOM).map_err(refused)?;
            let rest = &text[deflate.total_in() as usize..];
            deflate.compress_vec(rest, &mut bytes, FlushCompress::Full)?;
        }
        Ok(Block { bytes, checksum })
    }
}

/// Writes blocks to a file.
pub(super) enum Packed<W: Write> {
    Plain(W),
    Gzip(W, Crc),
    Zstd(Encoder<'static, W>),
}

impl<W: Write> Packed<W> {
    /// Begins the file. With `in_jobs`, zstd compresses on `threads` threads of its own.
    pub(super) fn new(
        mut out: W,
        compression: Option<Compression>,
        in_jobs: bool,
        threads: usize,
    ) -> io::Result<Self> {
        Ok(match compression {
            None => Self::Plain(out),
            Some(Compression::Gzip) => {
                out.write_all(&GZIP_HEAD)?;
                Self::Gzip(out, Crc::new())
            }
            Some(Compression::Zstd) => {
                let mut encoder = Encoder::new(out, ZSTD_LEVEL)?;
                // A reader notices a file that was cut short or changed.
                encoder.include_checksum(true)?;
                // zstd starts its threads with the first block, and gives no file without them.
                if in_jobs && memory::ensure(threads * ZSTD_MEMORY).is_ok() && can_start(threads) {
                    encoder.set_parameter(CParameter::JobSize(ZSTD_JOB))?;
                    encoder.multithread(threads as u32)?;
                }
                Self::Zstd(encoder)
            }
        })
    }

    pub(super) fn write(&mut self, block: &Block) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(&block.bytes),
            Self::Gzip(out, checksum) => {
                checksum.combine(&block.checksum);
                out.write_all(&block.bytes)
            }
            Self::Zstd(encoder) => encoder.write_all(&block.bytes).map_err(told),
        }
    }

    /// Ends the compressed data.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(mut out, checksum) => {
                out.write_all(&DEFLATE_END)?;
                out.write_all(&checksum.sum().to_le_bytes())?;
                out.write_all(&checksum.amount().to_le_bytes())
            }
            Self::Zstd(encoder) => encoder.finish().map(drop).map_err(told),
        }
    }
}

/// Compresses a content that is there as a whole.
///
/// # Errors
/// If the system gives no memory.
pub fn compressed(content: Vec<u8>, compression: Compression) -> io::Result<Vec<u8>> {
    let mut packed = memory::with_room(content.len() / 2 + DEFLATE_ROOM).map_err(refused)?;
    let mut file = Packed::new(&mut packed, Some(compression), false, 1)?;
    file.write(&Packer::new(Some(compression)).pack(content)?)?;
    file.finish()?;
    Ok(packed)
}

/// Whether the system starts so many threads now.
fn can_start(threads: usize) -> bool {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        // All of them wait, so that they live at the same time.
        let closed = gate.lock();
        let start = |_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()));
        let started = (0..threads).map(start).take_while(Result::is_ok).count();
        drop(closed);
        started == threads
    })
}

/// Tells a lack of memory in zstd, which has no error of its own kind for it.
fn told(error: io::Error) -> io::Error {
    if error.to_string().contains("not enough memory") {
        refused(OutOfMemory { bytes: ZSTD_MEMORY })
    } else {
        error
    }
}

/// The error of a block for which there is no memory.
pub(super) fn refused(refused: OutOfMemory) -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, refused)
}
