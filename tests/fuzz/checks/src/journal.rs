//! Checks that everything read from a journal is something that a journal would have written.
//!
//! The check corrects the checksums, because they keep out accidents, and an attacker can write them too.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use layercheck::journal::{VERSION, outcomes, plan_parts};
use layercheck::{Digest, Ledger, Plan, Planner, Verdict};

const UNIQUE: usize = 300;
const MOST: usize = 100;
/// The time of the answer: any number.
const AT: f64 = 1_764_100_000.25;

/// Reads the bytes as the outcomes of a call, and as the parts of a plan.
pub fn check(bytes: &[u8]) {
    outcome(bytes);
    parts(bytes);
}

fn outcome(bytes: &[u8]) {
    static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
        let mut planner = Planner::new(false);
        (0..UNIQUE).for_each(|at| planner.raw(&[digest(at)]));
        planner.finish(MOST).unwrap().into()
    });
    let body = [&AT.to_le_bytes(), bytes].concat();
    let positions = positions(bytes);
    let about: Vec<u8> = positions.iter().flatten().flat_map(|at| digest(*at).0).collect();
    let range = match positions.as_deref() {
        Some([first, .., last]) => *first..*last + 1,
        Some([only]) => *only..*only + 1,
        _ => 0..0,
    };
    let mut ledger = Ledger::new(Arc::clone(&PLAN)).unwrap();
    let taken = outcomes::decode(&mut ledger, range.clone(), AT, &sealed(b'v', &body, &about));
    let columns = ledger.columns().unwrap();
    let open = columns.counts()[Verdict::NotChecked as usize];
    assert_eq!(UNIQUE - open, taken.unwrap_or(0));
    assert_eq!(columns.counts()[Verdict::Invalid as usize], 0);
    assert!(outcomes::decode(&mut ledger, range, AT, bytes).is_err(), "taken without a checksum");
    let Ok(taken) = taken else { return };
    let positions = positions.expect("they were read");
    assert!(taken <= positions.len());
    let is_asked = |at: usize| positions.contains(&at);
    assert!((0..UNIQUE).all(|at| is_asked(at) || columns.verdicts()[at] == Verdict::NotChecked));
    // Written again, run by run, it has the same content.
    let mut again = Ledger::new(Arc::clone(&PLAN)).unwrap();
    for call in runs(&positions) {
        if let Some(record) = outcomes::encode(&ledger, call, AT) {
            outcomes::decode(&mut again, record.range, AT, &record.frame).expect("just written");
        }
    }
    for at in 0..UNIQUE {
        let of = |ledger: &Ledger| {
            let columns = ledger.columns().unwrap();
            let (code, reason) = columns.detail(at);
            let media_type = columns.media_type(at).map(str::to_owned);
            (columns.verdicts()[at], columns.sizes()[at], media_type, code.to_owned(), reason.to_owned())
        };
        assert_eq!(of(&again), of(&ledger), "digest {at}");
    }
}

/// Each part is a kind, a length of two bytes, and so much body.
fn parts(bytes: &[u8]) {
    let mut rebuild = plan_parts::Rebuild::default();
    let mut rest = bytes;
    while let Some(([kind, low, high], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        let (body, further) = behind.split_at(length);
        if rebuild.take(&sealed(*kind, body, &[])).is_err() {
            return;
        }
        rest = further;
    }
    let Ok(read) = rebuild.finish() else { return };
    assert!(read.row_index().iter().all(|index| *index < i64::try_from(read.unique()).expect("few")));
    let rejected = read.row_index().iter().filter(|index| **index < 0).count();
    assert_eq!((read.invalid(), read.rejects().len()), (rejected, rejected));
    let mut parts = plan_parts::Parts::default();
    let mut again = plan_parts::Rebuild::default();
    while let Some(part) = parts.next(&read).unwrap() {
        again.take(&part).expect("just written");
    }
    let again = again.finish().expect("just written");
    assert_eq!(again.digests(), read.digests());
    assert_eq!(again.row_index(), read.row_index());
    assert_eq!(again.spellings(), read.spellings());
    assert_eq!(plan_parts::fingerprint(&again).unwrap(), plan_parts::fingerprint(&read).unwrap());
}

fn digest(at: usize) -> Digest {
    let mut digest = Digest([0x5a; 32]);
    digest.0[..8].copy_from_slice(&at.to_le_bytes());
    digest
}

/// Returns the positions that the record of a call names; None if it names none that are possible.
fn positions(bytes: &[u8]) -> Option<Vec<usize>> {
    let mut rest = bytes.iter();
    let mut number = || -> Option<usize> {
        let mut found = 0_u128;
        for shift in (0..70).step_by(7) {
            let byte = *rest.next()?;
            found |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(found).ok();
            }
        }
        None
    };
    let mut positions = Vec::new();
    let mut end = 0_usize;
    for _ in 0..number().filter(|count| *count <= MOST)? {
        let start = end.checked_add(number()?).filter(|start| *start <= UNIQUE)?;
        end = start.checked_add(number()?).filter(|end| *end <= UNIQUE)?;
        positions.extend(start..end);
        if positions.len() > MOST {
            return None;
        }
    }
    Some(positions)
}

fn runs(positions: &[usize]) -> impl Iterator<Item = Range<usize>> {
    positions.chunk_by(|before, at| *at == before + 1).map(|run| run[0]..run[run.len() - 1] + 1)
}

fn sealed(kind: u8, body: &[u8], about: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(&[kind, VERSION]);
    sum.update(body);
    sum.update(about);
    [&[kind, VERSION], &sum.sum().to_le_bytes()[..], body].concat()
}
