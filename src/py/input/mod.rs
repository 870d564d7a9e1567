//! The inputs that a planner takes from Python, one file for each kind.
//!
//! One rule holds for all. Memory that other code may write to (lists, arrays) is read only under the
//! interpreter lock; the lock is released after each block of rows, while these are looked up. Memory that
//! never changes (bytes, Arrow arrays by their contract) is parsed in place with the lock released.

pub(super) mod arrow;
mod capsule;
pub(super) mod files;
pub(super) mod fixed;
pub(super) mod rows;
