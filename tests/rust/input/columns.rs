//! CSV and JSON Lines: the same rows for any cut into blocks, and no panic on any bytes.

use layercheck::input::csv::Csv;
use layercheck::input::jsonl::JsonLines;
use layercheck::input::{Column, Format, FormatError};
use layercheck::{Plan, Planner, Spelling};
use proptest::prelude::*;
use serde_json::Value;

const DIGEST: &str = "sha256:abababababababababababababababababababababababababababababababab";

fn read(mut format: impl Format<Error = FormatError>, blocks: &[&[u8]]) -> Result<Plan, FormatError> {
    let mut planner = Planner::new(false);
    for block in blocks {
        format.feed(block, &mut planner)?;
    }
    format.end(&mut planner)?;
    Ok(planner.finish(100))
}

/// Returns the rows of a plan whose rows are all rejected: None is a null.
fn rows(plan: &Plan) -> Vec<Option<Vec<u8>>> {
    assert_eq!(plan.rows(), plan.invalid());
    (0..plan.rows()).map(|at| plan.rejects().get(at).text.map(<[u8]>::to_vec)).collect()
}

fn cut<'a>(data: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
    at.extend([0, data.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &data[ends[0]..ends[1]]).collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..6)
}

#[test]
fn a_byte_order_mark_is_dropped_once_however_it_is_cut() {
    let marked = format!("\u{feff}name\n{DIGEST}\n");
    for end in 0..6 {
        let (head, tail) = marked.as_bytes().split_at(end);
        let plan = read(Csv::new(Column::Name("name".into())), &[head, tail]).unwrap();
        assert_eq!((plan.rows(), plan.unique()), (1, 1));
    }
    let error = read(Csv::new(Column::Name("name".into())), &[format!("\u{feff}{marked}").as_bytes()]);
    assert_eq!(error.unwrap_err(), FormatError::NoSuchName("name".into(), vec!["\u{feff}name".into()]));
    for short in ["\u{feff}", "", "a", "\n\n"] {
        assert_eq!(read(Csv::new(Column::Only), &[short.as_bytes()]).unwrap().rows(), 0);
    }
}

#[test]
fn only_quotes_that_are_never_closed_are_an_error() {
    for text in ["a\n\"\"", "a\n\"x\"", "a\n\"x\"\r", "a\nx\"", "a\n\"x\"\"\""] {
        assert_eq!(read(Csv::new(Column::Only), &[text.as_bytes()]).unwrap().rows(), 1, "{text:?}");
    }
    for text in ["a\n\"", "a\n\"x", "a\n\"x\"\"", "a\n\"x\n"] {
        let error = read(Csv::new(Column::Only), &[text.as_bytes()]).unwrap_err();
        assert_eq!(error, FormatError::OpenQuotes(2), "{text:?}");
    }
}

#[test]
fn a_digest_in_place_of_a_header_is_a_row() {
    let plan = read(Csv::new(Column::Number(1)), &[format!("x,{DIGEST}\ny,{DIGEST}").as_bytes()]).unwrap();
    assert_eq!((plan.rows(), plan.duplicates()), (2, 1));
}

#[test]
fn escapes_and_raw_text_are_one_digest() {
    let lines = format!("\"{DIGEST}\"\n\"\\u0073ha256:{}\"\n", &DIGEST[7..]);
    let plan = read(JsonLines::new(None), &[lines.as_bytes()]).unwrap();
    assert_eq!((plan.rows(), plan.unique()), (2, 1));
    assert_eq!(plan.spellings()[0], (Spelling::Canonical, 2));
}

/// Makes bytes that are likely to have a meaning for a parser.
fn bytes(of: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let of: Vec<char> = of.chars().collect();
    prop::collection::vec(prop::sample::select(of), 0..60)
        .prop_map(|characters| characters.into_iter().collect::<String>().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Compares with the `csv` crate's reader of records, which reads the whole file at once.
    #[test]
    fn csv_rows_are_those_of_the_csv_crate(data in bytes("ab,\"\r\nz é"), cuts in cuts(), number in 0_usize..3) {
        let mut wanted = Vec::new();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&data[..]);
        let mut names = 0;
        for (at, record) in reader.byte_records().enumerate() {
            let record = record.unwrap();
            if at == 0 {
                names = record.len();
            } else {
                wanted.push(record.get(number).map(<[u8]>::to_vec));
            }
        }
        match read(Csv::new(Column::Number(number)), &cut(&data, &cuts)) {
            Ok(plan) => prop_assert_eq!(rows(&plan), wanted),
            Err(FormatError::NoSuchNumber(..)) => prop_assert!(number >= names),
            // The whole file still reads the same with the quotes closed.
            Err(FormatError::OpenQuotes(_)) => {
                let closed = [&data[..], b"\""].concat();
                match read(Csv::new(Column::Number(number)), &[&closed]) {
                    Ok(plan) => prop_assert_eq!(rows(&plan), wanted),
                    Err(error) => prop_assert!(matches!(error, FormatError::NoSuchNumber(..)), "{error:?}"),
                }
            }
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }

    /// Compares with parsing each line into a `serde_json` value.
    #[test]
    fn json_rows_are_those_of_a_whole_parse(
        lines in prop::collection::vec(
            prop_oneof![
                bytes("{}[]\":,\\ nul12e"),
                prop::sample::select(vec![
                    r#"{"k": "x"}"#, r#"{"k": null, "j": "y"}"#, r#"{"j": 1}"#, r#"{"k": {"k": "x"}}"#, "null",
                    r#""text""#, r#"{"k": "a\"b"}"#, r#" {"k":"x"} "#, r#"{"k": "x"}}"#, "{}", "[]", "7",
                    r#"{"j": "y", "k": "x", "k": 2}"#, r#"{"k": 2, "k": "x"}"#, r#"{"\u006b": "x"}"#,
                ]).prop_map(|line| line.as_bytes().to_vec()),
            ],
            0..8,
        ),
        cuts in cuts(),
    ) {
        let data = lines.join(&b'\n');
        let mut wanted = Vec::new();
        let (mut found, mut missed) = (false, false);
        for line in data.split(|byte| *byte == b'\n') {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let bad = || Some(line.to_vec());
            wanted.push(match serde_json::from_slice::<Value>(line) {
                Ok(Value::String(text)) => Some(text.into_bytes()),
                Ok(Value::Null) => None,
                Ok(Value::Object(object)) => match object.get("k") {
                    None => { missed = true; bad() }
                    Some(value) => {
                        found = true;
                        match value {
                            Value::String(text) => Some(text.clone().into_bytes()),
                            Value::Null => None,
                            _ => bad(),
                        }
                    }
                },
                _ => bad(),
            });
        }
        match read(JsonLines::new(Some("k".into())), &cut(&data, &cuts)) {
            Ok(plan) => {
                prop_assert!(found || !missed);
                prop_assert_eq!(rows(&plan), wanted);
            }
            Err(error) => {
                prop_assert!(missed && !found);
                prop_assert!(matches!(error, FormatError::NoSuchName(..)), "{error:?}");
            }
        }
    }

    #[test]
    fn any_bytes_at_all_are_read_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..300), cuts in cuts()) {
        let _ = read(Csv::new(Column::Number(0)), &cut(&data, &cuts));
        let _ = read(JsonLines::new(None), &cut(&data, &cuts));
    }
}
