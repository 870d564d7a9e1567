//! Which digests a run asks next, and what follows from a failure. Without threads, clock and network.

pub mod answer_search;
pub mod call;
pub mod failing;
pub mod fresh;
pub mod retry;
pub mod scheduler;

pub use call::Call;
pub use failing::{Decision, Failure};
pub use retry::{FailureKind, RetryPolicy};
pub use scheduler::{Limits, Scheduler};
