//! The outcome of one call: some seven bytes a digest.
//!
//! First comes when the answer came, then which digests of the plan were asked, as stretches. A call has few
//! different outcomes. Each is written once (verdict, media type, code, reason); then follow, for each digest,
//! the number of its outcome and, where the service gave sizes, its size. Digests without an answer are
//! written with their cause. Those that were not asked are not, and stay what they were.
//!
//! The checksum counts the digests themselves in, which are not written here: verdicts can only be
//! read back for the digests that were asked.

use std::ops::Range;

use super::frame::{CorruptRecord, Reader, Writer};
use crate::digest::Digest;
use crate::ledger::Ledger;
use crate::ledger::columns::{Columns, MAX_NOTE, Note};
use crate::plan::Plan;
use crate::protocol::MAX_BATCH;
use crate::verdict::Verdict;

const KIND: u8 = b'v';

/// Outcome of a digest that was not asked.
const NOT_ASKED: Outcome<'static> =
    Outcome { verdict: Verdict::NotChecked, note: Note { media_type: None, code: "", reason: "" } };

#[derive(Clone, Copy, PartialEq, Eq)]
struct Outcome<'a> {
    verdict: Verdict,
    note: Note<'a>,
}

/// What a journal keeps of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From the first to the last of its digests in the plan; others between them may not be meant.
    pub range: Range<usize>,
    /// Everything, `range` too.
    pub frame: Vec<u8>,
}

/// The outcome of a call; None if there is none. `answered_at` is in seconds since 1970.
///
/// # Panics
/// If there is no such call.
#[must_use]
pub fn encode(ledger: &Ledger, call: Range<usize>, answered_at: f64) -> Option<Record> {
    let columns = ledger.peek();
    let positions = ledger.positions(call.clone());
    // The first digest with each outcome, by numbers: their texts need not be compared.
    let mut firsts: Vec<(usize, bool)> = Vec::new();
    let mut keys = Vec::new();
    let mut numbers = Vec::with_capacity(call.len());
    for at in positions.clone() {
        // Those that were not asked are all alike here.
        let key = Some(columns.key(at)).filter(|(verdict, ..)| is_kept(*verdict));
        let number = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            keys.push(key);
            firsts.push((at, false));
            keys.len() - 1
        });
        firsts[number].1 |= columns.sizes()[at] >= 0;
        numbers.push(number as u64);
    }
    if keys.iter().all(Option::is_none) {
        return None;
    }
    let outcomes = firsts.iter().map(|(at, has_sizes)| (outcome(columns, *at), *has_sizes));
    let outcomes: Vec<(Outcome<'_>, bool)> = outcomes.collect();
    let mut out = Writer::new(KIND, 256 + 7 * call.len());
    out.raw(&answered_at.to_le_bytes());
    let range = write_positions(&mut out, positions.clone());
    out.number(outcomes.len() as u64);
    for (outcome, has_sizes) in &outcomes {
        write_outcome(&mut out, outcome, *has_sizes);
    }
    if outcomes.len() > 1 {
        for number in &numbers {
            out.number(*number);
        }
    }
    for (number, at) in numbers.iter().zip(positions) {
        if outcomes[*number as usize].1 {
            // None is -1 here and 0 there; the service may give the largest number there is.
            out.number((columns.sizes()[at] as u64).wrapping_add(1));
        }
    }
    Some(Record { range, frame: out.seal(Digest::bytes_of(&ledger.asked(call))) })
}

/// Takes outcomes over into the ledger; returns for how many digests. What was not asked stays as it is
/// there.
///
/// # Errors
/// [`CorruptRecord`] if this is not the record of exactly these digests at this time; the ledger is unchanged then.
pub fn decode(
    ledger: &mut Ledger,
    range: Range<usize>,
    answered_at: f64,
    frame: &[u8],
) -> Result<usize, CorruptRecord> {
    let found = read_record(ledger.plan(), range, answered_at, frame)?;
    let count = found.len();
    ledger.restore(found.into_iter().map(|(at, outcome, size)| (at, outcome.verdict, size, outcome.note)));
    Ok(count)
}

/// The digests of which [`decode`] would take outcomes over are as if they had never been asked, whatever
/// was taken over before; returns how many there are.
///
/// # Errors
/// As [`decode`].
pub fn forget(
    ledger: &mut Ledger,
    range: Range<usize>,
    answered_at: f64,
    frame: &[u8],
) -> Result<usize, CorruptRecord> {
    let found = read_record(ledger.plan(), range, answered_at, frame)?;
    let count = found.len();
    ledger.restore(found.into_iter().map(|(at, ..)| (at, NOT_ASKED.verdict, -1, NOT_ASKED.note)));
    Ok(count)
}

/// Of each digest with an outcome its place, the outcome, and its size or -1.
fn read_record<'a>(
    plan: &Plan,
    range: Range<usize>,
    answered_at: f64,
    frame: &'a [u8],
) -> Result<Vec<(usize, Outcome<'a>, i64)>, CorruptRecord> {
    let mut read = Reader::open(KIND, frame)?;
    if read.take(8)? != answered_at.to_le_bytes() {
        return Err(CorruptRecord("of another time"));
    }
    let positions = read_positions(&mut read, range, plan.unique())?;
    let asked: Vec<Digest> = positions.iter().map(|at| plan.digests()[*at]).collect();
    Reader::check(frame, Digest::bytes_of(&asked))?;
    let mut outcomes = Vec::new();
    for _ in 0..read.count(positions.len())? {
        outcomes.push(read_outcome(&mut read)?);
    }
    let mut numbers = vec![0; positions.len()];
    if outcomes.len() > 1 {
        for number in &mut numbers {
            *number = read.count(outcomes.len() - 1)?;
        }
    }
    let mut found = Vec::with_capacity(positions.len());
    for (at, number) in positions.into_iter().zip(numbers) {
        let (outcome, has_sizes) = outcomes.get(number).ok_or(CorruptRecord("without outcomes"))?;
        let size = match if *has_sizes { read.number()? } else { 0 } {
            0 => -1,
            more => i64::try_from(more - 1).map_err(|_| CorruptRecord("a size is too large"))?,
        };
        if outcome.verdict != Verdict::NotChecked {
            found.push((at, *outcome, size));
        }
    }
    read.end()?;
    Ok(found)
}

/// Stretches of digests that follow each other: how many, then of each how far it begins behind the last one,
/// and its length. Returns where they lie.
fn write_positions(out: &mut Writer, positions: impl Iterator<Item = usize>) -> Range<usize> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for at in positions {
        match stretches.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => stretches.push(at..at + 1),
        }
    }
    out.number(stretches.len() as u64);
    let mut end = 0;
    for stretch in &stretches {
        out.number((stretch.start - end) as u64);
        out.number(stretch.len() as u64);
        end = stretch.end;
    }
    stretches.first().map_or(0..0, |first| first.start..end)
}

fn read_positions(
    read: &mut Reader<'_>,
    range: Range<usize>,
    unique: usize,
) -> Result<Vec<usize>, CorruptRecord> {
    let mut positions = Vec::new();
    let mut end = 0;
    for _ in 0..read.count(MAX_BATCH)? {
        let start = end + read.count(unique - end)?;
        end = start + read.count((unique - start).min(MAX_BATCH - positions.len()))?;
        positions.extend(start..end);
    }
    if (positions.first(), positions.last().map(|last| last + 1)) != (Some(&range.start), Some(range.end)) {
        return Err(CorruptRecord("of other digests"));
    }
    Ok(positions)
}

fn outcome(columns: &Columns, at: usize) -> Outcome<'_> {
    let verdict = columns.verdicts()[at];
    if !is_kept(verdict) {
        return NOT_ASKED;
    }
    let (code, reason) = columns.detail(at);
    Outcome { verdict, note: Note { media_type: columns.media_type(at), code, reason } }
}

/// Whether a call can have had this outcome.
fn is_kept(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Available
        | Verdict::Unavailable
        | Verdict::Archived
        | Verdict::Refused
        | Verdict::Other
        | Verdict::Unanswered => true,
        Verdict::NotChecked | Verdict::Invalid => false,
    }
}

fn write_outcome(out: &mut Writer, outcome: &Outcome<'_>, has_sizes: bool) {
    out.byte(outcome.verdict as u8);
    out.byte(u8::from(has_sizes) | u8::from(outcome.note.media_type.is_some()) << 1);
    for text in [outcome.note.media_type.unwrap_or_default(), outcome.note.code, outcome.note.reason] {
        out.text(text.as_bytes());
    }
}

fn read_outcome<'a>(read: &mut Reader<'a>) -> Result<(Outcome<'a>, bool), CorruptRecord> {
    let verdict = Verdict::from_code(read.byte()?)
        .filter(|verdict| *verdict != Verdict::Invalid)
        .ok_or(CorruptRecord("an unknown verdict"))?;
    let flags = read.byte()?;
    let mut text = || {
        let text = read.text(MAX_NOTE)?;
        std::str::from_utf8(text).map_err(|_| CorruptRecord("a text that is no UTF-8"))
    };
    let media_type = Some(text()?).filter(|_| flags & 2 != 0);
    let note = Note { media_type, code: text()?, reason: text()? };
    Ok((Outcome { verdict, note }, flags & 1 != 0))
}
