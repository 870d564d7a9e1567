//! The images of one repository: what is listed, what the manifests need, and a verdict for each image.
//!
//! A [`Graph`] takes the pages of a listing, then the manifests, makes the [`Plan`](crate::plan::Plan) of their
//! blobs, takes the verdicts of the blobs and judges. There is no input or output here.
//!
//! An image costs some 130 bytes, a reference to a blob four, and a blob some 60 beside the columns of its
//! ledger. Texts that repeat (media types, platforms, reasons) are kept once.

mod blobs;
mod depths;
mod digest_index;
mod distribution;
mod graph;
mod judge;
mod listing;
mod missing;
mod parts;
mod platforms;
pub mod projection;
mod reading;
mod second_look;
pub mod tables;
mod tags;
mod tally;
mod verdict;

pub use distribution::Sharing;
pub use graph::Graph;
pub use judge::Circumstances;
pub use listing::{ListedImage, digest_of};
pub use platforms::PlatformFilter;
pub use reading::{ReadError, ReadManifest, to_hash};
pub use second_look::Suspects;
pub use verdict::{Code, ImageVerdict};

/// How deep indexes may stand in each other: an index of images has depth 1.
pub const MAX_DEPTH: u32 = 8;
