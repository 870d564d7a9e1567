//! The part of dispatch that needs no interpreter: when a call may start, and calls one after the other.

pub mod budget;
pub mod call_loop;

pub use budget::{Budget, Start};
pub use call_loop::{Answered, CallLoop, Seat};
