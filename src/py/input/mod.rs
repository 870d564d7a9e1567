//! What may be handed to a planner: a file for each kind.
//!
//! They share one rule. Memory that somebody may write to (lists, arrays) is read only under the
//! interpreter lock, a block at a time into memory of our own; parsing happens with the lock given
//! back. Memory that never changes (bytes, Arrow arrays by their contract) is parsed where it is.

pub(super) mod arrow;
mod block;
mod capsule;
pub(super) mod files;
pub(super) mod fixed;
pub(super) mod rows;

pub(super) use block::Block;
