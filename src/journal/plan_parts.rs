//! Encodes a plan in parts: 32 bytes a digest, almost nothing for rows whose digest occurs once, and the
//! rejected rows.
//!
//! A report can be made from a journal alone, so the parts hold everything that a report shows of its plan.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::frame::{CorruptRecord, Reader, Writer};
use crate::digest::Digest;
use crate::digest::parse::{ParseError, RejectKind, Spelling};
use crate::memory::{self, OutOfMemory};
use crate::plan::Plan;
use crate::plan::rejected_rows::{MAX_TEXT, Rejects};
use crate::protocol::MAX_BATCH;

const HEAD: u8 = b'h';
const DIGESTS: u8 = b'd';
const ROWS: u8 = b'r';
const REJECTS: u8 = b'x';

/// Digests in a part: eight megabytes.
const DIGESTS_EACH: usize = 1 << 18;
const ROWS_EACH: usize = 1 << 20;
const REJECTS_EACH: usize = 1 << 13;

/// Most bytes of a number.
const NUMBER: usize = 10;

/// Bits beside the kind of a rejected row.
const NULL: u8 = 0x40;
const CUT: u8 = 0x80;

/// The parts of a plan, in the order in which [`Rebuild`] wants them.
#[derive(Debug, Default)]
pub struct Parts {
    begun: bool,
    digests: usize,
    rows: usize,
    rejects: usize,
    /// The next digest that did not occur yet.
    next: usize,
}

impl Parts {
    /// Returns the next part; None after the last.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the parts cannot be continued then.
    pub fn next(&mut self, plan: &Plan) -> Result<Option<Vec<u8>>, OutOfMemory> {
        if !self.begun {
            self.begun = true;
            return Ok(Some(head(plan)));
        }
        if self.digests < plan.unique() {
            let start = self.digests;
            self.digests = plan.unique().min(start + DIGESTS_EACH);
            return digests(start, &plan.digests()[start..self.digests]).map(Some);
        }
        if self.rows < plan.rows() {
            let start = self.rows;
            self.rows = plan.rows().min(start + ROWS_EACH);
            return rows(start, &plan.row_index()[start..self.rows], &mut self.next).map(Some);
        }
        if self.rejects < plan.invalid() {
            let start = self.rejects;
            self.rejects = plan.invalid().min(start + REJECTS_EACH);
            return rejects(plan.rejects(), start, self.rejects).map(Some);
        }
        Ok(None)
    }
}

/// Returns two hashes that tell plans apart: of the digests in order, and of the rows with their digests and
/// rejections. Neither depends on the batch size.
///
/// # Errors
/// [`OutOfMemory`].
pub fn fingerprint(plan: &Plan) -> Result<([u8; 32], [u8; 32]), OutOfMemory> {
    let of_digests = Sha256::digest(Digest::bytes_of(plan.digests()));
    let mut of_rows = Sha256::new();
    let mut parts = Parts { begun: true, digests: plan.unique(), ..Parts::default() };
    while let Some(part) = parts.next(plan)? {
        of_rows.update(part);
    }
    Ok((of_digests.into(), of_rows.finalize().into()))
}

fn head(plan: &Plan) -> Vec<u8> {
    let mut out = Writer::new(HEAD, 64);
    for number in [plan.rows(), plan.unique(), plan.invalid(), plan.batch_size()] {
        out.number(number as u64);
    }
    plan.spellings().iter().for_each(|(_, rows)| out.number(*rows));
    out.seal(&[])
}

fn digests(start: usize, digests: &[Digest]) -> Result<Vec<u8>, OutOfMemory> {
    let mut out = Writer::with_room(DIGESTS, 2 * NUMBER + 32 * digests.len())?;
    out.number(start as u64);
    out.number(digests.len() as u64);
    out.raw(Digest::bytes_of(digests));
    Ok(out.seal(&[]))
}

/// Writes rows as numbers: 0 is a rejected row, an odd number is a run of digests that occur for the first
/// time, and an even number is a digest that occurred before.
fn rows(start: usize, row_index: &[i64], next: &mut usize) -> Result<Vec<u8>, OutOfMemory> {
    // A plan has fewer than 2^32 digests, so the number of a row takes at most five bytes.
    let mut out = Writer::with_room(ROWS, 2 * NUMBER + 5 * row_index.len())?;
    out.number(start as u64);
    out.number(row_index.len() as u64);
    let mut new = 0_u64;
    for index in row_index {
        if *index == *next as i64 {
            *next += 1;
            new += 1;
            continue;
        }
        new_digests(&mut out, &mut new);
        out.number(u64::try_from(*index).map_or(0, |index| (index + 1) << 1));
    }
    new_digests(&mut out, &mut new);
    Ok(out.seal(&[]))
}

fn new_digests(out: &mut Writer, new: &mut u64) {
    if *new > 0 {
        out.number(((*new - 1) << 1) | 1);
        *new = 0;
    }
}

fn rejects(rejects: &Rejects, start: usize, stop: usize) -> Result<Vec<u8>, OutOfMemory> {
    let texts = (start..stop).map(|at| rejects.get(at).text.map_or(0, <[u8]>::len)).sum::<usize>();
    let mut out = Writer::with_room(REJECTS, 2 * NUMBER + texts + (1 + 2 * NUMBER) * (stop - start))?;
    out.number(start as u64);
    out.number((stop - start) as u64);
    for reject in (start..stop).map(|at| rejects.get(at)) {
        let null = if reject.text.is_none() { NULL } else { 0 };
        out.byte(reject.kind as u8 | null | if reject.cut { CUT } else { 0 });
        out.number(reject.offset as u64);
        out.text(reject.text.unwrap_or_default());
    }
    Ok(out.seal(&[]))
}

/// Rebuilds a plan from its parts, given in their order.
#[derive(Debug, Default)]
pub struct Rebuild {
    head: Option<Head>,
    digests: Vec<Digest>,
    row_index: Vec<i64>,
    rejects: Rejects,
    next: usize,
    /// The row from which to look for the next rejected row.
    from_row: usize,
}

#[derive(Debug)]
struct Head {
    rows: usize,
    unique: usize,
    invalid: usize,
    batch_size: usize,
    spellings: [u64; Spelling::ALL.len()],
}

/// Why a plan cannot be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildError {
    /// The bytes are not the parts of a plan.
    Corrupt(CorruptRecord),
    /// The plan needs more memory than there is.
    Memory(OutOfMemory),
}

impl fmt::Display for RebuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(corrupt) => corrupt.fmt(f),
            Self::Memory(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for RebuildError {}

impl From<CorruptRecord> for RebuildError {
    fn from(corrupt: CorruptRecord) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl From<OutOfMemory> for RebuildError {
    fn from(refused: OutOfMemory) -> Self {
        Self::Memory(refused)
    }
}

impl Rebuild {
    /// Takes the next part.
    ///
    /// # Errors
    /// [`CorruptRecord`] if `part` is not a part, or not the next part; [`OutOfMemory`].
    pub fn take(&mut self, part: &[u8]) -> Result<(), RebuildError> {
        Reader::check(part, &[])?;
        let kind = part[0];
        let mut read = Reader::open(kind, part)?;
        let Some(head) = &self.head else {
            return self.begin(kind, &mut read).map_err(RebuildError::Corrupt);
        };
        match kind {
            DIGESTS => {
                let count = expect(&mut read, self.digests.len(), head.unique)?;
                let raw = read.take(count.checked_mul(32).ok_or(CorruptRecord("a number is too large"))?)?;
                memory::extend(&mut self.digests, Digest::all_in(raw))?;
            }
            ROWS => {
                let count = expect(&mut read, self.row_index.len(), head.rows)?;
                self.take_rows(&mut read, count)?;
            }
            REJECTS => {
                let count = expect(&mut read, self.rejects.len(), head.invalid)?;
                self.take_rejects(&mut read, count)?;
            }
            _ => return Err(CorruptRecord("not a part of a plan").into()),
        }
        Ok(read.end()?)
    }

    /// Returns the plan.
    ///
    /// # Errors
    /// [`CorruptRecord`] if parts are missing or do not fit together.
    pub fn finish(self) -> Result<Plan, CorruptRecord> {
        let head = self.head.ok_or(CorruptRecord("without a beginning"))?;
        let rejected = self.row_index[self.from_row..].iter().filter(|index| **index < 0).count();
        let whole = self.digests.len() == head.unique
            && self.row_index.len() == head.rows
            && self.rejects.len() == head.invalid
            && self.next == head.unique
            && rejected == 0;
        if !whole {
            return Err(CorruptRecord("a part is missing"));
        }
        Ok(Plan::of_parts(self.digests, self.row_index, self.rejects, head.spellings, head.batch_size))
    }

    fn begin(&mut self, kind: u8, read: &mut Reader<'_>) -> Result<(), CorruptRecord> {
        if kind != HEAD {
            return Err(CorruptRecord("without a beginning"));
        }
        let mut number = || read.count(usize::MAX >> 8);
        let (rows, unique, invalid, batch_size) = (number()?, number()?, number()?, number()?);
        let mut spellings = [0; Spelling::ALL.len()];
        for rows in &mut spellings {
            *rows = read.number()?;
        }
        if !(1..=MAX_BATCH).contains(&batch_size)
            || unique.checked_add(invalid).is_none_or(|least| least > rows)
        {
            return Err(CorruptRecord("of numbers that do not fit together"));
        }
        self.head = Some(Head { rows, unique, invalid, batch_size, spellings });
        read.end()
    }

    fn take_rows(&mut self, read: &mut Reader<'_>, count: usize) -> Result<(), RebuildError> {
        let end = self.row_index.len() + count;
        // The digests that were read, because the number in the head may be anything.
        let unique = self.digests.len();
        while self.row_index.len() < end {
            let token = read.number()?;
            if token & 1 == 1 {
                let new = usize::try_from((token >> 1) + 1).unwrap_or(usize::MAX);
                if new > (end - self.row_index.len()).min(unique - self.next) {
                    return Err(CorruptRecord("more digests than there are").into());
                }
                memory::reserve(&mut self.row_index, new)?;
                self.row_index.extend((self.next..self.next + new).map(|index| index as i64));
                self.next += new;
            } else if token == 0 {
                memory::push(&mut self.row_index, -1)?;
            } else {
                let index = (token >> 1) - 1;
                if index >= self.next as u64 {
                    return Err(CorruptRecord("a digest is repeated before it occurs").into());
                }
                memory::push(&mut self.row_index, index as i64)?;
            }
        }
        Ok(())
    }

    fn take_rejects(&mut self, read: &mut Reader<'_>, count: usize) -> Result<(), RebuildError> {
        for _ in 0..count {
            let byte = read.byte()?;
            let kind = RejectKind::ALL.get(usize::from(byte & !(NULL | CUT)));
            let kind = *kind.ok_or(CorruptRecord("an unknown kind of rejection"))?;
            let offset = read.count(usize::MAX >> 8)?;
            let text = read.text(MAX_TEXT)?;
            let rows = &self.row_index[self.from_row..];
            let row = rows.iter().position(|index| *index < 0);
            let row = self.from_row + row.ok_or(CorruptRecord("more rejections than rejected rows"))?;
            self.from_row = row + 1;
            let text = (byte & NULL == 0).then_some(text);
            self.rejects.push_kept(row, ParseError { kind, offset }, text, byte & CUT != 0)?;
        }
        Ok(())
    }
}

/// Reads the number of items in a part that must start with item `start` of `all`.
fn expect(read: &mut Reader<'_>, start: usize, all: usize) -> Result<usize, CorruptRecord> {
    if read.number()? != start as u64 {
        return Err(CorruptRecord("a part is missing"));
    }
    read.count(all - start)
}
