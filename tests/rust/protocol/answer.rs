//! Bodies of answers to entries: what counts, what is skipped, and what is not an answer.

use layercheck::protocol::answer::{Answer, AnswerErrorKind, MAX_BODY, MAX_DEPTH, MAX_ENTRIES, MAX_NUMBER};
use layercheck::protocol::entry::EntryStatus;
use layercheck::{Digest, Ledger, Planner, Verdict};
use proptest::prelude::*;

fn text(byte: u8) -> String {
    Digest([byte; 32]).to_string()
}

/// Returns digest and status of each entry as text.
fn read(body: &str) -> Vec<String> {
    let answer = Answer::read(body.as_bytes()).expect("an answer");
    answer
        .entries()
        .map(|entry| {
            let digest = entry.digest.map_or("none".into(), |digest| digest.0[0].to_string());
            match entry.status {
                EntryStatus::Layer { availability, size, media_type } => {
                    format!("{digest}: {availability:?} {size:?} {media_type:?}")
                }
                EntryStatus::Failure { code, reason } => format!("{digest}: failure {code:?} {reason:?}"),
            }
        })
        .collect()
}

fn error(body: impl AsRef<[u8]>) -> (AnswerErrorKind, usize) {
    let error = Answer::read(body.as_ref()).map(|answer| answer.entries().count()).expect_err("no answer");
    (error.kind, error.offset)
}

/// Makes one layer of digest 7 with `more` members, each of which ends in a comma.
fn layer(more: &str) -> String {
    format!(r#"{{"layers":[{{{more}"layerDigest":"{}","layerAvailability":"AVAILABLE"}}]}}"#, text(7))
}

#[test]
fn an_answer_of_both_lists_is_read_in_any_order_of_keys_and_with_any_white_space() {
    let (one, two) = (text(1), text(2).to_uppercase());
    let body = format!(
        " \r\n{{\t\"failures\" : [ {{ \"failureReason\":\"gone\" , \"failureCode\":\"MissingLayerDigest\",\
         \"layerDigest\":\"{one}\" }} ],\n\"layers\":[{{\"mediaType\":\"a/b\",\"layerSize\": 12 ,\
         \"layerAvailability\":\"ARCHIVED\",\"layerDigest\":\"{two}\"}} ] }} \n"
    );
    let wanted = [r#"2: "ARCHIVED" Some(12) Some("a/b")"#, r#"1: failure "MissingLayerDigest" "gone""#];
    assert_eq!(read(&body), wanted);
}

#[test]
fn equal_texts_of_entries_in_a_row_are_each_read() {
    let entry = |byte, word, note| {
        format!(r#"{{"layerDigest":"{}","layerAvailability":"{word}","mediaType":"{note}"}}"#, text(byte))
    };
    let entries = [entry(1, "A", "m"), entry(2, "A", "m"), entry(3, "AB", "mm"), entry(4, "A", r"\u006d")];
    let body = format!(r#"{{"layers":[{}]}}"#, entries.join(","));
    let wanted = [r#"1: "A" None Some("m")"#, r#"2: "A" None Some("m")"#, r#"3: "AB" None Some("mm")"#];
    assert_eq!(read(&body), [&wanted[..], &[r#"4: "A" None Some("m")"#]].concat());
}

#[test]
fn unknown_keys_are_skipped_whatever_they_hold() {
    let more = r#""x":{"y":[1,-2.5e+3,true,false,null,"\ud800\"",{}],"layerDigest":0},"":[],"#;
    assert_eq!(read(&layer(more)), [r#"7: "AVAILABLE" None None"#]);
    let with_unknown = format!(r#"{{"requestId":[[]],{}"#, &layer("")[1..]);
    assert_eq!(read(&with_unknown), [r#"7: "AVAILABLE" None None"#]);
}

#[test]
fn escapes_are_decoded_in_keys_and_texts() {
    let body = layer(r#""m\u0065diaType":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é","#);
    let wanted = "\"\\/\u{8}\u{c}\n\r\té\u{1f600}é";
    assert_eq!(read(&body), [format!("7: \"AVAILABLE\" None {:?}", Some(wanted))]);
    let digest = text(7).replace('7', "\\u0037");
    let body = format!(r#"{{"failures":[{{"layerDigest":"{digest}"}}]}}"#);
    assert_eq!(read(&body), [r#"7: failure "" """#]);
}

#[test]
fn half_a_surrogate_pair_makes_a_text_as_good_as_empty() {
    for half in [r"x\ud800", r"\udc00x", r"\ud800\ud800", r"\ud800\u0041", r"\ud800\n\udc00"] {
        let body = layer(&format!(r#""mediaType":"{half}","#));
        assert_eq!(read(&body), [r#"7: "AVAILABLE" None Some("")"#], "{half}");
        let body = format!(r#"{{"layers":[{{"layerDigest":"{half}","layerAvailability":"{half}"}}]}}"#);
        assert_eq!(read(&body), [r#"none: "" None None"#], "{half}");
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    let body =
        layer(r#""layerDigest":"sha256:00","layerSize":1,"layerSize":2,"mediaType":"a","mediaType":0,"#);
    assert_eq!(read(&body), [r#"7: "AVAILABLE" Some(2) None"#]);
    let body = format!(r#"{{"layers":7,"layers":[{{}}],{}"#, &layer("")[1..]);
    assert_eq!(read(&body), [r#"7: "AVAILABLE" None None"#]);
    let body = format!(r#"{},"layers":null,"failures":[]}}"#, layer("").strip_suffix('}').unwrap());
    assert!(read(&body).is_empty());
}

#[test]
fn an_entry_without_a_digest_or_a_layer_without_a_word_is_skipped() {
    let body = r#"{"layers":[null,{},{"layerDigest":7,"layerAvailability":"A"},{"layerDigest":"x"},
        {"layerDigest":"x","layerAvailability":null}],"failures":[{},{"failureCode":"x"},{"layerDigest":"x"}]}"#;
    assert_eq!(read(body), [r#"none: failure "" """#]);
}

#[test]
fn another_element_than_an_entry_is_an_error_as_for_botocore() {
    for entry in ["1", "\"x\"", "[]", "true", "-0.5"] {
        let body = format!(r#"{{"failures":[],"layers":[{{}},null,{entry},{{}}]}}"#);
        assert_eq!(error(body), (AnswerErrorKind::NotAnEntry, 33), "{entry}");
    }
    // The last of two equal keys counts here too.
    assert!(read(r#"{"layers":[1],"layers":[]}"#).is_empty());
}

#[test]
fn only_whole_numbers_that_fit_are_sizes() {
    let longest = "9".repeat(MAX_NUMBER);
    for (size, wanted) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("7 ", Some(7)),
        ("99999999999999999", Some(99_999_999_999_999_999)),
        ("999999999999999999", Some(999_999_999_999_999_999)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        (longest.as_str(), None),
        ("-1", None),
        ("1.0", None),
        ("1e3", None),
        ("true", None),
        ("null", None),
        ("\"7\"", None),
        ("[7]", None),
    ] {
        let body = layer(&format!(r#""layerSize":{size},"#));
        assert_eq!(read(&body), [format!("7: \"AVAILABLE\" {wanted:?} None")], "{size}");
        let last = body.replace(&format!(r#""layerSize":{size},"#), "");
        let last = last.replace("AVAILABLE\"", &format!("AVAILABLE\",\"layerSize\":{size}"));
        assert_eq!(read(&last), [format!("7: \"AVAILABLE\" {wanted:?} None")], "{size} at the end");
    }
}

#[test]
fn a_body_that_is_not_an_answer_is_an_error_with_its_offset() {
    use AnswerErrorKind::{EndsEarly, NoLists, NotAList, NotAnObject, NotUtf8, TooLong, Unexpected};
    for (body, wanted) in [
        ("", (EndsEarly, 0)),
        (" ", (EndsEarly, 1)),
        ("<html></html>", (Unexpected, 0)),
        ("\u{feff}{}", (Unexpected, 0)),
        ("{}", (NoLists, 2)),
        (r#"{"layers":null}"#, (NoLists, 15)),
        (r#"{"message":"slow down"}"#, (NoLists, 23)),
        (r#"{"layers":{}}"#, (NotAList, 10)),
        (r#"{"layers":[],"failures":"x"}"#, (NotAList, 24)),
        ("[]", (NotAnObject, 0)),
        ("\"layers\"", (NotAnObject, 0)),
        ("null", (NotAnObject, 0)),
        (r#"{"layers":[]}x"#, (Unexpected, 13)),
        (r#"{"layers":[]} {}"#, (Unexpected, 14)),
        (r#"{"layers":[],}"#, (Unexpected, 13)),
        (r#"{"layers":[1,]}"#, (Unexpected, 13)),
        (r#"{"layers":[1 2]}"#, (Unexpected, 13)),
        (r#"{"layers" []}"#, (Unexpected, 10)),
        ("{layers:[]}", (Unexpected, 1)),
        (r#"{"layers":[NaN]}"#, (Unexpected, 11)),
        (r#"{"layers":[nul]}"#, (Unexpected, 14)),
        (r#"{"layers":[01]}"#, (Unexpected, 12)),
        (r#"{"layers":[1.]}"#, (Unexpected, 13)),
        (r#"{"layers":[-]}"#, (Unexpected, 12)),
        (r#"{"layers":[1e]}"#, (Unexpected, 13)),
        (r#"{"layers":["\x"]}"#, (Unexpected, 13)),
        (r#"{"layers":["\u00g0"]}"#, (Unexpected, 16)),
        ("{\"layers\":[\"a\nb\"]}", (Unexpected, 13)),
    ] {
        assert_eq!(error(body), wanted, "{body}");
    }
    assert_eq!(error(b"{\"layers\":[\"\xff\"]}"), (NotUtf8, 12));
    assert_eq!(error(b"{\"layers\":[\"\xed\xa0\x80\"]}"), (NotUtf8, 12));
    assert_eq!(error(" ".repeat(MAX_BODY + 1)), (TooLong, MAX_BODY));
    assert_eq!(error(" ".repeat(MAX_BODY)), (EndsEarly, MAX_BODY));
}

#[test]
fn a_size_is_a_number_as_json_writes_it() {
    for size in ["01", "00", "+1", "1.", ".1", "1e", "0x1", "1 2", "-", "--1", "-01"] {
        let (kind, _) = error(layer(&format!(r#""layerSize":{size},"#)));
        assert_eq!(kind, AnswerErrorKind::Unexpected, "{size}");
    }
}

#[test]
fn every_byte_in_every_position_of_a_text_is_taken_or_refused_as_json_has_it() {
    for length in 1..20 {
        for at in 0..length {
            for byte in 0..=u8::MAX {
                let mut text = vec![b'x'; length];
                text[at] = byte;
                let body = [br#"{"layers":[],"x":["#, &b"\""[..], &text, b"\"]}"].concat();
                let wanted = serde_json::from_slice::<serde_json::Value>(&body);
                assert_eq!(Answer::read(&body).is_ok(), wanted.is_ok(), "{byte} at {at} of {length}");
            }
        }
    }
}

#[test]
fn a_cut_answer_ends_early_wherever_it_is_cut() {
    let body = layer(r#""a":[true,-1.5e3,"\u00e9",null,{"b":false}],"layerSize":12,"mediaType":"a/b","#);
    assert_eq!(read(&body).len(), 1);
    for end in 0..body.len() {
        assert_eq!(error(&body[..end]), (AnswerErrorKind::EndsEarly, end));
    }
}

#[test]
fn depth_entries_and_digits_are_bounded() {
    let nested = |depth: usize| format!(r#"{{"layers":[],"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH - 1)).is_empty());
    assert_eq!(error(nested(MAX_DEPTH)), (AnswerErrorKind::TooDeep, 17 + MAX_DEPTH - 1));
    assert_eq!(error(nested(400_000)).0, AnswerErrorKind::TooDeep);

    let many = |count: usize| {
        let entries = vec![r#"{"layerDigest":""}"#; count];
        format!(r#"{{"layers":[],"failures":[{}]}}"#, entries.join(","))
    };
    assert_eq!(read(&many(MAX_ENTRIES)).len(), MAX_ENTRIES);
    assert_eq!(error(many(MAX_ENTRIES + 1)).0, AnswerErrorKind::TooManyEntries);

    let digits = format!(r#"{{"layers":[{}]}}"#, "1".repeat(MAX_NUMBER + 1));
    assert_eq!(error(digits), (AnswerErrorKind::NumberTooLong, 11));
}

#[test]
fn an_answer_that_was_read_is_merged() {
    let mut planner = Planner::new(false);
    planner.raw(&[Digest([7; 32]), Digest([8; 32])]);
    let mut ledger = Ledger::new(planner.finish(100).unwrap().into()).unwrap();
    let body = layer(r#""layerSize":5,"#);
    let merged = ledger.merge(0..2, Answer::read(body.as_bytes()).unwrap().entries());
    assert_eq!((merged.answered, merged.left_out), (1, 1));
    assert_eq!(ledger.columns().unwrap().verdicts(), [Verdict::Available, Verdict::Unanswered]);
    assert_eq!(ledger.columns().unwrap().sizes()[0], 5);
}

/// Makes pieces of JSON in any order, and sometimes a whole document.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("\"layers\":[".to_owned()),
        Just("\"failures\":[".to_owned()),
        Just("\"layerDigest\":".to_owned()),
        Just("\"layerAvailability\":\"AVAILABLE\"".to_owned()),
        Just("\"layerSize\":".to_owned()),
        Just("1".to_owned()),
        Just("-0.5e7".to_owned()),
        Just("null".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        any::<u8>().prop_map(|byte| format!("\"{}\"", text(byte))),
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Answer::read(&bytes);
    }

    /// The reader accepts exactly the JSON that `serde_json` accepts, except for the shape of an answer.
    #[test]
    fn it_takes_what_serde_json_takes(body in nearly_json()) {
        use AnswerErrorKind::{EndsEarly, NotAList, NotAnEntry, NoLists, Unexpected};
        let wanted = serde_json::from_str::<serde::de::IgnoredAny>(&body);
        match Answer::read(body.as_bytes()) {
            Ok(_) => prop_assert!(wanted.is_ok()),
            Err(error) if matches!(error.kind, EndsEarly | Unexpected) => prop_assert!(wanted.is_err()),
            Err(error) => prop_assert!(matches!(error.kind, NotAList | NotAnEntry | NoLists)),
        }
    }
}
