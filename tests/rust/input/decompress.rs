//! Files of text, plain and compressed, for any sizes of the reads.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use layercheck::input::decompress::TextSource;
use layercheck::input::lines::TextLines;
use layercheck::input::{read_block, rows_left};
use layercheck::{Plan, Planner};

/// Returns `piece` bytes at a time, a signal before each piece, and its end only once.
struct Pipe {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
    signal: bool,
    ended: bool,
}

impl Read for Pipe {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        self.signal = !self.signal;
        if self.signal {
            return Err(io::ErrorKind::Interrupted.into());
        }
        assert!(!self.ended, "read again behind the end");
        let length = self.piece.min(block.len()).min(self.bytes.len() - self.at);
        block[..length].copy_from_slice(&self.bytes[self.at..][..length]);
        self.at += length;
        self.ended = length == 0;
        Ok(length)
    }
}

fn plan(bytes: &[u8], piece: usize) -> Plan {
    let pipe = Pipe { bytes: bytes.to_vec(), at: 0, piece, signal: false, ended: false };
    let mut planner = Planner::new(false);
    let mut source = TextSource::open(pipe).unwrap();
    let mut lines = TextLines::default();
    while read_block(&mut source, &mut lines, &mut planner).unwrap() {}
    planner.finish(100).unwrap()
}

#[test]
fn how_the_bytes_arrive_does_not_matter() {
    let text = format!("sha256:{}\n{}\njunk", "ab".repeat(32), "cd".repeat(32));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 0).unwrap();
    let skippable = b"\x5f\x2a\x4d\x18\x03\x00\x00\x00abc";
    let files = [
        ("plain", text.clone().into_bytes()),
        ("gzip", gzip.clone()),
        ("gzip and zeros", [&gzip[..], &[0; 9]].concat()),
        ("zstd", zstd.clone()),
        ("zstd between frames to skip", [skippable, &zstd[..], skippable].concat()),
    ];
    for (name, file) in files {
        for piece in [1, 2, 3, 5, 1 << 20] {
            let plan = plan(&file, piece);
            assert_eq!((plan.rows(), plan.unique(), plan.invalid()), (3, 2, 1), "{name} by {piece}");
        }
    }
}

#[test]
fn a_file_shorter_than_any_magic_number_is_text() {
    for text in ["", "a", "abc"] {
        let mut planner = Planner::new(false);
        let mut source = TextSource::open(text.as_bytes()).unwrap();
        let mut lines = TextLines::default();
        while read_block(&mut source, &mut lines, &mut planner).unwrap() {}
        assert_eq!(planner.finish(100).unwrap().rows(), usize::from(!text.is_empty()));
    }
}

#[test]
fn the_rows_that_are_left_follow_from_those_of_the_first_bytes() {
    assert_eq!(rows_left(1_000, 100, 3), 27);
    assert_eq!(rows_left(1_000, 1_000, 30), 0);
    // A file that grew, or whose length is not known.
    assert_eq!(rows_left(10, 1_000, 30), 0);
    assert_eq!(rows_left(0, 0, 0), 0);
    // A file that has no byte of what it claims.
    assert_eq!(rows_left(u64::MAX, 1, usize::MAX), usize::MAX);
}

#[test]
fn only_the_bytes_of_a_plain_file_are_counted() {
    let text = "latest\n".repeat(100_000);
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    for (file, counted) in [(text.clone().into_bytes(), true), (packer.finish().unwrap(), false)] {
        let mut source = TextSource::open(file.as_slice()).unwrap();
        let mut taken = 0;
        while let Some(length) = source.block(<[u8]>::len).unwrap() {
            taken += length as u64;
            assert_eq!(source.taken(), counted.then_some(taken));
        }
        assert_eq!(taken, text.len() as u64);
    }
}
