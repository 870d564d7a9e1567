//! The verdicts of one finished batch: some seven bytes a digest.
//!
//! A batch has few different outcomes. Each is written once (verdict, media type, code, reason); then
//! follow, for each digest, the number of its outcome and, where the service gave sizes, its size.
//! Digests without a final verdict have an outcome of their own, and are asked again after a resume.
//!
//! The checksum counts the digests themselves in, which are not written here: verdicts can only be
//! read back for the digests that were asked.

use std::ops::Range;

use super::bytes::{Damaged, Reader, Writer};
use crate::digest::Digest;
use crate::ledger::{Columns, Ledger, MAX_NOTE, Note};
use crate::verdict::Verdict;

const KIND: u8 = b'v';

/// Outcome of a digest that has no final verdict.
const OPEN: Outcome<'static> =
    Outcome { verdict: Verdict::NotChecked, note: Note { media_type: None, code: "", reason: "" } };

#[derive(Clone, Copy, PartialEq, Eq)]
struct Outcome<'a> {
    verdict: Verdict,
    note: Note<'a>,
}

/// The final verdicts of the digests in `range`; None if there are none.
///
/// # Panics
/// If `range` is not within the ledger's digests.
#[must_use]
pub fn encode(ledger: &Ledger, range: Range<usize>) -> Option<Vec<u8>> {
    let columns = ledger.peek();
    // The first digest with each outcome, by numbers: their texts need not be compared.
    let mut firsts: Vec<(usize, bool)> = Vec::new();
    let mut keys = Vec::new();
    let mut numbers = Vec::with_capacity(range.len());
    for at in range.clone() {
        // Those without a final verdict are all alike here.
        let key = Some(columns.key(at)).filter(|(verdict, ..)| is_final(*verdict));
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
    let mut out = Writer::new(KIND, 256 + 7 * range.len());
    out.number(range.start as u64);
    out.number(range.end as u64);
    out.number(outcomes.len() as u64);
    for (outcome, has_sizes) in &outcomes {
        write_outcome(&mut out, outcome, *has_sizes);
    }
    if outcomes.len() > 1 {
        for number in &numbers {
            out.number(*number);
        }
    }
    for (number, at) in numbers.iter().zip(range.clone()) {
        if outcomes[*number as usize].1 {
            out.number((columns.sizes()[at] + 1) as u64);
        }
    }
    Some(out.seal(asked(ledger, range)))
}

/// Takes verdicts over into the ledger; returns for how many digests. What is open there stays as it is.
///
/// # Errors
/// [`Damaged`] if these are not the verdicts of exactly these digests; the ledger is unchanged then.
pub fn decode(ledger: &mut Ledger, range: Range<usize>, payload: &[u8]) -> Result<usize, Damaged> {
    if range.start > range.end || range.end > ledger.plan().unique() {
        return Err(Damaged("of digests that are not in the plan"));
    }
    let mut read = Reader::open(KIND, payload)?;
    Reader::check(payload, asked(ledger, range.clone()))?;
    if (read.number()?, read.number()?) != (range.start as u64, range.end as u64) {
        return Err(Damaged("of other digests"));
    }
    let mut outcomes = Vec::new();
    for _ in 0..read.count(range.len())? {
        outcomes.push(read_outcome(&mut read)?);
    }
    let mut numbers = vec![0; range.len()];
    if outcomes.len() > 1 {
        for number in &mut numbers {
            *number = read.count(outcomes.len() - 1)?;
        }
    }
    let mut found = Vec::with_capacity(range.len());
    for (at, number) in range.zip(numbers) {
        let (outcome, has_sizes) = outcomes.get(number).ok_or(Damaged("without outcomes"))?;
        let size = if *has_sizes { read.number()? } else { 0 };
        let size = i64::try_from(size).map_err(|_| Damaged("a size is too large"))? - 1;
        if outcome.verdict != Verdict::NotChecked {
            found.push((at, *outcome, size));
        }
    }
    read.end()?;
    let count = found.len();
    ledger.restore(found.into_iter().map(|(at, outcome, size)| (at, outcome.verdict, size, outcome.note)));
    Ok(count)
}

fn outcome(columns: &Columns, at: usize) -> Outcome<'_> {
    let verdict = columns.verdicts()[at];
    if !is_final(verdict) {
        return OPEN;
    }
    let (code, reason) = columns.detail(at);
    Outcome { verdict, note: Note { media_type: columns.media_type(at), code, reason } }
}

/// Whether a run that is resumed takes this verdict over.
fn is_final(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Available | Verdict::Unavailable | Verdict::Archived | Verdict::Refused | Verdict::Other => {
            true
        }
        Verdict::NotChecked | Verdict::Invalid | Verdict::Unanswered => false,
    }
}

fn write_outcome(out: &mut Writer, outcome: &Outcome<'_>, has_sizes: bool) {
    out.byte(outcome.verdict as u8);
    out.byte(u8::from(has_sizes) | u8::from(outcome.note.media_type.is_some()) << 1);
    for text in [outcome.note.media_type.unwrap_or_default(), outcome.note.code, outcome.note.reason] {
        out.text(text.as_bytes());
    }
}

fn read_outcome<'a>(read: &mut Reader<'a>) -> Result<(Outcome<'a>, bool), Damaged> {
    let verdict = Verdict::from_code(read.byte()?)
        .filter(|verdict| is_final(*verdict) || *verdict == Verdict::NotChecked)
        .ok_or(Damaged("an unknown verdict"))?;
    let flags = read.byte()?;
    let mut text = || {
        let text = read.text(MAX_NOTE)?;
        std::str::from_utf8(text).map_err(|_| Damaged("a text that is no UTF-8"))
    };
    let media_type = Some(text()?).filter(|_| flags & 2 != 0);
    let note = Note { media_type, code: text()?, reason: text()? };
    Ok((Outcome { verdict, note }, flags & 1 != 0))
}

fn asked(ledger: &Ledger, range: Range<usize>) -> &[u8] {
    Digest::bytes_of(&ledger.plan().digests()[range])
}
