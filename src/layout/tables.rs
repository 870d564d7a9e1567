//! The tables of a layout: images, platforms, blobs, and the rows that `plan` and `check` make of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::model::{Document, Layout, Part, State, Target};
use super::rows::Places;
use crate::digest::{Digest, Text};
use crate::manifest::{self, Role};
use crate::memory::{self, OutOfMemory};
use crate::table::records::{Cell, Column, Kind, Records};

/// Lines of a block.
const BLOCK: usize = 1_024;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// A row for each document at the top.
    Images,
    /// A row for each manifest of an image, an artifact or an attestation.
    Platforms,
    /// A row for each config and layer.
    Blobs,
    /// A row for each row that `plan` and `check` make of the layout.
    Rows,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Images, Self::Platforms, Self::Blobs, Self::Rows];

    /// Returns the table's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Platforms => "platforms",
            Self::Blobs => "blobs",
            Self::Rows => "rows",
        }
    }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Int }
}

const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Bool }
}

const IMAGES: [Column; 10] = [
    Column { name: "names", kind: Kind::List },
    text("digest"),
    text("kind"),
    text("media_type"),
    text("state"),
    integer("platforms"),
    integer("blobs"),
    integer("size"),
    integer("lacking"),
    integer("damaged"),
];

const PLATFORMS: [Column; 14] = [
    text("image"),
    text("image_digest"),
    text("digest"),
    text("os"),
    text("architecture"),
    text("variant"),
    text("os_version"),
    text("kind"),
    text("media_type"),
    text("state"),
    integer("layers"),
    integer("size"),
    integer("lacking"),
    integer("damaged"),
];

const BLOBS: [Column; 8] = [
    text("digest"),
    text("role"),
    integer("size"),
    text("media_type"),
    text("state"),
    integer("images"),
    flag("foreign"),
    flag("unpacked"),
];

const ROWS: [Column; 10] = [
    integer("row"),
    text("digest"),
    text("image"),
    text("platform"),
    text("kind"),
    text("role"),
    integer("layer"),
    integer("size"),
    text("media_type"),
    text("state"),
];

/// What the parts of one image or platform come to. A blob counts once.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    platforms: usize,
    blobs: usize,
    size: u64,
    lacking: usize,
    damaged: usize,
}

impl Sum {
    fn state(&mut self, state: State) {
        self.lacking += usize::from(state == State::Lacking);
        self.damaged += usize::from(matches!(state, State::Damaged | State::Unreadable));
    }

    fn of(layout: &Layout, documents: &[u32]) -> Self {
        let mut sum = Self::default();
        let mut seen = HashSet::new();
        for &number in documents {
            let document = &layout.documents[number as usize];
            sum.state(document.state);
            sum.damaged += document.unusable as usize;
            sum.platforms +=
                usize::from(matches!(document.kind, manifest::Kind::Image | manifest::Kind::Schema1));
            for part in &document.parts {
                if let Target::Blob(blob) = part.target
                    && seen.insert(blob)
                {
                    let blob = &layout.blobs[blob as usize];
                    sum.blobs += 1;
                    sum.size = sum.size.saturating_add(blob.size.unwrap_or_default());
                    if !blob.is_foreign {
                        sum.state(blob.state);
                    }
                }
            }
        }
        sum
    }
}

/// One table of a layout.
#[derive(Debug)]
pub struct LayoutTable {
    layout: Arc<Layout>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Images(Vec<Sum>),
    /// Number of the image and of the document.
    Platforms(Vec<(u32, u32, Sum)>),
    /// How many images need each blob.
    Blobs(Vec<u32>),
    Rows(Places),
}

impl LayoutTable {
    /// Makes a table.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(layout: Arc<Layout>, which: Which) -> Result<Self, OutOfMemory> {
        let content = match which {
            Which::Images => {
                let sums = layout.images.iter().map(|image| Sum::of(&layout, &layout.below(image.document)));
                Content::Images(sums.collect())
            }
            Which::Platforms => Content::Platforms(platforms(&layout)?),
            Which::Blobs => Content::Blobs(images_of_blobs(&layout)),
            Which::Rows => Content::Rows(Places::of(&layout)),
        };
        Ok(Self { layout, content })
    }
}

fn platforms(layout: &Layout) -> Result<Vec<(u32, u32, Sum)>, OutOfMemory> {
    let mut rows = Vec::new();
    for (number, image) in layout.images.iter().enumerate() {
        for document in layout.below(image.document) {
            if layout.documents[document as usize].kind != manifest::Kind::Index {
                memory::push(&mut rows, (number as u32, document, Sum::of(layout, &[document])))?;
            }
        }
    }
    Ok(rows)
}

fn images_of_blobs(layout: &Layout) -> Vec<u32> {
    let mut counts = vec![0; layout.blobs.len()];
    // The last image that was counted for each blob.
    let mut last = vec![u32::MAX; layout.blobs.len()];
    for (number, image) in layout.images.iter().enumerate() {
        for document in layout.below(image.document) {
            for part in &layout.documents[document as usize].parts {
                if let Target::Blob(blob) = part.target
                    && last[blob as usize] != number as u32
                {
                    last[blob as usize] = number as u32;
                    counts[blob as usize] += 1;
                }
            }
        }
    }
    counts
}

fn digest(digest: Option<Digest>) -> Cell<'static> {
    digest.map_or(Cell::Null, |digest| Cell::Digest(Text::of(&digest)))
}

/// Returns a number; null if there is none, or if it has more than 63 bits.
fn number(number: Option<u64>) -> Cell<'static> {
    number.and_then(|number| i64::try_from(number).ok()).map_or(Cell::Null, Cell::Int)
}

const fn count(count: usize) -> Cell<'static> {
    Cell::Int(count as i64)
}

/// Returns the number of layers that a document names.
fn layers(document: &Document) -> usize {
    document.parts.iter().filter(|part| part.role == Role::Layer).count()
}

impl LayoutTable {
    /// Returns the cells of one line.
    fn line(&self, at: usize) -> Vec<Cell<'_>> {
        let layout = &*self.layout;
        match &self.content {
            Content::Images(sums) => {
                let (image, sum) = (&layout.images[at], sums[at]);
                let document = &layout.documents[image.document as usize];
                vec![
                    Cell::List(image.names.iter().map(Cow::from).collect()),
                    digest(document.digest),
                    Cell::text(document.kind.name()),
                    Cell::text(layout.media_type(document.media_type)),
                    Cell::text(document.state.name()),
                    count(sum.platforms),
                    count(sum.blobs),
                    number(Some(sum.size)),
                    count(sum.lacking),
                    count(sum.damaged),
                ]
            }
            Content::Platforms(rows) => {
                let (image, document, sum) = &rows[at];
                let document = &layout.documents[*document as usize];
                let image = &layout.images[*image as usize];
                let platform = document.platform.as_deref();
                let word = |word: Option<&Cow<'static, str>>| {
                    word.map_or(Cell::Null, |word| Cell::text(word.clone()))
                };
                vec![
                    image.names.first().map_or(Cell::Null, Cell::text),
                    digest(layout.documents[image.document as usize].digest),
                    digest(document.digest),
                    word(platform.map(|platform| &platform.os)),
                    word(platform.map(|platform| &platform.architecture)),
                    word(platform.map(|platform| &platform.variant)),
                    word(platform.map(|platform| &platform.os_version)),
                    Cell::text(document.kind.name()),
                    Cell::text(layout.media_type(document.media_type)),
                    Cell::text(document.state.name()),
                    count(layers(document)),
                    number(Some(sum.size)),
                    count(sum.lacking),
                    count(sum.damaged),
                ]
            }
            Content::Blobs(counts) => {
                let blob = &layout.blobs[at];
                let role = match (blob.is_config, blob.is_layer) {
                    (true, true) => "both",
                    (true, false) => Role::Config.name(),
                    _ => Role::Layer.name(),
                };
                vec![
                    digest(Some(blob.digest)),
                    Cell::text(role),
                    number(blob.size),
                    Cell::text(layout.media_type(blob.media_type)),
                    Cell::text(blob.state.name()),
                    count(counts[at] as usize),
                    Cell::Bool(blob.is_foreign),
                    Cell::Bool(blob.is_unpacked),
                ]
            }
            Content::Rows(places) => {
                let place = places.get(at);
                let document = &layout.documents[place.document as usize];
                let part: Part = document.parts[place.part as usize];
                let blob = match part.target {
                    Target::Blob(blob) => Some(&layout.blobs[blob as usize]),
                    Target::Unusable(_) => None,
                };
                let platform = document.platform.as_deref().map(|platform| Cow::Owned(platform.to_string()));
                vec![
                    count(at),
                    digest(blob.map(|blob| blob.digest)),
                    Cell::Text(Cow::Owned(places.image(layout, place))),
                    platform.map_or(Cell::Null, Cell::Text),
                    Cell::text(document.kind.name()),
                    Cell::text(part.role.name()),
                    place.layer.map_or(Cell::Null, |layer| Cell::Int(layer.into())),
                    number(blob.and_then(|blob| blob.size)),
                    blob.map_or(Cell::Null, |blob| Cell::text(layout.media_type(blob.media_type))),
                    blob.map_or(Cell::Null, |blob| Cell::text(blob.state.name())),
                ]
            }
        }
    }
}

impl Records for LayoutTable {
    fn columns(&self) -> &'static [Column] {
        match self.content {
            Content::Images(_) => &IMAGES,
            Content::Platforms(_) => &PLATFORMS,
            Content::Blobs(_) => &BLOBS,
            Content::Rows(_) => &ROWS,
        }
    }

    fn len(&self) -> usize {
        match &self.content {
            Content::Images(sums) => sums.len(),
            Content::Platforms(rows) => rows.len(),
            Content::Blobs(counts) => counts.len(),
            Content::Rows(places) => places.len(),
        }
    }

    fn blocks(&self) -> usize {
        self.len().div_ceil(BLOCK)
    }

    fn block_before(&self, line: usize) -> (usize, usize) {
        (line / BLOCK, line / BLOCK * BLOCK)
    }

    fn lines(
        &self,
        blocks: Range<usize>,
        take: &mut dyn FnMut(&[Cell<'_>]) -> bool,
    ) -> Result<(), OutOfMemory> {
        let end = blocks.end.saturating_mul(BLOCK).min(self.len());
        (blocks.start.saturating_mul(BLOCK)..end).all(|at| take(&self.line(at)));
        Ok(())
    }
}
