//! Which of these layer digests are really in that Amazon ECR repository?
//!
//! This crate is the core of layercheck. It turns rows of text into a [`Plan`] (validated, normalised,
//! deduplicated and packed into batches) and answers into verdicts in a [`Ledger`], and writes report tables
//! from both. Every folder outside `py/` compiles and is tested without Python. Only `http` and `local_ecr`,
//! each behind a feature, open connections.
//!
//! ```
//! use layercheck::{Planner, Verdict};
//!
//! let mut planner = Planner::new(false);
//! planner.row(format!("sha256:{}", "ab".repeat(32)).as_bytes());
//! planner.row("AB".repeat(32).as_bytes()); // the same digest, spelled otherwise
//! planner.row(b"nonsense");
//! let plan = planner.finish(100)?;
//! assert_eq!((plan.rows(), plan.unique(), plan.invalid()), (3, 1, 1));
//! assert_eq!(plan.rejects().get(0).kind.name(), "not_hexadecimal");
//! assert_eq!(Verdict::Unavailable.name(), "unavailable");
//! # Ok::<(), layercheck::OutOfMemory>(())
//! ```

mod allocator;
pub mod comparison;
pub mod digest;
pub mod dispatch;
#[cfg(feature = "wire")]
pub mod http;
pub mod images;
pub mod input;
pub mod journal;
pub mod json;
pub mod known_secrets;
pub mod layout;
pub mod ledger;
#[cfg(feature = "local-ecr")]
pub mod local_ecr;
pub mod manifest;
pub mod memory;
pub mod plan;
pub mod protocol;
#[cfg(feature = "python")]
mod py;
pub mod table;
pub mod verdict;

pub use digest::Digest;
pub use digest::parse::{ParseError, RejectKind, Spelling};
pub use ledger::Ledger;
pub use ledger::columns::Columns;
pub use memory::OutOfMemory;
pub use plan::Plan;
pub use plan::planner::Planner;
pub use plan::rejected_rows::{Reject, Rejects};
pub use table::Table;
pub use verdict::Verdict;
