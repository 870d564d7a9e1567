//! What a journal keeps, as bytes: the plan, in parts, and the outcome of each call.
//!
//! This is the codec alone. Where the bytes are kept, and when, is the business of the package's
//! `journal` folder, which puts them into a database. Everything here reads hostile bytes: a wrong bit
//! anywhere is an error, and nothing is reserved on the word of a number that was read.

mod frame;
pub mod outcomes;
pub mod plan_parts;

pub use frame::{CorruptRecord, VERSION};

/// Version of the rules by which rows become digests. A change of [`crate::digest::parse`] that makes another
/// plan of the same rows raises it, so that no run goes on under rules it was not begun with.
pub const RULES: u32 = 1;
