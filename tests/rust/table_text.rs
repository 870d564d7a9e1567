//! CSV and JSON Lines as written in blocks: the bytes of one line after the other, whatever the table is,
//! compressed or not.

use std::io::{self, Read};
use std::sync::Arc;

use layercheck::input::content::Compression;
use layercheck::protocol::entry::{Entry, EntryStatus};
use layercheck::table::csv::CSV;
use layercheck::table::in_order::make_in_order;
use layercheck::table::jsonl::JSON_LINES;
use layercheck::table::text::{self, BLOCK_ROWS, Format};
use layercheck::table::{COLUMNS, Table};
use layercheck::verdict::Verdict;
use layercheck::{Digest, Ledger, Planner};
use proptest::prelude::*;

/// Bytes that a table's text is made of, without blocks: each line by the libraries alone.
fn line_by_line(table: &Table, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    (format.header)(&mut out).unwrap();
    for line in table.lines(0) {
        (format.line)(&mut out, &line).unwrap();
    }
    out
}

fn written(table: &Table, format: Format, compression: Option<Compression>) -> Vec<u8> {
    let mut out = Vec::new();
    text::write(table, format, compression, &mut out, || Ok(())).unwrap();
    out
}

/// A table of `rows` rows: repeated digests, rejected rows, and answers with these texts.
fn table(rows: usize, texts: &[String], unique: bool, only: bool) -> Table {
    let mut planner = Planner::new(false);
    for row in 0..rows {
        match row % 7 {
            3 => planner.row(format!("=bad {row}\u{202e}\"").as_bytes()),
            5 => planner.raw(&[digest(row - 1)]),
            _ => planner.raw(&[digest(row)]),
        }
    }
    let plan = Arc::new(planner.finish(100).unwrap());
    let mut ledger = Ledger::new(Arc::clone(&plan)).unwrap();
    let entries = plan.digests().iter().enumerate().filter(|(at, _)| at % 11 != 0).map(|(at, digest)| {
        let text = &texts[at % texts.len()];
        let status = match at % 3 {
            0 => EntryStatus::Failure { code: text, reason: &texts[(at + 1) % texts.len()] },
            1 => EntryStatus::Layer {
                availability: "AVAILABLE",
                size: Some(at as i64),
                media_type: Some(text),
            },
            _ => EntryStatus::Layer { availability: "UNAVAILABLE", size: None, media_type: None },
        };
        Entry { digest: Some(*digest), status }
    });
    ledger.merge(0..plan.unique(), entries);
    let table = Table::new(plan, ledger.columns().unwrap(), unique);
    if only { table.only(&[Verdict::Available, Verdict::Invalid]) } else { table }
}

fn digest(number: usize) -> Digest {
    let mut bytes = [0xc0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Digest(bytes)
}

fn unpacked(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut text = Vec::new();
    match compression {
        // Reads one member, and leaves what follows.
        Compression::Gzip => {
            let mut rest = bytes;
            flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut text).unwrap();
            assert!(rest.is_empty(), "one member");
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).unwrap().single_frame();
            decoder.read_to_end(&mut text).unwrap();
            assert!(decoder.finish().is_empty(), "one frame");
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn blocks_are_the_same_bytes_as_line_by_line(
        rows in prop_oneof![0..40_usize, BLOCK_ROWS - 1..BLOCK_ROWS + 2, 6 * BLOCK_ROWS..7 * BLOCK_ROWS],
        texts in prop::collection::vec("(\\PC|[\\x00-\\x20\",=\\\\]){0,9}", 1..12),
        unique: bool,
        only: bool,
    ) {
        let table = table(rows, &texts, unique, only);
        for format in [CSV, JSON_LINES] {
            let expected = line_by_line(&table, format);
            prop_assert!(written(&table, format, None) == expected);
            for compression in [Compression::Gzip, Compression::Zstd] {
                let packed = written(&table, format, Some(compression));
                prop_assert!(unpacked(&packed, compression) == expected);
            }
        }
    }
}

#[test]
fn a_compressed_table_has_the_same_bytes_each_time() {
    let table = table(20 * BLOCK_ROWS, &["a/b".into()], false, false);
    for compression in [Compression::Gzip, Compression::Zstd] {
        assert!(written(&table, CSV, Some(compression)) == written(&table, CSV, Some(compression)));
    }
}

#[test]
fn an_error_of_the_check_ends_a_long_table() {
    let table = table(20 * BLOCK_ROWS, &["a/b".into()], false, false);
    let mut blocks = 0;
    let check = || {
        blocks += 1;
        if blocks < 3 { Ok(()) } else { Err(io::Error::other("interrupted")) }
    };
    let error = text::write(&table, CSV, None, io::sink(), check).unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
    assert_eq!(blocks, 3);
}

#[test]
fn pieces_are_taken_in_order_whatever_the_number_of_threads() {
    for threads in [1, 2, 3, 8] {
        let mut taken = Vec::new();
        let make = || |part: usize| Ok(part * part);
        make_in_order(threads, 0..1_000, make, |piece| {
            taken.push(piece);
            Ok(())
        })
        .unwrap();
        assert!(taken.iter().copied().eq((0..1_000).map(|part| part * part)));
    }
}

#[test]
fn the_first_error_in_order_ends_the_pieces() {
    for threads in [1, 2, 3] {
        let mut taken = 0;
        let make = || {
            |part: usize| {
                if part < 500 { Ok(()) } else { Err(io::Error::other(part.to_string())) }
            }
        };
        let ended = make_in_order(threads, 0.., make, |()| {
            taken += 1;
            Ok(())
        });
        assert_eq!(ended.unwrap_err().to_string(), "500");
        assert_eq!(taken, 500);
    }
}

#[test]
#[should_panic(expected = "piece 30")] // of the three threads, any may be the first to panic
fn a_panic_of_any_thread_ends_the_pieces() {
    let make = || {
        |part: usize| {
            assert!(part < 300, "piece {part}");
            Ok(())
        }
    };
    let _ = make_in_order(3, 0.., make, |()| Ok(()));
}

#[test]
fn every_column_is_in_the_header_of_an_empty_table() {
    let table = table(0, &[String::new()], false, false);
    assert_eq!(written(&table, CSV, None), format!("{}\n", COLUMNS.join(",")).as_bytes());
    assert!(written(&table, JSON_LINES, None).is_empty());
}
