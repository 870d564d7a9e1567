//! A local ECR endpoint: the wire protocol of `BatchCheckLayerAvailability`, on loopback.
//!
//! People test their own code with it, and we test ours: it is strict where the
//! service is strict, and it misbehaves on request, by script, reproducibly. It
//! runs on a thread of its own and needs no Python.
//!
//! ```
//! use layercheck::local_ecr::{Holding, LocalEcr, Options, key};
//!
//! let server = LocalEcr::start(Options::default())?;
//! let digest = format!("sha256:{}", "ab".repeat(32));
//! server.put("app", [(key::parse(&digest).unwrap(), Holding::default())])?;
//! println!("{}", server.endpoint_url());
//! # Ok::<(), layercheck::local_ecr::Error>(())
//! ```
//!
//! The way of a call: `connection` reads it, `call` decides what becomes of it,
//! asking `request` (parse and limits), `store` (what is held), `fault` (what goes
//! wrong) and `answer` (bytes out); `delivery` says how it is sent, and `body` or, where HTTP
//! is broken on purpose, `raw` sends it.
//!
//! What the service does is from its botocore model and the AWS documentation; where
//! neither says, the module that decides says what it chose.

mod call_log;
mod counters;
mod error;
mod faults;
mod handler;
mod http;
mod oci_layout;
mod options;
mod random;
mod response;
mod server;
mod service;
mod state;

pub use call_log::CallRecord;
pub use counters::Counters;
pub use error::Error;
pub use faults::kind::FaultKind;
pub use faults::throttle::{Throttle, ThrottleForm};
pub use faults::{Fault, FaultSpec};
pub use http::tls::Certificate;
pub use oci_layout::{Blob, read_oci_layout};
pub use options::Options;
pub use server::LocalEcr;
pub use service::store::{Availability, Holding, Rule};
pub use service::{Service, key};
