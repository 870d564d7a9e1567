//! The inputs that a planner takes from Python, one file for each kind.
//!
//! One rule holds for all. Memory that other code may write to (lists, arrays) is read only under the
//! interpreter lock, and copied block by block; the copy is parsed with the lock released. Memory that never
//! changes (bytes, Arrow arrays by their contract) is parsed in place.

pub(super) mod arrow;
mod block;
mod capsule;
pub(super) mod files;
pub(super) mod fixed;
pub(super) mod rows;

pub(super) use block::Block;
