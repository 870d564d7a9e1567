//! Reports joined by digest, and report files, which read the same for any cut into blocks.

use layercheck::comparison::error::{Contradiction, JoinError, ReportError, RowError};
use layercheck::comparison::report_file::ReportFile;
use layercheck::comparison::{ABSENT, Comparison, JoinedReports};
use layercheck::input::Format;
use layercheck::{Digest, Verdict};
use proptest::prelude::*;

const AVAILABLE: u8 = Verdict::Available as u8;
const UNAVAILABLE: u8 = Verdict::Unavailable as u8;

fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

/// Reads a report from one file; returns the first error.
fn read(blocks: &[&[u8]], may_be_empty: bool) -> Result<JoinedReports, String> {
    let mut comparison = Comparison::new(Some(1));
    comparison.begin();
    let mut report = ReportFile::new(may_be_empty);
    for block in blocks {
        report.feed(block, &mut comparison).map_err(|error| error.to_string())?;
    }
    report.end(&mut comparison).map_err(|error| error.to_string())?;
    comparison.finish().map_err(|error| error.to_string())
}

fn error_of(text: &[u8]) -> String {
    read(&[text], false).expect_err("not a report")
}

/// Returns the digests and codes of a report, or the error, to compare them.
fn outcome(blocks: &[&[u8]]) -> Result<(Vec<Digest>, Vec<u8>), String> {
    read(blocks, false).map(|joined| (joined.plan.digests().to_vec(), joined.reports[0].clone()))
}

#[test]
fn reports_are_joined_by_digest() {
    let mut comparison = Comparison::new(Some(1));
    comparison.begin();
    comparison.raw(&[digest(1), digest(2)], &[Verdict::Available, Verdict::Archived]);
    comparison.begin();
    comparison.begin();
    comparison.row(digest(3).to_string().as_bytes(), b"refused").unwrap();
    comparison.row(digest(2).to_string().to_uppercase().as_bytes(), b"unavailable").unwrap();
    comparison.row(b"", b"invalid").unwrap();
    comparison.row(digest(2).to_string().as_bytes(), b"unavailable").unwrap();
    let joined = comparison.finish().unwrap();
    assert_eq!(joined.plan.digests(), [digest(1), digest(2), digest(3)]);
    let archived = Verdict::Archived as u8;
    assert_eq!(
        joined.reports,
        [
            vec![AVAILABLE, archived, ABSENT],
            vec![ABSENT; 3],
            vec![ABSENT, UNAVAILABLE, Verdict::Refused as u8],
        ]
    );
}

#[test]
fn a_report_that_contradicts_itself_is_named_with_its_rows() {
    let mut comparison = Comparison::new(Some(1));
    comparison.begin();
    comparison.raw(&[digest(2)], &[Verdict::Available]);
    comparison.begin();
    comparison.row(b"junk", b"invalid").unwrap();
    comparison.raw(&[digest(1), digest(2), digest(1)], &[Verdict::Available; 3]);
    comparison.raw(&[digest(2)], &[Verdict::Unavailable]);
    let verdicts = (Verdict::Available, Verdict::Unavailable);
    let expected = Contradiction::TwoVerdicts { digest: digest(2), rows: (2, 4), verdicts };
    assert_eq!(comparison.finish().unwrap_err(), JoinError::Contradiction(1, expected));
}

#[test]
fn a_text_that_is_not_a_digest_can_only_be_invalid() {
    let mut comparison = Comparison::new(Some(1));
    comparison.begin();
    let refused = comparison.row(b"junk", b"available").unwrap_err();
    assert_eq!(refused, RowError::NoDigest(b"junk".to_vec(), Verdict::Available));
    assert_eq!(comparison.row(b"", b"gone").unwrap_err(), RowError::UnknownVerdict(b"gone".to_vec()));
    assert_eq!(comparison.finish().unwrap().plan.rows(), 0);
}

/// A report with everything that CSV may have, and the same as JSON Lines.
fn reports() -> [String; 2] {
    let (first, second) = (digest(1), digest(2));
    let csv = format!(
        "\u{feff}row,\"digest\",verdict,input\r\n0,{first},available,\r\n\r\n1,,invalid,\"ju\nnk, \"\"x\"\"\"\n\
         2,\"{second}\",unavailable,\n3,{first},\"available\","
    );
    let json = format!(
        "\u{feff}{{\"row\": 0, \"digest\": \"{first}\", \"verdict\": \"available\"}}\r\n\n\
         {{\"verdict\": \"invalid\", \"digest\": null, \"input\": \"ju\\nnk\"}}\n \n\
         {{\"digest\": \"{second}\", \"verdict\": \"unavail\\u0061ble\"}}\n\
         {{\"digest\": \"{first}\", \"verdict\": \"available\", \"size\": 1e3}}"
    );
    [csv, json]
}

#[test]
fn reports_are_read_however_they_are_cut() {
    let expected = Ok((vec![digest(1), digest(2)], vec![AVAILABLE, UNAVAILABLE]));
    for text in reports() {
        for at in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(at);
            assert_eq!(outcome(&[head, tail]), expected, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(outcome(&bytes), expected);
    }
}

#[test]
fn an_empty_file_is_a_report_only_where_it_may_be() {
    for blocks in [&[][..], &[b"\xef\xbb\xbf".as_slice()]] {
        assert_eq!(read(blocks, true).unwrap().plan.rows(), 0);
        assert!(read(blocks, false).unwrap_err().starts_with("not a report"));
    }
    assert_eq!(outcome(&[b"digest,verdict\n"]), Ok((Vec::new(), Vec::new())));
    assert_eq!(outcome(&[b"verdict,digest"]), Ok((Vec::new(), Vec::new())));
}

#[test]
fn errors_name_the_line() {
    let good = format!("{},available\n", digest(1));
    let csv = |rows: &str| error_of(format!("digest,verdict\n{good}{rows}").as_bytes());
    assert!(csv("x,available\n").starts_with("line 3: \"x\" is not a digest, but its verdict is available"));
    assert!(csv(&format!("\r\n{}x", good.trim_end())).starts_with("line 4: unknown verdict \"availablex\""));
    assert_eq!(csv("x\n"), "line 3: fields: 1, but 2 in the header; is the file cut short?");
    assert_eq!(csv("x,y,z\r\n"), "line 3: fields: 3, but 2 in the header; is the file cut short?");
    let open = "line 4: the line opens quotes that are never closed; is the file cut short?";
    assert_eq!(csv(&format!("{good}x,\"\n{good}")), open);
    assert!(csv(&format!("x,\"\n{good}\"\n")).starts_with("line 3: "));
    assert!(csv("\u{1b}[2J,invalidated\n").contains("line 3: unknown verdict \"invalidated\""));
    let good = format!("{{\"digest\": \"{}\", \"verdict\": \"available\"}}\n", digest(1));
    let json = |rows: &str| error_of(format!("{good}\n{rows}").as_bytes());
    let short = "line 3: the line is not a JSON object; is the file cut short?";
    assert_eq!(json("{\"digest\": \"sha"), short);
    assert_eq!(json("{} {}\n"), "line 3: missing field `verdict`");
    assert_eq!(
        json("{\"verdict\": \"available\"}"),
        "line 3: \"\" is not a digest, but its verdict is available"
    );
    assert!(json("[1]").starts_with("line 3: "));
    assert!(
        json("{\"verdict\": \"invalid\", \"verdict\": \"invalid\"}").contains("duplicate field `verdict`")
    );
    let long = json(&format!("\"\\u001b{}\"", "x".repeat(5_000)));
    assert!(long.starts_with("line 3: invalid type: string \"\\u{1b}xxx"), "{long}");
    assert!(long.len() < 300, "{long}");
}

#[test]
fn headers_without_the_columns_are_not_a_report() {
    for text in ["digest,other\n", "verdict,verdict,digest\n", "\"\n", "\n", "x"] {
        let error = error_of(text.as_bytes());
        assert!(
            error.starts_with("not a report") || error.starts_with("line 1: the line opens quotes"),
            "{text:?}: {error}"
        );
    }
    let error = error_of(b"digest,\x1b[2J,verdicts\n");
    assert!(error.ends_with("there are \"digest\", \"\\u{1b}[2J\", \"verdicts\""), "{error}");
}

#[test]
fn a_line_without_end_is_an_error() {
    let long = vec![b'x'; 3 << 20];
    let json = [b"{\"digest\": \"".as_slice(), &long, b"\"}\n"].concat();
    let csv = [b"digest,verdict\n".as_slice(), &long].concat();
    let quoted = [b"digest,verdict\n\"".as_slice(), &b"\n".repeat(3 << 20)].concat();
    let commas = [b"digest,verdict\n".as_slice(), &b",".repeat(5_000)].concat();
    for (text, line) in [(json, 1), (csv, 2), (quoted, 2), (commas, 2)] {
        let blocks: Vec<&[u8]> = text.chunks(1 << 16).collect();
        let error = read(&blocks, false).unwrap_err();
        assert_eq!(
            error,
            format!("line {line}: the line is longer than 1048576 bytes or has more than 1024 fields")
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_answer_however_they_are_cut(
        head in 0..4_usize,
        tokens in prop::collection::vec(prop_oneof![
            Just(b",".to_vec()), Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"\"".to_vec()),
            Just(b"available".to_vec()), Just(b"invalid".to_vec()), Just(digest(7).to_string().into_bytes()),
            Just(b"{\"digest\":\"\",\"verdict\":\"invalid\"}\n".to_vec()), Just(b"{}".to_vec()),
            prop::collection::vec(any::<u8>(), 0..3),
        ], 0..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let heads = ["", "digest,verdict\n", "verdict,digest\r\n", "{\"verdict\":\"invalid\"}\n"];
        let text = [heads[head].as_bytes().to_vec(), tokens.concat()].concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.extend([0, text.len()]);
        at.sort_unstable();
        let blocks: Vec<&[u8]> = at.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
        prop_assert_eq!(outcome(&blocks), outcome(&[&text]));
    }
}

#[test]
fn format_errors_are_told_apart() {
    let mut comparison = Comparison::new(Some(1));
    comparison.begin();
    let error =
        ReportFile::new(false).feed(b"digest,verdict\nx,invalid\n,available\n", &mut comparison).unwrap_err();
    assert_eq!(error, ReportError::NoRow(3, RowError::NoDigest(Vec::new(), Verdict::Available)));
}
