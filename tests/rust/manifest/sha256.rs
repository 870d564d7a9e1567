//! Many documents hashed at once, beside `sha2` for each alone.

use layercheck::Digest;
use layercheck::manifest::{sha256, sha256_all, sha256_kernel};
use proptest::collection::vec;
use proptest::prelude::*;

/// Lengths around the borders of blocks, where the padding changes.
const AROUND: [usize; 12] = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129];

fn document(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + seed * 131 + at / 64 * 7) as u8).collect()
}

fn one_by_one(documents: &[Vec<u8>]) -> Vec<Digest> {
    documents.iter().map(|document| sha256(document)).collect()
}

fn at_once(documents: &[Vec<u8>]) -> Vec<Digest> {
    sha256_all(&documents.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
}

#[test]
fn every_length_has_the_same_sha256_in_every_lane() {
    println!("sha256 of many documents by: {}", sha256_kernel());
    // A length of each in every lane and at every turn, because the number of lengths is odd.
    let documents: Vec<_> = (0..5 * 257).map(|number| document(number % 257, number)).collect();
    assert_eq!(at_once(&documents), one_by_one(&documents));
}

#[test]
fn any_number_of_documents_is_hashed() {
    let documents: Vec<_> = (0..140).map(|number| document(AROUND[number % 12] + number, number)).collect();
    for count in 0..documents.len() {
        assert_eq!(at_once(&documents[..count]), one_by_one(&documents[..count]), "{count} documents");
    }
}

#[test]
fn one_long_document_among_short_documents_is_hashed_to_its_end() {
    for place in [0, 7, 40, 99] {
        let mut documents: Vec<_> = (0..100).map(|number| document(number, number)).collect();
        documents[place] = document(300_000, place);
        assert_eq!(at_once(&documents), one_by_one(&documents));
    }
}

#[test]
fn equal_documents_have_equal_digests_and_a_changed_bit_has_another() {
    let mut documents = vec![document(5_209, 1); 100];
    let digests = at_once(&documents);
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    documents[57][5_208] ^= 0x10;
    let changed = at_once(&documents);
    assert_eq!(changed.iter().filter(|digest| **digest != digests[0]).count(), 1);
    assert_eq!(changed[57], sha256(&documents[57]));
}

proptest! {
    #[test]
    fn any_mix_of_documents_is_hashed_as_one_by_one(
        documents in vec(
            prop_oneof![
                vec(any::<u8>(), 0..200),
                (prop::sample::select(&AROUND[..]), any::<usize>())
                    .prop_map(|(length, seed)| document(length, seed % 1000)),
                (0..8_000_usize, 0..1000_usize).prop_map(|(length, seed)| document(length, seed)),
            ],
            0..120,
        )
    ) {
        prop_assert_eq!(at_once(&documents), one_by_one(&documents));
    }
}
