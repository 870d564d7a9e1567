//! Checks that a file gives the same rows for any cut into blocks, the rows of a slow reader of the whole
//! file.

use layercheck::digest::parse::RejectKind;
use layercheck::input::lines::TextLines;
use layercheck::plan::row_sink::MAX_LINE;
use layercheck::{Plan, Planner};

use crate::parse::{read, read_strictly};

/// The first byte chooses what to cut at and whether to be strict; the rest is the file.
pub fn check(data: &[u8]) {
    let Some((how, file)) = data.split_first() else {
        return;
    };
    let strict = how & 1 == 1;
    let file = unfolded(file);
    let wanted = slowly(&file, strict);

    let mut whole = Planner::new(strict);
    let mut lines = TextLines::default();
    lines.feed(&file, &mut whole);
    lines.end_of_file(&mut whole);
    assert_eq!(shown(&whole.finish(100).unwrap()), wanted, "in one block");

    // Even sizes, or at every byte that the file itself names; larger blocks of large files.
    let scale = if file.len() < 4_096 { 1 } else { 1_009 };
    let size = usize::from(how >> 2) * scale + 1;
    let mut cut = Planner::new(strict);
    if how & 2 == 0 {
        file.chunks(size).for_each(|block| lines.feed(block, &mut cut));
    } else {
        file.split_inclusive(|byte| usize::from(*byte).is_multiple_of(size))
            .for_each(|block| lines.feed(block, &mut cut));
    }
    lines.end_of_file(&mut cut);
    // Another file, so that the check sees what this file leaves behind.
    lines.feed(b"\xef\xbb\xbflast", &mut cut);
    lines.end_of_file(&mut cut);
    let mut wanted = wanted;
    wanted.push(row(b"last", false, strict));
    assert_eq!(shown(&cut.finish(100).unwrap()), wanted, "in blocks");
}

/// Short inputs must reach the limit on lines, so two bytes stand for long runs.
fn unfolded(file: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::new();
    for byte in file {
        match byte {
            1 if unfolded.len() < MAX_LINE => unfolded.resize(unfolded.len() + MAX_LINE / 2 - 1, b' '),
            2 if unfolded.len() < MAX_LINE => unfolded.resize(unfolded.len() + MAX_LINE - 1, b'a'),
            _ => unfolded.push(*byte),
        }
    }
    unfolded
}

/// The outcome of a row: its digest, or the kind and the offset of its rejection.
pub type Row = Result<[u8; 32], (RejectKind, usize)>;

/// The rows of a plan, checked against its counts.
#[must_use]
pub fn shown(plan: &Plan) -> Vec<Row> {
    let mut seen = std::collections::HashSet::new();
    let rows: Vec<Row> = (plan.row_index().iter().enumerate())
        .map(|(row, index)| {
            let Ok(at) = usize::try_from(*index) else {
                let reject = plan.rejects().of_row(row).expect("a rejected row has its rejection");
                return Err((reject.kind, reject.offset));
            };
            let digest = plan.digests()[at].0;
            if seen.insert(digest) {
                assert_eq!(at + 1, seen.len(), "first seen, first numbered");
            }
            Ok(digest)
        })
        .collect();
    assert_eq!(seen.len(), plan.unique());
    assert_eq!(rows.len(), plan.rows());
    assert_eq!(rows.iter().filter(|row| row.is_err()).count(), plan.invalid());
    assert_eq!(plan.unique() + plan.duplicates() + plan.invalid(), plan.rows());
    let spellings: u64 = plan.spellings().iter().map(|(_, rows)| rows).sum();
    let rejects: u64 = plan.rejects().counts().iter().map(|(_, rows)| rows).sum();
    assert_eq!(spellings + rejects, plan.rows() as u64);
    rows
}

/// The rows of a whole file.
#[must_use]
pub fn slowly(file: &[u8], strict: bool) -> Vec<Row> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    let ended = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    ended.chain([last]).filter_map(|line| line_row(line, strict)).collect()
}

fn line_row(line: &[u8], strict: bool) -> Option<Row> {
    let kept = &line[..line.len().min(MAX_LINE)];
    let cut = kept.len() < line.len();
    let first = kept.iter().find(|byte| !b" \t\n\r\x0b\x0c".contains(byte));
    let is_row = match first {
        Some(first) => *first != b'#',
        // The bytes behind a cut are not read, so a cut line is not known to be blank.
        None => cut,
    };
    is_row.then(|| row(kept, cut, strict))
}

fn row(text: &[u8], cut: bool, strict: bool) -> Row {
    let read = if strict { read_strictly(text) } else { read(text) };
    match read {
        Ok(_) if cut => Err((RejectKind::WrongLength, MAX_LINE)),
        other => other.map(|(digest, _)| digest),
    }
}
