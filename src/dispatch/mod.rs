//! The part of dispatch that needs no interpreter: what is asked next, when a call may start, and calls one
//! after the other.

pub mod budget;
pub mod call_loop;
pub mod pacer;
pub mod recovery;
pub mod schedule;
pub mod seats;

pub use budget::{Budget, Start};
pub use call_loop::{Answered, Begun, CallLoop};
pub use pacer::{Pacer, Pacing};
pub use recovery::Recovery;
pub use schedule::{Call, Decision, Failure, FailureKind, Limits, RetryPolicy, Scheduler};
pub use seats::{Current, Seat};
