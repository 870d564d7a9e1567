//! Rows to digests: every spelling, every rejection, and no panic on any bytes.

use layercheck::digest::hex::{self, Decoded};
use layercheck::digest::parse::{ParseError, RejectKind, Spelling, parse, parse_strict};
use layercheck::input::lines::TextLines;
use layercheck::{Digest, Planner};
use proptest::prelude::*;

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn digest() -> Digest {
    Digest(std::array::from_fn(|at| (at % 16 * 0x11) as u8))
}

#[test]
fn every_accepted_spelling_gives_the_same_digest() {
    let upper = HEX.to_uppercase();
    let table = [
        (format!("sha256:{HEX}"), Spelling::Canonical),
        (format!("sha256:{upper}"), Spelling::UpperCase),
        (format!("SHA256:{HEX}"), Spelling::UpperCase),
        (format!("Sha256:{upper}"), Spelling::UpperCase),
        (format!(" sha256:{HEX}\r\n"), Spelling::WhiteSpace),
        (HEX.to_owned(), Spelling::BareHex),
        (format!("\t{upper}"), Spelling::BareHex),
        (format!("sha256__{HEX}"), Spelling::Underscore),
        (format!("team/app@sha256:{HEX}"), Spelling::Reference),
        (format!("host:5000/app:v1@SHA256:{upper}"), Spelling::Reference),
        (format!("a@b@sha256:{HEX}"), Spelling::Reference),
        (format!("blobs/sha256/{HEX}"), Spelling::BlobPath),
        (format!("/layout/blobs/sha256/{HEX}"), Spelling::BlobPath),
        (format!("v2/blobs/sha256/00/{HEX}/data"), Spelling::RegistryPath),
        (format!("app/_layers/sha256/{HEX}/link"), Spelling::RegistryPath),
        (format!("https://h/v2/app/blobs/sha256:{HEX}?a=b"), Spelling::BlobUrl),
        (format!("docker://sha256:{HEX}"), Spelling::ImageId),
        (format!("{HEX}  layers/0.tar.gz"), Spelling::Checksum),
        (format!("{upper} *layers/0.tar.gz"), Spelling::Checksum),
        (format!("SHA256 (layers/0.tar.gz) = {HEX}"), Spelling::TaggedChecksum),
        (format!("SHA2-256(layers/0.tar.gz)= {HEX}"), Spelling::TaggedChecksum),
    ];
    for (row, spelling) in table {
        assert_eq!(parse(row.as_bytes()), Ok((digest(), spelling)), "{row:?}");
    }
}

#[test]
fn every_rejection_has_its_kind_and_offset() {
    use RejectKind::{Empty, ManifestPath, NotHexadecimal, TagLike, UnsupportedAlgorithm, WrongLength};
    let table = [
        (String::new(), Empty, 0),
        (" \t\r\n".to_owned(), Empty, 0),
        (format!("sha256:{}", &HEX[1..]), WrongLength, 70),
        (format!("sha256:{HEX}0"), WrongLength, 71),
        ("sha256:".to_owned(), WrongLength, 7),
        (format!("  {}", &HEX[4..]), WrongLength, 62),
        (format!("sha256:g{}", &HEX[1..]), NotHexadecimal, 7),
        (format!("sha256:{}\u{0}", &HEX[1..]), NotHexadecimal, 70),
        (format!("sha256:{HEX} {HEX}"), NotHexadecimal, 71),
        ("latest".to_owned(), NotHexadecimal, 0),
        (format!("@sha256:{HEX}"), NotHexadecimal, 0),
        (format!("two words@sha256:{HEX}"), NotHexadecimal, 0),
        (format!("sha512:{HEX}{HEX}"), UnsupportedAlgorithm, 0),
        (" MD5:d41d8cd98f00b204e9800998ecf8427e".to_owned(), UnsupportedAlgorithm, 1),
        (format!("app@sha384:{HEX}"), UnsupportedAlgorithm, 4),
        (format!("blobs/sha512/{HEX}"), UnsupportedAlgorithm, 6),
        (format!("sha256-{HEX}"), TagLike, 6),
        (format!(" sha256-{HEX}.sig"), TagLike, 7),
        (format!("{HEX}{HEX}  a"), WrongLength, 64),
        (format!("{HEX}  {}", HEX.replace('0', "1")), NotHexadecimal, 64),
        (format!("SHA512 (a) = {HEX}{HEX}"), UnsupportedAlgorithm, 0),
        (format!("https://h/v2/app/manifests/sha256:{HEX}"), ManifestPath, 27),
    ];
    for (row, kind, offset) in table {
        let expected = ParseError { kind, offset };
        assert_eq!(parse(row.as_bytes()), Err(expected), "{row:?}");
        assert_eq!(parse_strict(row.as_bytes()), Err(expected), "strict, {row:?}");
    }
}

#[test]
fn strict_takes_the_canonical_form_and_points_at_the_first_deviation() {
    let canonical = format!("sha256:{HEX}");
    assert_eq!(parse_strict(canonical.as_bytes()), Ok((digest(), Spelling::Canonical)));
    let table = [
        (format!("SHA256:{HEX}"), 0),
        (format!("sha256:{}", HEX.to_uppercase()), 27),
        (format!(" sha256:{HEX}"), 0),
        (format!("sha256:{HEX}\r"), 71),
        (HEX.to_owned(), 0),
        (format!("sha256__{HEX}"), 6),
    ];
    for (row, offset) in table {
        let expected = ParseError { kind: RejectKind::NotCanonical, offset };
        assert_eq!(parse_strict(row.as_bytes()), Err(expected), "{row:?}");
    }
}

#[test]
fn only_hex_digits_decode_in_every_position() {
    for position in 0..hex::TEXT_LEN {
        for byte in 0..=u8::MAX {
            let mut text = [b'0'; hex::TEXT_LEN];
            text[position] = byte;
            let mut out = [0; 32];
            let expected = match byte {
                b'0'..=b'9' | b'a'..=b'f' => Decoded::Lower,
                b'A'..=b'F' => Decoded::Mixed,
                _ => Decoded::Invalid,
            };
            assert_eq!(hex::decode(&text, &mut out), expected, "{byte:#x} at {position}");
            if let Some(value) = (byte as char).to_digit(16) {
                let shift = if position % 2 == 0 { 4 } else { 0 };
                assert_eq!(u32::from(out[position / 2]), value << shift);
            }
        }
    }
}

proptest! {
    #[test]
    fn text_of_a_digest_reads_back(bytes: [u8; 32]) {
        let text = Digest(bytes).to_string();
        prop_assert_eq!(parse(text.as_bytes()), Ok((Digest(bytes), Spelling::Canonical)));
        prop_assert_eq!(parse_strict(text.as_bytes()), Ok((Digest(bytes), Spelling::Canonical)));
    }

    #[test]
    fn no_bytes_make_it_panic_and_offsets_stay_in_the_row(row: Vec<u8>) {
        for parsed in [parse(&row), parse_strict(&row)] {
            if let Err(error) = parsed {
                prop_assert!(error.offset <= row.len());
            }
        }
        let mut planner = Planner::new(false);
        planner.row(&row);
        let mut lines = TextLines::default();
        lines.feed(&row, &mut planner);
        lines.end_of_file(&mut planner);
        let plan = planner.finish(100);
        prop_assert_eq!(plan.rows(), plan.unique() + plan.duplicates() + plan.invalid());
        for at in 0..plan.rejects().len() {
            prop_assert!(!plan.rejects().get(at).to_string().is_empty());
        }
    }
}
