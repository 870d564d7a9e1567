//! Gives documents to the lanes of the kernel: a lane takes the next document as soon as its own is hashed.

use sha2::block_api::compress256;

use super::avx512::{Block, Kernel, LANES, States};
use crate::digest::Digest;

/// Lanes in use from which the kernel is faster than `sha2`: it takes the time of ten documents for
/// all its lanes.
pub(super) const ENOUGH: usize = 12;

/// The state before the first block (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Bytes of a block that are free for the end of a document; the others are for its length.
const ROOM: usize = 56;

/// A document in a lane: the blocks that are not hashed yet.
#[derive(Clone, Copy)]
struct Lane<'a> {
    /// Which document it is.
    at: usize,
    whole: &'a [Block],
    /// The end of the document and its padding (FIPS 180-4, 5.1.1): one block or two.
    tail: Tail,
}

#[derive(Clone, Copy)]
struct Tail {
    blocks: [Block; 2],
    first: usize,
    end: usize,
}

impl<'a> Lane<'a> {
    fn of(at: usize, document: &'a [u8]) -> Self {
        let (whole, rest) = document.as_chunks();
        let mut tail = Tail { blocks: [[0; 64]; 2], first: 0, end: if rest.len() < ROOM { 1 } else { 2 } };
        let bytes = tail.blocks.as_flattened_mut();
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[rest.len()] = 0x80;
        let bits = document.len() as u64 * 8;
        bytes[tail.end * 64 - 8..tail.end * 64].copy_from_slice(&bits.to_be_bytes());
        Self { at, whole, tail }
    }

    /// Returns the next blocks that stand behind each other; none once the document is hashed.
    fn next(&self) -> &[Block] {
        if self.whole.is_empty() { &self.tail.blocks[self.tail.first..self.tail.end] } else { self.whole }
    }

    /// Drops as many of these.
    fn advance(&mut self, blocks: usize) {
        if self.whole.is_empty() {
            self.tail.first += blocks;
        } else {
            self.whole = &self.whole[blocks..];
        }
    }
}

/// Writes the sha256 of each document to its place in `digests`.
pub(super) fn hash(kernel: &Kernel, documents: &[&[u8]], digests: &mut [Digest]) {
    let mut coming = documents.iter().enumerate();
    let mut states = States::default();
    let mut lanes = [None; LANES];
    loop {
        for (number, lane) in lanes.iter_mut().enumerate() {
            if let Some(done) = lane.take_if(|lane: &mut Lane<'_>| lane.next().is_empty()) {
                digests[done.at] = digest(&states.of(number));
            }
            if lane.is_none() {
                *lane = coming.next().map(|(at, document)| Lane::of(at, document));
                states.set(number, &START);
            }
        }
        let blocks = lanes.each_ref().map(|lane| lane.as_ref().map(Lane::next));
        let used = blocks.iter().flatten();
        if used.clone().count() < ENOUGH {
            break;
        }
        let steps = used.map(|blocks| blocks.len()).min().unwrap_or_default();
        kernel.compress(&mut states, &blocks, steps);
        lanes.iter_mut().flatten().for_each(|lane| lane.advance(steps));
    }
    for (number, mut lane) in lanes.into_iter().enumerate().filter_map(|(number, lane)| Some((number, lane?)))
    {
        let mut state = states.of(number);
        while !lane.next().is_empty() {
            compress256(&mut state, lane.next());
            lane.advance(lane.next().len());
        }
        digests[lane.at] = digest(&state);
    }
}

fn digest(state: &[u32; 8]) -> Digest {
    let mut digest = Digest([0; 32]);
    digest.0.as_chunks_mut().0.iter_mut().zip(state).for_each(|(to, word)| *to = word.to_be_bytes());
    digest
}
