//! The table of platforms: a line for each child of an index, and for each image by itself.

use std::borrow::Cow;

use super::super::Graph;
use super::super::graph::{Child, Reading};
use super::super::judge::Counted;
use super::super::parts::flag;
use super::super::tally::ChildState;
use super::super::verdict::{Code, ImageVerdict};
use super::images::kind;
use super::{KINDS, Place, column, place_cells, verdict_cell};
use crate::manifest::Kind as DocumentKind;
use crate::table::records::{Cell, Column, Kind};

pub(super) const COLUMNS: &[Column] = &[
    column("account_id", Kind::Text),
    column("region", Kind::Text),
    column("repository", Kind::Text),
    column("image", Kind::Text),
    column("tags", Kind::List),
    column("digest", Kind::Text),
    column("os", Kind::Text),
    column("architecture", Kind::Text),
    column("variant", Kind::Text),
    column("os_version", Kind::Text),
    column("kind", Kind::Word(KINDS)),
    column("verdict", Kind::Word(&ImageVerdict::NAMES)),
    column("code", Kind::Text),
    column("missing", Kind::Int),
];

/// Returns the number of lines of an image.
pub(super) fn lines_of(graph: &Graph, at: u32) -> usize {
    if is_index(graph, at) { graph.all_children(at).count() } else { usize::from(stands_alone(graph, at)) }
}

/// Passes the lines of an image to `take`; returns false once that does.
pub(super) fn each(
    graph: &Graph,
    at: u32,
    counted: &mut Counted,
    place: &Place,
    take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
) -> bool {
    if is_index(graph, at) {
        return graph.all_children(at).all(|child| take(&child_line(graph, at, *child, counted, place)));
    }
    if !stands_alone(graph, at) {
        return true;
    }
    let document = graph.document(at);
    let mut cells = start(graph, at, at, place);
    cells.extend([const { Cell::Null }; 4]);
    cells.extend([
        kind(graph, at),
        verdict_cell(document.verdict),
        Cell::text(graph.code_of(document)),
        missing(graph, at, counted),
    ]);
    take(&cells)
}

/// Returns true for a document with children, and for an index without.
fn is_index(graph: &Graph, at: u32) -> bool {
    let document = graph.document(at);
    document.reading == Reading::Read
        && (document.kind == DocumentKind::Index || graph.all_children(at).next().is_some())
}

/// Returns true for an image that no index shows, or that has a tag of its own.
fn stands_alone(graph: &Graph, at: u32) -> bool {
    let document = graph.document(at);
    let is_image = document.reading != Reading::Read
        || !matches!(document.kind, DocumentKind::Attestation | DocumentKind::Artifact);
    is_image && (document.parents == 0 || document.tags.count > 0)
}

fn child_line<'a>(
    graph: &'a Graph,
    at: u32,
    child: Child,
    counted: &mut Counted,
    place: &'a Place,
) -> Vec<Cell<'a>> {
    let document = graph.document(child.document);
    let (verdict, code) = match graph.shown_state(child) {
        ChildState::Judged(verdict) => (verdict, graph.code_of(document)),
        ChildState::Missing => (ImageVerdict::Incomplete, Code::MissingChild.name()),
        ChildState::Unlisted => (ImageVerdict::Partial, graph.circumstances.not_listed().name()),
        ChildState::FoundLater => (ImageVerdict::Undecided, Code::ChildFoundLater.name()),
        ChildState::NotAsked => (ImageVerdict::NotChecked, ""),
    };
    let mut cells = start(graph, at, child.document, place);
    match graph.platforms.get(child.platform) {
        Some(words) => cells.extend(words.iter().map(|word| Cell::text(word.as_str()))),
        None => cells.extend([const { Cell::Null }; 4]),
    }
    let is_read = document.reading == Reading::Read;
    cells.extend([
        if child.flags & flag::ATTESTATION != 0 {
            Cell::Word(DocumentKind::Attestation as u8)
        } else if child.flags & flag::ARTIFACT != 0 && !is_read {
            Cell::Word(DocumentKind::Artifact as u8)
        } else {
            kind(graph, child.document)
        },
        Cell::Word(verdict as u8),
        Cell::text(code),
        missing(graph, child.document, counted),
    ]);
    cells
}

fn start<'a>(graph: &'a Graph, image: u32, digest: u32, place: &'a Place) -> Vec<Cell<'a>> {
    let mut cells = Vec::with_capacity(COLUMNS.len());
    cells.extend(place_cells(place));
    cells.push(graph.digest_cell(image));
    cells.push(Cell::List(graph.tags.of(graph.document(image).tags).map(Cow::Borrowed).collect()));
    cells.push(graph.digest_cell(digest));
    cells
}

fn missing(graph: &Graph, at: u32, counted: &mut Counted) -> Cell<'static> {
    let is_read = graph.document(at).reading == Reading::Read;
    if is_read { Cell::Int(i64::from(graph.tally(at, counted).missing())) } else { Cell::Null }
}
