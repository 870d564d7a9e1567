//! Encodes what a journal keeps: the plan, in parts, and the outcomes of each call.
//!
//! This is only the codec. The package's `journal` folder decides where and when the bytes are written, and
//! puts them into a database. All decoders take hostile bytes: a wrong bit anywhere is an error, and no
//! memory is reserved for a number that was only read.

pub(crate) mod frame;
pub mod outcomes;
pub mod plan_parts;

pub use frame::{CorruptRecord, VERSION};

/// Version of the rules that turn rows into digests. Raise it with a change of [`crate::digest`] that
/// makes another plan of the same rows, so that a run resumes only under the rules with which it began.
pub const RULES: u32 = 2;
