//! The tables of a repository: its images, their platforms, and the blobs that are not there.
//!
//! A table shares the graph and locks it for a block of lines at a time, so that its lines are those of the
//! last judgement. A program that judges again makes new tables.

mod images;
mod layers;
mod platforms;
mod reasons;
pub mod repositories;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Graph;
use super::graph::Document;
use super::judge::Counted;
use super::verdict::{Code, ImageVerdict};
use crate::digest::Text;
use crate::manifest::Kind as DocumentKind;
use crate::memory::OutOfMemory;
use crate::table::records::{Cell, Column, Kind, Records};
use layers::Need;

/// Where a repository is: the first columns of each table.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// `account_id`; empty if unknown.
    pub account_id: String,
    /// `region`; empty if unknown.
    pub region: String,
    /// `repository`.
    pub repository: String,
}

/// Images of which the lines are made in one block.
const BLOCK: usize = 1_024;

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// The words of [`DocumentKind`], in the order of their codes.
const KINDS: &[&str] = &[
    DocumentKind::Image.name(),
    DocumentKind::Index.name(),
    DocumentKind::Attestation.name(),
    DocumentKind::Artifact.name(),
    DocumentKind::Schema1.name(),
    DocumentKind::Unknown.name(),
];

/// A table of a graph.
#[derive(Debug)]
pub struct GraphTable {
    graph: Arc<Mutex<Graph>>,
    place: Place,
    which: Which,
    len: usize,
    blocks: usize,
}

#[derive(Debug)]
enum Which {
    Images,
    Platforms,
    Layers(Vec<Need>),
}

impl GraphTable {
    /// Makes the table with a line for each listed image.
    #[must_use]
    pub fn images(graph: Arc<Mutex<Graph>>, place: Place) -> Self {
        let len = lock(&graph).len();
        Self { graph, place, which: Which::Images, len, blocks: len.div_ceil(BLOCK) }
    }

    /// Makes the table with a line for each child of each index, and for each other image that is not such a
    /// child, or has a tag of its own.
    #[must_use]
    pub fn platforms(graph: Arc<Mutex<Graph>>, place: Place) -> Self {
        let (len, blocks) = {
            let graph = lock(&graph);
            let lines = graph.listed.iter().map(|at| platforms::lines_of(&graph, *at));
            (lines.sum(), graph.len().div_ceil(BLOCK))
        };
        Self { graph, place, which: Which::Platforms, len, blocks }
    }

    /// Makes the table with a line for each blob that an active image needs and that is not available, or has
    /// another size than a manifest says. With `all`, there is a line for every blob that an active image names.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn layers(graph: Arc<Mutex<Graph>>, place: Place, all: bool) -> Result<Self, OutOfMemory> {
        let needs = layers::needs(&lock(&graph), all)?;
        let len = needs.len();
        Ok(Self { graph, place, which: Which::Layers(needs), len, blocks: len.div_ceil(BLOCK) })
    }

    /// Returns the line of one listed image in the table of images; None beyond the last.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn line_of(&self, image: usize) -> Result<Option<Vec<Cell<'static>>>, OutOfMemory> {
        let graph = lock(&self.graph);
        let mut counted = Counted::of(&graph)?;
        let line = graph.listed.get(image).map(|at| images::line(&graph, *at, &mut counted, &self.place));
        Ok(line.map(|cells| cells.into_iter().map(Cell::into_owned).collect()))
    }

    /// Returns the lines of listed images at these places.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn lines_of(&self, places: &[usize]) -> Result<Vec<Vec<Cell<'static>>>, OutOfMemory> {
        let graph = lock(&self.graph);
        let mut counted = Counted::of(&graph)?;
        let listed = places.iter().filter_map(|place| graph.listed.get(*place));
        let lines = listed.map(|at| images::line(&graph, *at, &mut counted, &self.place));
        Ok(lines.map(|cells| cells.into_iter().map(Cell::into_owned).collect()).collect())
    }

    fn make(
        &self,
        graph: &Graph,
        units: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory> {
        let place = &self.place;
        match &self.which {
            Which::Images => {
                let mut counted = Counted::of(graph)?;
                graph.listed[units].iter().all(|at| take(&images::line(graph, *at, &mut counted, place)))
            }
            Which::Platforms => {
                let mut counted = Counted::of(graph)?;
                graph.listed[units].iter().all(|at| platforms::each(graph, *at, &mut counted, place, take))
            }
            Which::Layers(needs) => needs[units].iter().all(|need| take(&layers::line(graph, need, place))),
        };
        Ok(())
    }
}

impl Records for GraphTable {
    fn columns(&self) -> &'static [Column] {
        match self.which {
            Which::Images => images::COLUMNS,
            Which::Platforms => platforms::COLUMNS,
            Which::Layers(_) => layers::COLUMNS,
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn blocks(&self) -> usize {
        self.blocks
    }

    fn block_before(&self, line: usize) -> (usize, usize) {
        match self.which {
            Which::Images | Which::Layers(_) => (line / BLOCK, line / BLOCK * BLOCK),
            Which::Platforms => (0, 0), // an image has any number of them
        }
    }

    fn lines(
        &self,
        blocks: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory> {
        let graph = lock(&self.graph);
        let units = match &self.which {
            Which::Layers(needs) => needs.len(),
            Which::Images | Which::Platforms => graph.len(),
        };
        let end = (blocks.end.saturating_mul(BLOCK)).min(units);
        self.make(&graph, (blocks.start * BLOCK).min(end)..end, take)
    }
}

fn lock(graph: &Mutex<Graph>) -> MutexGuard<'_, Graph> {
    graph.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Graph {
    fn digest_cell(&self, document: u32) -> Cell<'static> {
        Cell::Digest(Text::of(self.digest(document)))
    }

    /// Returns the word of a code, also of one that came with a failure.
    fn code_of<'a>(&'a self, document: &'a Document) -> &'a str {
        match document.code {
            Code::Noted => self.notes.get(document.note).map_or("", |(code, _)| code),
            code => code.name(),
        }
    }
}

fn place_cells(place: &Place) -> [Cell<'_>; 3] {
    [&place.account_id, &place.region, &place.repository].map(|text| Cell::text(text.as_str()))
}

fn verdict_cell(verdict: Option<ImageVerdict>) -> Cell<'static> {
    Cell::Word(verdict.unwrap_or(ImageVerdict::NotChecked) as u8)
}
