//! A local ECR endpoint: the wire protocol of the layer check and of the operations of images, on loopback.
//!
//! Tests of layercheck and tests of other programs use it: it enforces the limits of the
//! service, and it fails on request, by a script that can be repeated. It runs on a thread
//! of its own and does not need Python.
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
//! The path of a call: `http::connection` reads it, `handler` tells its operation and `call` decides on its
//! response. A call uses `service` (the layer check: request and limits, contents, answer), `operations` (the
//! operations of images), `images` (the images of a repository) and `faults` (what goes wrong).
//! `http::body` sends the response; `http::raw_response` sends a response that breaks HTTP on purpose.
//!
//! The endpoint follows the botocore model of the service and the AWS documentation. Where both
//! are silent, the module that decides documents its choice.

mod call;
mod call_log;
mod call_request;
mod counters;
mod error;
mod faults;
mod handler;
mod http;
mod image_contents;
mod images;
mod oci_layout;
mod operations;
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
pub use image_contents::CreateOptions;
pub use images::life::ImageStatus;
pub use images::made::ImageRule;
pub use oci_layout::{Blob, read_oci_layout};
pub use operations::push::Push;
pub use options::Options;
pub use server::LocalEcr;
pub use service::operation::Operation;
pub use service::repository::{Encryption, TagMutability};
pub use service::store::{Availability, Holding, Rule};
pub use service::{Service, key};
