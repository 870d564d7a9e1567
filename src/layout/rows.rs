//! The configs and layers of a layout as rows of a plan, each with its place: image, platform, role.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::model::{Form, Layout, State, Target};
use super::walk::place_of;
use crate::manifest::{Kind, Role};
use crate::plan::planner::Planner;

/// Where one row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the document.
    pub document: u32,
    /// Number of the part in the document.
    pub part: u32,
    /// Number of the layer in the document, from 1; None for a config.
    pub layer: Option<u32>,
}

/// The places of all rows, in order: each document once, with its config and its layers.
///
/// Layers that are not to be distributed are not rows, because a registry need not have them.
#[derive(Clone, Debug, Default)]
pub struct Places {
    rows: Vec<Place>,
    /// The image that leads to each document.
    images: HashMap<u32, u32>,
}

impl Places {
    /// Finds the rows of a layout.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        let mut places = Self::default();
        for (number, image) in layout.images.iter().enumerate() {
            let mut open = vec![image.document];
            while let Some(document) = open.pop() {
                if places.images.contains_key(&document) {
                    continue;
                }
                places.images.insert(document, number as u32);
                places.document(layout, document);
                open.extend(layout.documents[document as usize].children.iter().rev());
            }
        }
        places
    }

    fn document(&mut self, layout: &Layout, document: u32) {
        let mut layers = 0;
        for (part, role, target) in layout.documents[document as usize]
            .parts
            .iter()
            .enumerate()
            .map(|(number, part)| (number as u32, part.role, part.target))
        {
            layers += u32::from(role == Role::Layer);
            let is_foreign = matches!(target, Target::Blob(blob) if layout.blobs[blob as usize].is_foreign);
            if !is_foreign {
                let layer = (role == Role::Layer).then_some(layers);
                self.rows.push(Place { document, part, layer });
            }
        }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the place of row `at`.
    #[must_use]
    pub fn get(&self, at: usize) -> Place {
        self.rows[at]
    }

    /// Returns the name of the image of a row, or else its digest.
    #[must_use]
    pub fn image(&self, layout: &Layout, place: Place) -> String {
        let image = self.images.get(&place.document).map(|image| &layout.images[*image as usize]);
        let name = image.and_then(|image| image.names.first()).cloned();
        let digest = || image.and_then(|image| layout.documents[image.document as usize].digest);
        name.or_else(|| digest().map(|digest| digest.to_string())).unwrap_or_else(|| "image".to_owned())
    }
}

/// Why a layout has no rows, or none that mean anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRows {
    /// Only manifests are named, and these are elsewhere.
    IndexAlone(usize),
    /// The layers are compressed when they are pushed.
    Unpacked(usize),
    /// The documents are not there, so nobody knows the layers.
    Lacking(usize),
    /// The documents cannot be read: how many, and what is wrong with the first.
    Broken(usize, String),
}

impl fmt::Display for NoRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexAlone(count) => write!(
                f,
                "the index names {count} manifests and no layers: give these manifests, or a layout that holds \
                 them, written by: skopeo copy --all docker://IMAGE oci:FOLDER"
            ),
            Self::Unpacked(count) => write!(
                f,
                "{count} layers are plain tars, which are compressed when they are pushed, so their digests in a \
                 registry are not known; write the image by: docker buildx build -o type=oci, or skopeo copy \
                 docker-archive:FILE oci-archive:FILE"
            ),
            Self::Lacking(count) => write!(
                f,
                "{} named and not in the layout, so the layers are not known; copy the whole image, with: skopeo \
                 copy --all docker://IMAGE oci:FOLDER",
                plural(*count, "manifest is", "manifests are")
            ),
            Self::Broken(count, problem) => write!(
                f,
                "{problem}; so the layers of {} not known; write the layout again",
                plural(*count, "manifest are", "manifests are")
            ),
        }
    }
}

/// Gives the configs and layers of a layout to a planner.
///
/// Returns notes for people, each a part of a sentence that goes on with "of" and the name of the source.
///
/// # Errors
/// [`NoRows`], if the layout has no rows, or rows with other digests than in a registry.
pub fn plan(layout: &Layout, planner: &mut Planner) -> Result<Vec<String>, NoRows> {
    let without_manifest = layout.documents.iter().any(|document| document.digest.is_none());
    let unpacked = layout.blobs.iter().filter(|blob| blob.is_unpacked).count();
    if without_manifest && unpacked > 0 {
        return Err(NoRows::Unpacked(unpacked));
    }
    let places = Places::of(layout);
    let elsewhere = layout
        .documents
        .iter()
        .filter(|document| document.kind == Kind::Unknown && document.parts.is_empty());
    let elsewhere = elsewhere.count();
    if places.is_empty() && elsewhere > 0 {
        let is_alone = layout.form == Form::Document;
        let broken: HashSet<String> = layout
            .documents
            .iter()
            .filter(|document| matches!(document.state, State::Unreadable | State::Damaged))
            .filter_map(|document| document.digest.map(|digest| place_of(&digest)))
            .collect();
        let broken = layout.problems.iter().find(|problem| broken.contains(&problem.place));
        return Err(match broken {
            _ if is_alone => NoRows::IndexAlone(elsewhere),
            Some(problem) => NoRows::Broken(elsewhere, problem.to_string()),
            None => NoRows::Lacking(elsewhere),
        });
    }
    for &place in &places.rows {
        let document = &layout.documents[place.document as usize];
        match document.parts[place.part as usize].target {
            Target::Blob(blob) => planner.raw(&[layout.blobs[blob as usize].digest]),
            Target::Unusable(text) => {
                planner.name_file(&shown(layout, &places, place));
                planner.strict_row(layout.unusable[text as usize].as_bytes());
            }
        }
    }
    Ok(notes(layout, &places, unpacked, elsewhere))
}

/// Writes where a row comes from: `app:v1 linux/arm64, layer 3`.
fn shown(layout: &Layout, places: &Places, place: Place) -> String {
    let document = &layout.documents[place.document as usize];
    let platform = document.platform.as_ref().map_or_else(String::new, |platform| format!(" {platform}"));
    let role = place.layer.map_or_else(|| Role::Config.name().to_owned(), |layer| format!("layer {layer}"));
    format!("{}{platform}, {role}", places.image(layout, place))
}

/// Returns a number and its word.
fn plural(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn notes(layout: &Layout, places: &Places, unpacked: usize, elsewhere: usize) -> Vec<String> {
    let images = layout.images.len();
    let mut notes = vec![format!("configs and layers of {}", plural(images, "image", "images"))];
    let foreign = layout.blobs.iter().filter(|blob| blob.is_foreign).count();
    if foreign > 0 {
        notes.push(format!("without {foreign} layers that are not to be distributed"));
    }
    if unpacked > 0 && !places.is_empty() {
        notes.push(format!("with {unpacked} plain layers, which docker push would compress and so rename,"));
    }
    if elsewhere > 0 && layout.form != Form::Document {
        let manifests = plural(elsewhere, "manifest", "manifests");
        notes.push(format!("without the layers of {manifests} that are not in it, or not readable,"));
    }
    notes
}
