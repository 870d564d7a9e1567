//! The tables of a layout: images, platforms, blobs, and the rows that `plan` and `check` make of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::model::{Document, Layout, Part, State, Target};
use super::rows::Places;
use crate::digest::Digest;
use crate::manifest::{Kind, Role};
use crate::table::rows::{Column, ColumnKind, Rows, Value};

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
    Column::new(name, ColumnKind::Text)
}

const fn integer(name: &'static str) -> Column {
    Column::new(name, ColumnKind::Integer)
}

const fn flag(name: &'static str) -> Column {
    Column::new(name, ColumnKind::Flag)
}

const IMAGES: [Column; 10] = [
    Column::new("names", ColumnKind::Texts),
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
            sum.platforms += usize::from(matches!(document.kind, Kind::Image | Kind::Schema1));
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
    #[must_use]
    pub fn new(layout: Arc<Layout>, which: Which) -> Self {
        let content = match which {
            Which::Images => {
                let sums = layout.images.iter().map(|image| Sum::of(&layout, &layout.below(image.document)));
                Content::Images(sums.collect())
            }
            Which::Platforms => Content::Platforms(platforms(&layout)),
            Which::Blobs => Content::Blobs(images_of_blobs(&layout)),
            Which::Rows => Content::Rows(Places::of(&layout)),
        };
        Self { layout, content }
    }
}

fn platforms(layout: &Layout) -> Vec<(u32, u32, Sum)> {
    let mut rows = Vec::new();
    for (number, image) in layout.images.iter().enumerate() {
        for document in layout.below(image.document) {
            if layout.documents[document as usize].kind != Kind::Index {
                rows.push((number as u32, document, Sum::of(layout, &[document])));
            }
        }
    }
    rows
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

fn digest(digest: Option<Digest>) -> Value<'static> {
    digest.map_or(Value::Null, |digest| Value::Text(Cow::Owned(digest.to_string())))
}

/// Returns the number of layers that a document names.
fn layers(document: &Document) -> usize {
    document.parts.iter().filter(|part| part.role == Role::Layer).count()
}

impl Rows for LayoutTable {
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

    fn row<'a>(&'a self, at: usize, values: &mut Vec<Value<'a>>) {
        let layout = &*self.layout;
        match &self.content {
            Content::Images(sums) => {
                let (image, sum) = (&layout.images[at], sums[at]);
                let document = &layout.documents[image.document as usize];
                values.extend([
                    Value::Texts(&image.names),
                    digest(document.digest),
                    Value::text(document.kind.name()),
                    Value::text(layout.media_type(document.media_type)),
                    Value::text(document.state.name()),
                    Value::count(sum.platforms),
                    Value::count(sum.blobs),
                    Value::number(Some(sum.size)),
                    Value::count(sum.lacking),
                    Value::count(sum.damaged),
                ]);
            }
            Content::Platforms(rows) => {
                let (image, number, sum) = &rows[at];
                let document = &layout.documents[*number as usize];
                let image = &layout.images[*image as usize];
                let platform = document.platform.as_deref();
                let word =
                    |word: Option<&'a Cow<'static, str>>| word.map_or(Value::Null, |word| Value::text(word));
                values.extend([
                    image.names.first().map_or(Value::Null, |name| Value::text(name)),
                    digest(layout.documents[image.document as usize].digest),
                    digest(document.digest),
                    word(platform.map(|platform| &platform.os)),
                    word(platform.map(|platform| &platform.architecture)),
                    word(platform.map(|platform| &platform.variant)),
                    word(platform.map(|platform| &platform.os_version)),
                    Value::text(document.kind.name()),
                    Value::text(layout.media_type(document.media_type)),
                    Value::text(document.state.name()),
                    Value::count(layers(document)),
                    Value::number(Some(sum.size)),
                    Value::count(sum.lacking),
                    Value::count(sum.damaged),
                ]);
            }
            Content::Blobs(counts) => {
                let blob = &layout.blobs[at];
                let role = match (blob.is_config, blob.is_layer) {
                    (true, true) => "both",
                    (true, false) => Role::Config.name(),
                    _ => Role::Layer.name(),
                };
                values.extend([
                    digest(Some(blob.digest)),
                    Value::text(role),
                    Value::number(blob.size),
                    Value::text(layout.media_type(blob.media_type)),
                    Value::text(blob.state.name()),
                    Value::count(counts[at] as usize),
                    Value::Flag(blob.is_foreign),
                    Value::Flag(blob.is_unpacked),
                ]);
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
                values.extend([
                    Value::count(at),
                    digest(blob.map(|blob| blob.digest)),
                    Value::Text(Cow::Owned(places.image(layout, place))),
                    platform.map_or(Value::Null, Value::Text),
                    Value::text(document.kind.name()),
                    Value::text(part.role.name()),
                    place.layer.map_or(Value::Null, |layer| Value::Integer(layer.into())),
                    Value::number(blob.and_then(|blob| blob.size)),
                    blob.map_or(Value::Null, |blob| Value::text(layout.media_type(blob.media_type))),
                    blob.map_or(Value::Null, |blob| Value::text(blob.state.name())),
                ]);
            }
        }
    }
}
