//! The table of layers: a line for each blob that is not as the manifests need it.

use super::super::Graph;
use super::super::blobs::{Part, State};
use super::super::graph::{NONE, Reading};
use super::super::parts::{NO_SIZE, flag};
use super::{Place, column, place_cells};
use crate::digest::Text;
use crate::memory::{self, OutOfMemory};
use crate::table::records::{Cell, Column, Kind};
use crate::verdict::Verdict;

const ROLES: &[&str] = &["config", "layer", "both"];

/// The words of [`Verdict`], in the order of their codes.
const VERDICTS: &[&str] = &[
    Verdict::NotChecked.name(),
    Verdict::Available.name(),
    Verdict::Unavailable.name(),
    Verdict::Archived.name(),
    Verdict::Refused.name(),
    Verdict::Other.name(),
    Verdict::Invalid.name(),
    Verdict::Unanswered.name(),
];

pub(super) const COLUMNS: &[Column] = &[
    column("account_id", Kind::Text),
    column("region", Kind::Text),
    column("repository", Kind::Text),
    column("digest", Kind::Text),
    column("role", Kind::Word(ROLES)),
    column("size", Kind::Int),
    column("media_type", Kind::Text),
    column("verdict", Kind::Word(VERDICTS)),
    column("code", Kind::Text),
    column("confirmed", Kind::Bool),
    column("images", Kind::Int),
    column("tagged_images", Kind::Int),
    column("first_image", Kind::Text),
    column("first_tag", Kind::Text),
];

/// Who needs a blob.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    blob: u32,
    /// Active images that name it.
    images: u32,
    /// Those of them that have a tag, or that an index with a tag leads to.
    tagged: u32,
    /// The first of them, and the first of them with a tag, or [`NONE`].
    first: u32,
    first_tagged: u32,
    /// What all descriptors say together.
    flags: u8,
    has_wrong_size: bool,
}

/// Finds the blobs that are findings, or with `all` every blob that an active image names.
pub(super) fn needs(graph: &Graph, all: bool) -> Result<Vec<Need>, OutOfMemory> {
    let mut needs: Vec<Need> = Vec::new();
    let mut places = memory::filled(NONE, graph.blobs.len())?;
    for at in &graph.listed {
        let document = graph.document(*at);
        if !document.is_active() || document.reading != Reading::Read {
            continue;
        }
        let is_tagged = document.tags.count > 0 || document.tagged_by != NONE;
        for reference in graph.refs_of(document) {
            let part = graph.blobs.part(*reference);
            let has_wrong_size = graph.has_wrong_size(&part);
            let is_finding = has_wrong_size || graph.blobs.state(part.blob) != State::Available;
            let is_wanted = all || is_finding && graph.is_needed(&part);
            if !is_wanted {
                continue;
            }
            let place = &mut places[part.blob as usize];
            if *place == NONE {
                *place = needs.len() as u32;
                let new = Need {
                    blob: part.blob,
                    images: 0,
                    tagged: 0,
                    first: *at,
                    first_tagged: NONE,
                    flags: 0,
                    has_wrong_size: false,
                };
                memory::push(&mut needs, new)?;
            }
            let need = &mut needs[*place as usize];
            need.images += 1;
            need.tagged += u32::from(is_tagged);
            if is_tagged && need.first_tagged == NONE {
                need.first_tagged = *at;
            }
            need.flags |= part.flags;
            need.has_wrong_size |= has_wrong_size;
        }
    }
    needs.sort_unstable_by_key(|need| need.blob);
    Ok(needs)
}

pub(super) fn line<'a>(graph: &'a Graph, need: &Need, place: &'a Place) -> Vec<Cell<'a>> {
    let part = graph.blobs.part(need.blob);
    let (verdict, code) = graph.blobs.shown(need.blob);
    let code = if need.has_wrong_size { "SizeMismatch" } else { code };
    let role = match need.flags & (flag::CONFIG | flag::LAYER) {
        flag::CONFIG => 0,
        flag::LAYER => 1,
        _ => 2,
    };
    let size = if part.size == NO_SIZE { graph.blobs.known_size(need.blob) } else { part.size };
    let is_confirmed = graph.blobs.state(need.blob) == State::Missing && graph.blobs.is_confirmed(need.blob);
    let [account_id, region, repository] = place_cells(place);
    vec![
        account_id,
        region,
        repository,
        Cell::Digest(Text::of(graph.blobs.digest(need.blob))),
        Cell::Word(role),
        if size == NO_SIZE { Cell::Null } else { Cell::Int(size) },
        Cell::text(graph.word_of(part.media_type)),
        Cell::Word(verdict as u8),
        Cell::text(code),
        if is_confirmed { Cell::Bool(true) } else { Cell::Null },
        Cell::Int(i64::from(need.images)),
        Cell::Int(i64::from(need.tagged)),
        graph.digest_cell(need.first),
        Cell::text(graph.first_tag(need.first_tagged)),
    ]
}

impl Graph {
    /// Returns true unless the blob is a layer that is not to be distributed, or a child that is a listed image.
    fn is_needed(&self, part: &Part) -> bool {
        part.flags & flag::FOREIGN == 0
            && (part.flags & flag::CHILD == 0 || self.find_listed(self.blobs.digest(part.blob)).is_none())
    }

    /// Returns the first tag of an image, or of the index with a tag that leads to it; empty without an image.
    fn first_tag(&self, image: u32) -> &str {
        let Some(document) = self.documents.get(image as usize) else { return "" };
        let source = if document.tags.count > 0 {
            Some(document)
        } else {
            self.documents.get(document.tagged_by as usize)
        };
        source.and_then(|source| self.tags.of(source.tags).next()).unwrap_or_default()
    }
}
