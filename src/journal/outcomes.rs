//! Encodes the outcomes of one call: about seven bytes a digest.
//!
//! A record starts with the time of the answer and the positions of the asked digests in the plan, as runs.
//! A call has few different outcomes, so each outcome is written once (verdict, media type, code, reason).
//! Then follow, for each digest, the number of its outcome and, where the service gave sizes, its size. A
//! digest without an answer is written with its cause. A digest that was not asked is left out and does not
//! change on reading.
//!
//! The digests themselves are not written but are part of the checksum, so that verdicts can be read back
//! only for the digests that were asked.

use std::ops::Range;

use super::frame::{CorruptRecord, Reader, Writer};
use crate::digest::Digest;
use crate::ledger::Ledger;
use crate::ledger::columns::{Columns, MAX_NOTE, Note};
use crate::plan::Plan;
use crate::protocol::MAX_BATCH;
use crate::verdict::Verdict;

const KIND: u8 = b'v';

/// The outcome of a digest that was not asked.
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
    /// From the first to the last of the call's digests in the plan. Digests between them may belong to
    /// other calls.
    pub range: Range<usize>,
    /// The encoded outcomes, `range` included.
    pub frame: Vec<u8>,
}

/// Encodes the outcomes of a call; returns None for a call without outcomes. `answered_at` is in seconds
/// since 1970.
///
/// # Panics
/// As for [`Ledger::positions`].
#[must_use]
pub fn encode(ledger: &Ledger, call: Range<usize>, answered_at: f64) -> Option<Record> {
    let columns = ledger.peek();
    let positions = ledger.positions(call.clone());
    // The first digest with each outcome. Outcomes are compared by key, without their texts.
    let mut firsts: Vec<(usize, bool)> = Vec::new();
    let mut keys = Vec::new();
    let mut numbers = Vec::with_capacity(call.len());
    for at in positions.clone() {
        // All digests that were not asked have the same key.
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
            // Without a size, the column has -1 and the record 0. The service may give the largest number.
            out.number((columns.sizes()[at] as u64).wrapping_add(1));
        }
    }
    Some(Record { range, frame: out.seal(Digest::bytes_of(&ledger.asked(call))) })
}

/// Writes the outcomes of a record into the ledger; returns the number of digests with an outcome. Digests
/// that were not asked stay as they are.
///
/// # Errors
/// [`CorruptRecord`] if this is not the record of exactly these digests at this time; the ledger is
/// unchanged then.
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

/// Marks the digests whose outcomes [`decode`] would write as never asked, whatever was written before;
/// returns their number.
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

/// Reads for each digest with an outcome its position, the outcome, and the size or -1.
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

/// Writes positions as runs: the number of runs, then for each run the distance from the end of the last
/// run, and its length. Returns the range of all positions.
fn write_positions(out: &mut Writer, positions: impl Iterator<Item = usize>) -> Range<usize> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in positions {
        match runs.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    out.number(runs.len() as u64);
    let mut end = 0;
    for run in &runs {
        out.number((run.start - end) as u64);
        out.number(run.len() as u64);
        end = run.end;
    }
    runs.first().map_or(0..0, |first| first.start..end)
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

/// Returns whether a call can have this verdict as an outcome.
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
        std::str::from_utf8(text).map_err(|_| CorruptRecord("a text that is not UTF-8"))
    };
    let media_type = Some(text()?).filter(|_| flags & 2 != 0);
    let note = Note { media_type, code: text()?, reason: text()? };
    Ok((Outcome { verdict, note }, flags & 1 != 0))
}
