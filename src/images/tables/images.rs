//! The table of images: a line for each listed image.

use std::borrow::Cow;

use super::super::Graph;
use super::super::graph::{NO_TIME, NONE, Reading, fact};
use super::super::judge::Counted;
use super::super::parts::flag;
use super::super::verdict::ImageVerdict;
use super::{KINDS, Place, column, place_cells, reasons, verdict_cell};
use crate::manifest::{Family, Kind as DocumentKind, KnownType};
use crate::table::records::{Cell, Column, Kind};

pub(super) const COLUMNS: &[Column] = &[
    column("account_id", Kind::Text),
    column("region", Kind::Text),
    column("repository", Kind::Text),
    column("digest", Kind::Text),
    column("tags", Kind::List),
    column("kind", Kind::Word(KINDS)),
    column("media_type", Kind::Text),
    column("artifact_type", Kind::Text),
    column("status", Kind::Text),
    column("pushed_at", Kind::Time),
    column("pulled_at", Kind::Time),
    column("verdict", Kind::Word(&ImageVerdict::NAMES)),
    column("code", Kind::Text),
    column("reason", Kind::Text),
    column("confirmed", Kind::Bool),
    column("platforms", Kind::Int),
    column("children", Kind::Int),
    column("layers", Kind::Int),
    column("size", Kind::Int),
    column("missing", Kind::Int),
    column("archived", Kind::Int),
    column("undecided", Kind::Int),
    column("attestations_incomplete", Kind::Int),
    column("external", Kind::Int),
    column("subject", Kind::Text),
    column("subject_listed", Kind::Bool),
    column("parents", Kind::Int),
];

pub(super) fn line<'a>(graph: &'a Graph, at: u32, counted: &mut Counted, place: &'a Place) -> Vec<Cell<'a>> {
    let document = graph.document(at);
    let is_read = document.reading == Reading::Read;
    let tally = graph.tally(at, counted);
    // Of an image that was not read, nothing was counted.
    let count = |count: u32| if is_read { Cell::Int(i64::from(count)) } else { Cell::Null };
    let blobs = tally.missing_layers + tally.missing_config;
    let is_confirmed =
        document.verdict == Some(ImageVerdict::Incomplete) && blobs > 0 && blobs == tally.confirmed;
    let has_subject = document.subject != NONE;
    let [account_id, region, repository] = place_cells(place);
    vec![
        account_id,
        region,
        repository,
        graph.digest_cell(at),
        Cell::List(graph.tags.of(document.tags).map(Cow::Borrowed).collect()),
        kind(graph, at),
        Cell::text(graph.word_of(document.media_type)),
        Cell::text(graph.word_of(document.artifact_type)),
        Cell::text(graph.word_of(document.status)),
        time(document.pushed_ms),
        time(document.pulled_ms),
        verdict_cell(document.verdict),
        Cell::text(graph.code_of(document)),
        Cell::text(reasons::reason(graph, at, &tally)),
        if is_confirmed { Cell::Bool(true) } else { Cell::Null },
        count(platforms(graph, at)),
        count(children(graph, at)),
        count(layers(graph, at)),
        if document.size < 0 { Cell::Null } else { Cell::Int(document.size) },
        count(tally.missing()),
        count(tally.archived),
        count(tally.undecided()),
        count(tally.extras_incomplete),
        count(tally.external),
        if has_subject { graph.digest_cell(document.subject) } else { Cell::Null },
        if has_subject { Cell::Bool(graph.document(document.subject).is(fact::LISTED)) } else { Cell::Null },
        Cell::Int(i64::from(document.parents)),
    ]
}

/// Returns the kind of a document; of one that was not read, what its media type tells.
pub(super) fn kind(graph: &Graph, at: u32) -> Cell<'static> {
    let document = graph.document(at);
    if document.reading == Reading::Read {
        return Cell::Word(document.kind as u8);
    }
    match KnownType::of(graph.word_of(document.media_type)).and_then(KnownType::family) {
        Some(Family::Index) => Cell::Word(DocumentKind::Index as u8),
        Some(Family::Schema1) => Cell::Word(DocumentKind::Schema1 as u8),
        Some(Family::Blobs) => Cell::Word(DocumentKind::Artifact as u8),
        Some(Family::Image) | None => Cell::Null,
    }
}

/// Returns the number of platforms: of an index that of its children which are neither attestations nor
/// artifacts, and one for an image.
fn platforms(graph: &Graph, at: u32) -> u32 {
    match graph.document(at).kind {
        DocumentKind::Attestation | DocumentKind::Artifact => 0,
        DocumentKind::Image | DocumentKind::Schema1 => 1,
        DocumentKind::Index | DocumentKind::Unknown => {
            graph.all_children(at).filter(|child| !graph.is_extra(**child)).count() as u32
        }
    }
}

/// Returns the number of different documents that an index lists.
pub(super) fn children(graph: &Graph, at: u32) -> u32 {
    graph.all_children(at).filter(|child| child.flags & flag::REPEATED == 0).count() as u32
}

/// Returns the number of different layers.
pub(super) fn layers(graph: &Graph, at: u32) -> u32 {
    let parts = graph.refs_of(graph.document(at)).iter().map(|reference| graph.blobs.part(*reference));
    parts.filter(|part| part.flags & flag::LAYER != 0).count() as u32
}

fn time(milliseconds: i64) -> Cell<'static> {
    if milliseconds == NO_TIME { Cell::Null } else { Cell::Time(milliseconds) }
}
