//! Compares the reader of answers with a slow reader over a tree of `serde_json`.

use std::sync::{Arc, LazyLock};

use layercheck::protocol::answer::{Answer, AnswerErrorKind, MAX_DEPTH, MAX_NUMBER};
use layercheck::protocol::entry::EntryStatus;
use layercheck::{Digest, Ledger, Plan, Planner};
use serde_json::{Map, Value};

/// An entry, in text.
type Said = (Option<String>, String);

/// Compares both readers, and merges what was read.
pub fn check(body: &[u8]) {
    let read = Answer::read(body);
    // serde_json rejects half a surrogate pair in any text; Python does not.
    let halves = body
        .windows(4)
        .any(|four| matches!(four, [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F']));
    match (&read, serde_json::from_slice::<Value>(body)) {
        (Ok(answer), Ok(tree)) => {
            let wanted = slowly(&tree).expect("an answer");
            assert_eq!(said(answer), wanted);
        }
        (Ok(_), Err(error)) => assert!(halves, "read, though {error}"),
        (Err(error), Ok(tree)) => match error.kind {
            AnswerErrorKind::NotAnObject
            | AnswerErrorKind::NotAList
            | AnswerErrorKind::NotAnEntry
            | AnswerErrorKind::NoLists => {
                assert_eq!(slowly(&tree), Err(error.kind));
            }
            AnswerErrorKind::TooDeep => {
                assert!(body.iter().filter(|byte| b"[{".contains(byte)).count() > MAX_DEPTH);
            }
            AnswerErrorKind::NumberTooLong => assert!(body.len() > MAX_NUMBER),
            AnswerErrorKind::TooLong | AnswerErrorKind::TooManyEntries => assert!(body.len() > 60_000),
            AnswerErrorKind::NotUtf8 | AnswerErrorKind::EndsEarly | AnswerErrorKind::Unexpected => {
                panic!("{error} in what is JSON");
            }
        },
        (Err(error), Err(_)) => assert!(error.offset <= body.len()),
    }
    if let Ok(answer) = read {
        merge(&answer);
    }
}

fn merge(answer: &Answer<'_>) {
    static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
        let mut planner = Planner::new(false);
        planner.raw(&[Digest([0; 32]), Digest([0x11; 32]), Digest([0xab; 32])]);
        planner.finish(100).into()
    });
    let mut ledger = Ledger::new(Arc::clone(&PLAN));
    let merged = ledger.merge(0..3, answer.entries());
    assert_eq!(merged.answered + merged.left_out + merged.contradicted, 3);
    assert!(merged.answered + merged.foreign <= answer.entries().count());
    // An answer that names none of the digests belongs to another request.
    assert_eq!(ledger.settled(), if merged.left_out == 3 { 0 } else { 3 });
    assert_eq!(ledger.columns().counts().iter().sum::<usize>(), 3);
}

fn said(answer: &Answer<'_>) -> Vec<Said> {
    let written = |status: &EntryStatus<'_>| format!("{status:?}");
    answer
        .entries()
        .map(|entry| (entry.digest.map(|digest| digest.to_string()), written(&entry.status)))
        .collect()
}

fn slowly(tree: &Value) -> Result<Vec<Said>, AnswerErrorKind> {
    let tree = tree.as_object().ok_or(AnswerErrorKind::NotAnObject)?;
    let list = |key: &str| match tree.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(AnswerErrorKind::NotAList),
    };
    let (layers, failures) = (list("layers")?, list("failures")?);
    if layers.is_none() && failures.is_none() {
        return Err(AnswerErrorKind::NoLists);
    }
    if !layers.into_iter().chain(failures).flatten().all(|entry| entry.is_object() || entry.is_null()) {
        return Err(AnswerErrorKind::NotAnEntry);
    }
    let entries = |list: Option<&Vec<Value>>| -> Vec<Map<String, Value>> {
        list.into_iter().flatten().filter_map(Value::as_object).cloned().collect()
    };
    let text = |entry: &Map<String, Value>, key: &str| entry.get(key)?.as_str().map(str::to_owned);
    let mut said = Vec::new();
    for entry in entries(layers) {
        let (Some(digest), Some(word)) = (text(&entry, "layerDigest"), text(&entry, "layerAvailability"))
        else {
            continue;
        };
        let media_type = text(&entry, "mediaType");
        let size = entry.get("layerSize").and_then(size);
        let status = EntryStatus::Layer { availability: &word, size, media_type: media_type.as_deref() };
        said.push((named(&digest), format!("{status:?}")));
    }
    for entry in entries(failures) {
        let Some(digest) = text(&entry, "layerDigest") else {
            continue;
        };
        let (code, reason) = (text(&entry, "failureCode"), text(&entry, "failureReason"));
        let status = EntryStatus::Failure {
            code: code.as_deref().unwrap_or_default(),
            reason: reason.as_deref().unwrap_or_default(),
        };
        said.push((named(&digest), format!("{status:?}")));
    }
    Ok(said)
}

/// Reads an integer that is not negative and fits into 63 bits.
fn size(value: &Value) -> Option<i64> {
    let digits = value.as_number()?.to_string();
    let digits = if digits == "-0" { "0" } else { &digits };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn named(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.strip_prefix("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(lower)
}
