//! Checks every case of the corpus, without a fuzzer.

use std::fs;
use std::path::Path;

fn each_case(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let mut cases: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    for case in &cases {
        let shown = std::panic::catch_unwind(|| check(&fs::read(case).expect("a case")));
        assert!(shown.is_ok(), "{}", case.display());
    }
    println!("{target}: {} cases hold", cases.len());
}

#[test]
fn rows_of_the_corpus_are_read_alike() {
    each_case("parse", checks::parse::check);
}

#[test]
fn files_of_the_corpus_are_split_alike() {
    each_case("lines", checks::lines::check);
}

#[test]
fn answers_of_the_corpus_are_read_alike() {
    each_case("answer", checks::answer::check);
}

#[test]
fn packed_files_of_the_corpus_are_read_alike() {
    each_case("decompress", checks::decompress::check);
}

#[test]
fn tables_of_the_corpus_are_read_alike() {
    each_case("columns", checks::columns::check);
}

#[test]
fn journals_of_the_corpus_are_read_as_they_would_be_written() {
    each_case("journal", checks::journal::check);
}

#[test]
fn manifests_of_the_corpus_are_read_alike() {
    each_case("manifest", checks::manifest::check);
}

#[test]
fn archives_of_the_corpus_end_in_a_layout_or_an_error() {
    each_case("layout", checks::layout::check);
}

#[test]
fn stored_manifests_of_the_corpus_are_read_as_they_would_be_written() {
    each_case("projection", checks::projection::check);
}
