//! The report table: lines by row and by digest, CSV, JSON Lines, Arrow.

use std::sync::Arc;

use layercheck::protocol::entry::{Entry, EntryStatus};
use layercheck::table::csv::CSV;
use layercheck::table::jsonl::JSON_LINES;
use layercheck::table::{COLUMNS, Table, text};
use layercheck::{Digest, Ledger, Planner};

fn table(unique: bool) -> Table {
    let mut planner = Planner::new(false);
    for row in ["AA", "\"bad,\n", "BB", "AA", "CC"] {
        planner.row(row.repeat(if row.len() == 2 { 32 } else { 1 }).as_bytes());
    }
    let mut ledger = Ledger::new(Arc::new(planner.finish(100).unwrap())).unwrap();
    let digests = [0xaa, 0xbb].map(|byte| Some(Digest([byte; 32])));
    let statuses = [
        EntryStatus::Layer { availability: "AVAILABLE", size: Some(5), media_type: Some("a/b") },
        EntryStatus::Failure { code: "InvalidLayerDigest", reason: "no, \"never\"" },
    ];
    let entries = digests.into_iter().zip(statuses).map(|(digest, status)| Entry { digest, status });
    ledger.merge(0..2, entries);
    Table::new(Arc::clone(ledger.plan()), ledger.columns().unwrap(), unique)
}

#[test]
fn a_line_per_row_repeats_the_verdict_of_its_digest() {
    let table = table(false);
    let lines: Vec<_> = table.lines(0).collect();
    assert_eq!(lines.len(), table.len());
    let verdicts: Vec<_> = lines.iter().map(|line| line.verdict).collect();
    assert_eq!(verdicts, ["available", "invalid", "refused", "available", "not_checked"]);
    assert_eq!(lines[1].input.as_deref(), Some("\"bad,\n"));
    assert_eq!(lines[1].code, Some("not_hexadecimal"));
    assert_eq!((lines[3].row, lines[3].size, lines[3].media_type), (3, Some(5), Some("a/b")));
    assert_eq!(table.lines(3).collect::<Vec<_>>(), lines[3..]);
}

#[test]
fn a_line_per_digest_has_the_row_it_was_first_seen_in() {
    let table = table(true);
    let rows: Vec<_> = table.lines(0).map(|line| line.row).collect();
    assert_eq!(rows, [0, 2, 4]);
    assert_eq!(table.lines(1).map(|line| line.row).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn csv_has_one_line_a_record_and_escapes_text_from_outside() {
    let mut bytes = Vec::new();
    text::write(&table(false), CSV, None, &mut bytes, || Ok(())).unwrap();
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    assert_eq!(reader.headers().unwrap(), COLUMNS.as_slice());
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 5);
    assert_eq!(&records[1][7], r#""bad,\n"#);
    assert_eq!(memchr::memchr_iter(b'\n', &bytes).count(), 6);
    assert_eq!(&records[2][6], "no, \"never\"");
    assert_eq!(&records[0][1], format!("sha256:{}", "aa".repeat(32)));
}

#[test]
fn json_lines_have_every_column_in_each_object() {
    let mut bytes = Vec::new();
    text::write(&table(false), JSON_LINES, None, &mut bytes, || Ok(())).unwrap();
    let lines: Vec<serde_json::Value> = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    for line in &lines {
        assert!(COLUMNS.iter().all(|name| line.get(name).is_some()));
    }
    assert_eq!(lines[1]["digest"], serde_json::Value::Null);
    assert_eq!(lines[0]["size"], 5);
}

#[cfg(feature = "arrow")]
#[test]
fn a_plain_batch_says_the_same_without_dictionaries() {
    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int8Type, Int32Type};
    use arrow_schema::DataType;
    use layercheck::table::arrow::Reader;

    let table = table(false);
    let (with, plain) = (Reader::new(table.clone()).next(), Reader::plain(table).next());
    let (with, plain) = (with.unwrap().unwrap(), plain.unwrap().unwrap());
    assert!(plain.schema().fields().iter().all(|field| field.is_nullable()));
    let kinds: Vec<_> = plain.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert!(kinds.iter().all(|kind| [DataType::Int64, DataType::Utf8].contains(kind)));
    let verdicts = with["verdict"].as_dictionary::<Int8Type>().downcast_dict::<StringArray>().unwrap();
    assert!(verdicts.into_iter().eq(plain["verdict"].as_string::<i32>().iter()));
    let types = with["media_type"].as_dictionary::<Int32Type>().downcast_dict::<StringArray>().unwrap();
    assert!(types.into_iter().eq(plain["media_type"].as_string::<i32>().iter()));
}

#[cfg(feature = "arrow")]
#[test]
fn arrow_batches_follow_each_other_without_gap_or_overlap() {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use layercheck::table::arrow::{LINES, Reader};

    let mut planner = Planner::new(false);
    let rows = 2 * LINES + 10;
    for row in 0..rows as u64 {
        // Every third row repeats the one before it, so that rows and digests differ.
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&(row - u64::from(row % 3 == 2)).to_le_bytes());
        planner.raw(&[Digest(digest)]);
    }
    let ledger = Ledger::new(Arc::new(planner.finish(100).unwrap())).unwrap();
    for unique in [false, true] {
        let table = Table::new(Arc::clone(ledger.plan()), ledger.columns().unwrap(), unique);
        let expected: Vec<i64> = table.lines(0).map(|line| line.row as i64).collect();
        for reader in [Reader::new(table.clone()), Reader::plain(table.clone())] {
            let batches: Vec<_> = reader.map(Result::unwrap).collect();
            assert!(batches.len() > 1);
            let seen: Vec<i64> = batches
                .iter()
                .flat_map(|batch| batch["row"].as_primitive::<Int64Type>().values().to_vec())
                .collect();
            assert_eq!(seen, expected);
        }
    }
}
