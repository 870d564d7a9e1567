//! Secrets that a service repeats, in the encodings in which it may repeat them.

use std::borrow::Cow;

use layercheck::known_secrets::{KnownSecrets, SHOWN, with_new_texts};
use layercheck::protocol::entry::{Entry, EntryStatus};
use proptest::prelude::*;

const KEY: &str = "ASIAZ3MPHJ4KQN7EXMPL";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEJr+tq/9k3Lw0vZxY5bNcD8fGhQa2sR7uTiOpWmKjHgFdSeA==";
const SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

fn known() -> KnownSecrets {
    let known = KnownSecrets::default();
    known.learn(KEY, SECRET, Some(TOKEN));
    known.learn_authorization(&format!("AWS4-HMAC-SHA256 Credential={KEY}/x, Signature={SIGNATURE}"));
    known
}

#[test]
fn each_secret_is_hidden_where_it_stands() {
    for secret in [KEY, SECRET, TOKEN.trim_end_matches('='), SIGNATURE] {
        assert_eq!(known().hide(&format!("a {secret}, b"), 500), "a ***, b");
    }
}

#[test]
fn base64_behind_any_number_of_bytes_is_hidden() {
    // Made with Python's `base64.b64encode(b"?" * n + secret + b"??")`.
    for text in [
        "d0phbHJYVXRuRkVNSS9LN01ERU5HL2JQeFJmaUNZRVhBTVBMRUtFWT8/",
        "P3dKYWxyWFV0bkZFTUkvSzdNREVORy9iUHhSZmlDWUVYQU1QTEVLRVk/Pw==",
        "Pz93SmFsclhVdG5GRU1JL0s3TURFTkcvYlB4UmZpQ1lFWEFNUExFS0VZPz8=",
    ] {
        let shown = known().hide(text, 500).into_owned();
        assert!(shown.contains("***") && shown.len() <= 14, "{shown}");
    }
}

#[test]
fn a_part_of_a_secret_is_hidden_from_sixteen_letters_on() {
    for start in 0..SIGNATURE.len() - SHOWN {
        let part = &SIGNATURE[start..start + SHOWN];
        assert_eq!(known().hide(&format!("<{part}>"), 500), "<***>");
    }
    let text = format!("<{}>", &SIGNATURE[..SHOWN - 2]);
    assert_eq!(known().hide(&text, 500), text);
}

#[test]
fn a_digest_and_ordinary_words_stay() {
    let text = format!("the layer sha256:{} of secret/access-key is missing", "ab".repeat(32));
    assert!(matches!(known().hide(&text, 500), Cow::Borrowed(same) if same == text));
    let short = KnownSecrets::default();
    short.learn("test", "testing", None);
    assert_eq!(short.hide("testing a test", 500), "testing a test");
}

#[test]
fn credentials_that_were_renewed_are_hidden_for_a_while() {
    let known = known();
    for number in 0..4 {
        known.learn("ASIAOTHERKEYOFTHEROLE", &format!("other/secret+key+number{number}"), None);
        assert_eq!(known.hide(SECRET, 500) == "***", number < 3);
    }
}

#[test]
fn a_signature_is_hidden_as_long_as_its_call_waits() {
    let known = known();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..2_000_u64 {
                known.learn_authorization(&format!("Signature={:064x}", u128::from(number) << 64 | 0xfeed));
                known.end_call();
            }
        });
    });
    assert_eq!(known.hide(SIGNATURE, 500), "***");
}

#[test]
fn the_signature_of_a_call_that_ended_is_hidden_for_a_while() {
    let known = known();
    known.end_call();
    known.end_call();
    assert_eq!(known.hide(SIGNATURE, 500), "***");
}

#[test]
fn old_signatures_are_forgotten() {
    let known = known();
    for number in 0..600_u64 {
        known.learn_authorization(&format!("Signature={:064x}", u128::from(number) << 64 | 0xfeed));
        if number == 300 {
            assert_eq!(known.hide(SIGNATURE, 500), "***");
        }
    }
    assert_eq!(known.hide(SIGNATURE, 500), SIGNATURE);
}

#[test]
fn entries_get_new_texts_only_where_a_secret_was() {
    let failure =
        |reason: &'static str| Entry { digest: None, status: EntryStatus::Failure { code: "X", reason } };
    let entries = [failure("fine"), failure(SIGNATURE), failure(SIGNATURE), failure("fine")];
    let new = known().hide_in(entries.into_iter());
    assert_eq!(new.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2]);
    let reasons = with_new_texts(entries.into_iter(), &new).map(|entry| match entry.status {
        EntryStatus::Failure { reason, .. } => reason,
        EntryStatus::Layer { .. } => unreachable!(),
    });
    assert_eq!(reasons.collect::<Vec<_>>(), ["fine", "***", "***", "fine"]);
}

#[test]
fn debug_output_shows_no_secret() {
    assert_eq!(format!("{:?}", known()), "KnownSecrets(***)");
}

proptest! {
    #[test]
    fn any_text_is_read_and_cut_within_the_limit(text in "[%\\\\&<>;#xu0-9a-f\u{e9}\u{20ac} ]{0,300}", limit in 0_usize..300) {
        prop_assert!(known().hide(&text, limit).len() <= limit);
        prop_assert_eq!(known().hide(&text, usize::MAX), text.as_str());
    }

    #[test]
    fn a_secret_among_anything_is_hidden(before in ".{0,60}", after in ".{0,60}", limit in 1_usize..400) {
        let text = format!("{before}{SECRET}{after}");
        let shown = known().hide(&text, limit).into_owned();
        for at in 0..SECRET.len() - 5 {
            prop_assert!(!shown.contains(&SECRET[at..at + 5]), "{}", shown);
        }
    }
}
