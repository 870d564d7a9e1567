//! Reads OCI image layouts and archives of images: what they hold, and what they lack.
//!
//! The interface: [`read_path`] takes a folder or a file, [`read_stream`] any reader, such as standard input;
//! both give a [`Layout`]: [`Image`]s (documents at the top, with names), [`Document`]s, [`Blob`]s and the
//! [`Problem`]s of single parts. [`Options`] say whether blobs are hashed, whether documents keep their
//! content (for a registry), and where else blobs lie. [`rows::plan`] gives configs and layers to a planner,
//! and [`tables::LayoutTable`] are its tables.
//!
//! ```
//! use layercheck::layout::{Options, read_stream};
//!
//! let document = br#"{"layers": [{"digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}"#;
//! let mut check = || Ok(());
//! let mut options = Options { blobs: None, verify: None, keep_content: false, check: &mut check };
//! let layout = read_stream(&document[..], &mut options).unwrap();
//! assert_eq!((layout.images.len(), layout.blobs.len()), (1, 1));
//! ```
//!
//! Nothing is unpacked to disk. An archive is read once, from front to back: each file is hashed and sized on
//! the way, and only what may be a document is kept, up to [`MAX_KEPT`] bytes. So archives may come from a
//! pipe, and `manifest.json` and `index.json` may stand last. Compression and kind of the source are told by
//! the content, never by the name.
//!
//! The reader is lenient where a layout is: documents and blobs may be lacking, unknown files lie beside, and
//! one bad part harms no other. It is an error if the source is not a layout or an archive of images at all,
//! if an archive is cut or broken, and beyond a limit.
//!
//! Sources: the OCI image specification (`image-layout.md`), Docker's image specification 1.0 to 1.3
//! (`docker save`), POSIX and GNU tar.

mod archive;
mod docker;
mod error;
mod folder;
mod model;
mod names;
pub mod pickled;
pub mod rows;
mod source;
mod store;
pub mod tables;
mod tar;
mod walk;

use std::borrow::Cow;

pub use error::LayoutError;
pub use model::{Blob, Document, Form, Image, Layout, Part, Problem, ProblemKind, State, Target};
pub use source::{Guess, guess, read_file, read_path, read_stream};
pub use store::{Content, Options};

/// Most levels of indexes below `index.json`. Real indexes nest once or twice.
pub const MAX_DEPTH: usize = 8;

/// Most documents of a layout, so that a hostile layout cannot cause unbounded work.
pub const MAX_DOCUMENTS: usize = 1_000_000;

/// Most times that the images of a layout may name documents and blobs, all together, also through indexes that
/// they share. A table may have a line for each.
pub const MAX_NAMED: usize = 20_000_000;

/// Most bytes of documents that are kept while an archive is read.
pub const MAX_KEPT: usize = 512 << 20;

/// Most problems that a layout keeps. More are counted.
pub const MAX_PROBLEMS: usize = 1_000;

/// Collects problems up to the limit.
#[derive(Default)]
pub(in crate::layout) struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: Problem) {
        if self.kept.len() >= MAX_PROBLEMS {
            self.more += 1;
        } else if !self.kept.contains(&problem) {
            self.kept.push(problem);
        }
    }

    fn append(&mut self, others: Self) {
        others.kept.into_iter().for_each(|problem| self.add(problem));
        self.more += others.more;
    }

    fn finish(self) -> (Vec<Problem>, usize) {
        (self.kept, self.more)
    }
}

/// Returns at most so many characters of a text.
fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}
