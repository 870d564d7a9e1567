//! Checks that a CSV or JSON Lines file gives the same rows or the same error for any cut into blocks, and
//! that every line of JSON is a row of its own.

use layercheck::Planner;
use layercheck::input::csv::{Csv, Delimiter};
use layercheck::input::jsonl::JsonLines;
use layercheck::input::{Column, Format, FormatError};
use layercheck::plan::row_sink::MAX_LINE;

use crate::lines::{Row, shown};

/// The first byte chooses the format, the column and where to cut; the rest is the file.
pub fn check(data: &[u8]) {
    let Some((how, file)) = data.split_first() else {
        return;
    };
    let size = usize::from(how >> 3) + 1;
    match how % 8 {
        0 => alike(file, size, || Csv::new(Column::Only)),
        1 => alike(file, size, || Csv::new(Column::Name("a".into()))),
        2 => {
            alike(file, size, || Csv::new(Column::Number(0)).delimiter(Delimiter::Told { otherwise: b'\t' }))
        }
        3 => alike(file, size, || Csv::new(Column::Number(1)).delimiter(Delimiter::Given(b';'))),
        4 | 5 => json_lines(file, size, None),
        _ => json_lines(file, size, Some("a")),
    }
}

fn alike<F: Format<Error = FormatError>>(file: &[u8], size: usize, format: impl Fn() -> F) {
    let whole = read(format(), [file]);
    assert_eq!(read(format(), file.chunks(size)), whole, "in blocks of {size}");
    let at_commas = file.split_inclusive(|byte| b",\"\n\r".contains(byte));
    assert_eq!(read(format(), at_commas), whole, "cut behind every mark");
}

fn json_lines(file: &[u8], size: usize, key: Option<&str>) {
    alike(file, size, || JsonLines::new(key.map(Into::into)));
    let whole = read(JsonLines::new(key.map(Into::into)), [file]);
    let bare = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let lines = bare.split(|byte| *byte == b'\n');
    let blank = |line: &[u8]| line.iter().all(|byte| b" \t\n\r\x0b\x0c".contains(byte));
    match whole {
        Ok(rows) if bare.len() <= MAX_LINE => {
            let wanted = lines.filter(|line| !blank(line)).count();
            assert_eq!(rows.len(), wanted, "a row for each line that is not blank");
        }
        // A file has no rows if no object has the key, or if the first object has several keys and none was
        // chosen.
        Ok(_) | Err(FormatError::NoSuchName(..) | FormatError::Several(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

fn read<'a>(
    mut format: impl Format<Error = FormatError>,
    blocks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Row>, FormatError> {
    let mut planner = Planner::new(false);
    for block in blocks {
        format.feed(block, &mut planner)?;
    }
    format.end(&mut planner)?;
    Ok(shown(&planner.finish(100)))
}
