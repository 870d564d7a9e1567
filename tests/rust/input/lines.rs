//! Text files to rows, for any cut into blocks.

use layercheck::input::lines::TextLines;
use layercheck::plan::row_sink::{Line, MAX_LINE, Sink};
use proptest::prelude::*;

#[derive(Default)]
struct Rows(Vec<(Vec<u8>, bool)>);

impl Sink for Rows {
    fn take_fast(&mut self, block: &[u8]) -> usize {
        // This sink takes the line "one" on its fast path, so that the test covers both paths.
        let taken = block.chunks(4).take_while(|line| *line == b"one\n").count();
        self.0.extend((0..taken).map(|_| (b"one".to_vec(), false)));
        taken * 4
    }

    fn line(&mut self, line: Line<'_>) {
        self.0.push((line.text.to_vec(), line.cut));
    }
}

fn rows(blocks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
    let mut lines = TextLines::default();
    let mut rows = Rows::default();
    for block in blocks {
        lines.feed(block, &mut rows);
    }
    lines.end_of_file(&mut rows);
    rows.0
}

fn whole(texts: &[&str]) -> Vec<(Vec<u8>, bool)> {
    texts.iter().map(|text| (text.as_bytes().to_vec(), false)).collect()
}

#[test]
fn blank_lines_and_comments_are_not_rows() {
    let text = b"one\n\n  \t\r\n# comment\n  # comment\ntwo # no comment\n";
    assert_eq!(rows(&[text]), whole(&["one", "two # no comment"]));
}

#[test]
fn both_line_ends_and_none_at_the_end_of_the_file_are_understood() {
    assert_eq!(rows(&[b"one\r\ntwo\nthree"]), whole(&["one", "two", "three"]));
}

#[test]
fn a_byte_order_mark_is_dropped_at_the_start_of_each_file_only() {
    let mut lines = TextLines::default();
    let mut seen = Rows::default();
    for _ in 0..2 {
        lines.feed(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo", &mut seen);
        lines.end_of_file(&mut seen);
    }
    assert_eq!(seen.0, whole(&["one", "\u{feff}two", "one", "\u{feff}two"]));
}

#[test]
fn an_endless_line_is_cut_and_the_next_line_is_whole() {
    let long = vec![b'x'; 3 * MAX_LINE];
    let rows = rows(&[&long, &long, b"\nnext\n"]);
    assert_eq!(rows, [(vec![b'x'; MAX_LINE], true), (b"next".to_vec(), false)]);
}

#[test]
fn a_line_of_exactly_the_limit_is_whole_with_any_line_end() {
    for end in ["", "\n", "\r\n"] {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{}{end}", "x".repeat(MAX_LINE));
            let (head, tail) = text.as_bytes().split_at(MAX_LINE);
            let expected = [(vec![b'x'; MAX_LINE], false)];
            assert_eq!(rows(&[text.as_bytes()]), expected, "{end:?} {mark:?}");
            assert_eq!(rows(&[head, tail]), expected, "in two blocks, {end:?} {mark:?}");
            let over = format!("{mark}{}{end}", "x".repeat(MAX_LINE + 1));
            let (head, tail) = over.as_bytes().split_at(MAX_LINE);
            let expected = [(vec![b'x'; MAX_LINE], true)];
            assert_eq!(rows(&[over.as_bytes()]), expected, "one more, {end:?} {mark:?}");
            assert_eq!(rows(&[head, tail]), expected, "one more in two blocks, {end:?} {mark:?}");
        }
    }
}

proptest! {
    #[test]
    fn how_the_file_is_cut_into_blocks_does_not_matter(
        pieces in prop::collection::vec("(one\n|[a\r\n #\u{feff}]){0,9}", 0..12)
    ) {
        let text = pieces.concat();
        let blocks: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
        prop_assert_eq!(rows(&[text.as_bytes()]), rows(&blocks));
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(rows(&[text.as_bytes()]), rows(&bytes));
    }
}
