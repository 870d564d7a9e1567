//! Checks that any bytes, compressed or not, end in a plan or in an error, in bounded memory, and that the
//! sizes of the reads do not matter.

use std::io::{self, ErrorKind, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use layercheck::Planner;
use layercheck::input::content::{self, Container};
use layercheck::input::decompress::TextSource;
use layercheck::input::lines::TextLines;
use layercheck::input::read_block;

use crate::lines::{Row, shown, slowly};

/// Blocks after which the check leaves a file that unpacks to very much.
const MAX_BLOCKS: usize = 8;

/// The first byte chooses: the bytes as they are, or packed first by gzip or zstd.
pub fn check(data: &[u8]) {
    let Some((how, file)) = data.split_first() else {
        return;
    };
    match how % 4 {
        0 => as_it_is(file),
        1 => {
            // In two members, as `cat one.gz two.gz` makes them.
            let (one, two) = file.split_at(file.len() / 2);
            round(file, &[gzipped(one), gzipped(two)].concat());
        }
        2 => {
            let (one, two) = file.split_at(file.len() / 3);
            let pack = |part| zstd::encode_all(part, 1).expect("memory");
            round(file, &[pack(one), pack(two)].concat());
        }
        _ => {
            // A packed file with a changed byte.
            let mut packed = gzipped(file);
            let at = usize::from(*how) % packed.len();
            packed[at] ^= how | 1;
            as_it_is(&packed);
            let mut packed = zstd::encode_all(file, 1).expect("memory");
            let at = usize::from(*how) % packed.len();
            packed[at] ^= how | 1;
            as_it_is(&packed);
        }
    }
}

fn gzipped(part: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(part).expect("memory");
    encoder.finish().expect("memory")
}

/// A packed file gives the rows of what was packed, or an error if that is not text.
fn round(file: &[u8], packed: &[u8]) {
    let is_text = content::Compression::of(file).is_none() && Container::of(file).is_none();
    let wanted = if is_text { Ok((slowly(file, false), true)) } else { Err(ErrorKind::InvalidData) };
    assert_eq!(plan(packed, MAX_BLOCKS), wanted);
    assert_eq!(plan(Dripping { left: packed, interrupted: false }, usize::MAX), wanted);
}

fn as_it_is(file: &[u8]) {
    let read = plan(file, MAX_BLOCKS);
    if content::Compression::of(file).is_none() {
        assert_eq!(read, Ok((slowly(file, false), true)));
    }
    // Not for files that unpack to megabytes, because a few bytes at a time are slow.
    if file.len() < 256 && read.as_ref().is_ok_and(|(_, ended)| *ended) {
        assert_eq!(plan(Dripping { left: file, interrupted: false }, usize::MAX), read);
    }
}

/// The rows of a file, and whether it ended within so many blocks.
fn plan(file: impl Read, blocks: usize) -> Result<(Vec<Row>, bool), ErrorKind> {
    let mut planner = Planner::new(false);
    let mut source = TextSource::open(file).map_err(|error| error.kind())?;
    let mut lines = TextLines::default();
    let mut ended = false;
    for _ in 0..blocks {
        let read = read_block(&mut source, &mut lines, &mut planner);
        ended = !read.map_err(|error| io::Error::from(error).kind())?;
        if ended {
            break;
        }
    }
    Ok((shown(&planner.finish(100)), ended))
}

/// A file that gives three bytes at a time, and a signal between any two reads.
struct Dripping<'a> {
    left: &'a [u8],
    interrupted: bool,
}

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        let room = into.len().min(3);
        self.left.read(&mut into[..room])
    }
}
